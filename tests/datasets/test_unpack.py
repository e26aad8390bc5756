"""Archives that nobody should trust."""

import io
import shutil
import stat
import tarfile
import zipfile
from types import SimpleNamespace

import pytest

from medtutor.datasets.download import FetchFailed
from medtutor.datasets.unpack import Limits, unpack


def zipped(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def tarred(path, *members, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for member in members:
            if isinstance(member, tuple):
                name, content = member
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                archive.addfile(member)
    return path


def written(place):
    return sorted(p.relative_to(place).as_posix() for p in place.rglob("*") if p.is_file())


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_plain(pack, tmp_path):
    inner = zipped(tmp_path / "inner.zip", ("x", b"x")).read_bytes()
    path = pack(
        tmp_path / "a.bin",
        ("set/a.png", b"a"), ("set/deep/b.png", b"b"), ("set/inner.zip", inner),
        ("__MACOSX/set/._a.png", b"?"), ("set/.DS_Store", b"?"), ("set/._b.png", b"?"),
    )  # fmt: skip
    assert unpack(path, tmp_path / "out") >= 3
    assert written(tmp_path / "out") == ["set/a.png", "set/deep/b.png", "set/inner.zip"]
    assert (tmp_path / "out/set/a.png").read_bytes() == b"a"


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize(
    "name",
    ["../escape", "/etc/escape", "a/../../escape", "C:\\escape", "c:escape", "..\\escape",
     "\\\\server\\share\\escape", "a\nb"],
)  # fmt: skip
def test_names_outside_the_folder(pack, name, tmp_path):
    path = pack(tmp_path / "bad.bin", ("fine.png", b"x"), (name, b"x"))
    with pytest.raises(FetchFailed, match="refused"):
        unpack(path, tmp_path / "deep" / "out")
    assert written(tmp_path) == ["bad.bin"]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_in_a_tar(kind, tmp_path):
    member = tarfile.TarInfo("odd")
    member.type, member.linkname = kind, "/etc/passwd"
    with pytest.raises(FetchFailed, match="holds a link or device, odd"):
        unpack(tarred(tmp_path / "bad.tar", ("fine", b"x"), member), tmp_path / "out")
    assert not (tmp_path / "out").exists() or not written(tmp_path / "out")


def test_link_in_a_zip(tmp_path):
    info = zipfile.ZipInfo("odd")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(FetchFailed, match="holds a link or device, odd"):
        unpack(zipped(tmp_path / "bad.zip", (info, "/etc/passwd")), tmp_path / "out")


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_bombs(pack, tmp_path):
    path = pack(tmp_path / "bomb.bin", ("zeros", bytes(3_000_000)), ("more", bytes(3_000_000)))
    limits = Limits(ratio_from=1_000_000)
    with pytest.raises(FetchFailed, match="grows to more than 200 times its size"):
        unpack(path, tmp_path / "one", limits)
    with pytest.raises(FetchFailed, match="holds more than 4000000 bytes"):
        unpack(path, tmp_path / "two", Limits(bytes=4_000_000))
    path = pack(tmp_path / "many.bin", *[(f"{k}", b"") for k in range(30)])
    with pytest.raises(FetchFailed, match="holds more than 10 files"):
        unpack(path, tmp_path / "three", Limits(files=10))
    assert unpack(path, tmp_path / "four") == 30


def test_zip_that_lies_about_its_size(tmp_path):
    """The head says a byte, the content goes on: caught while it is written."""
    path = zipped(tmp_path / "lie.zip", ("zeros", bytes(3_000_000)))
    real = (3_000_000).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(real, (1).to_bytes(4, "little")))
    with pytest.raises(FetchFailed, match="broken, cannot be unpacked"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_two_files_for_one_place(pack, tmp_path):
    path = pack(tmp_path / "bad.bin", ("a/b", b"x"), ("a\\b", b"y"))
    with pytest.raises(FetchFailed, match="two files in it want the place b"):
        unpack(path, tmp_path / "out")
    path = pack(tmp_path / "bad2.bin", ("a", b"x"), ("a/b", b"y"))
    with pytest.raises(FetchFailed, match="two files in it want the place"):
        unpack(path, tmp_path / "out2")


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_half_an_archive(pack, tmp_path):
    path = pack(tmp_path / "a.bin", ("a", bytes(range(256)) * 300), ("b", b"b" * 1000))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(FetchFailed, match=r"broken|neither"):
        unpack(path, tmp_path / "out")


def test_not_an_archive_and_no_room(tmp_path, monkeypatch):
    page = tmp_path / "page.zip"
    page.write_text("please log in")
    with pytest.raises(FetchFailed, match="wanted a zip or tar archive, this is neither"):
        unpack(page, tmp_path / "out")
    path = zipped(tmp_path / "a.zip", ("a", b"1234"))
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=3))
    with pytest.raises(FetchFailed, match="GB wanted to unpack"):
        unpack(path, tmp_path / "out")
