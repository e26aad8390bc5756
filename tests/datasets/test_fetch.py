"""Putting data in place, offline: archives of made data served from file addresses."""

import hashlib
import importlib.util
import io
import tarfile
import zipfile

import pytest

from medtutor.datasets import Busi, MsdHippocampus, facts, folder
from medtutor.datasets.fetch import FetchFailed, Source, install, unpack


@pytest.fixture
def hippocampus_tar(hippocampus, tmp_path):
    path = tmp_path / "Task04_Hippocampus.tar"
    with tarfile.open(path, "w") as archive:
        archive.add(hippocampus, "Task04_Hippocampus")
    return path


@pytest.fixture
def busi_zip(busi, tmp_path):
    path = tmp_path / "Dataset_BUSI_with_GT.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(busi.rglob("*.png")):
            archive.write(file, f"Dataset_BUSI_with_GT/{file.relative_to(busi)}")
    return path


@pytest.fixture
def empty_root(tmp_path, monkeypatch):
    root = tmp_path / "fresh"
    monkeypatch.setenv("MEDTUTOR_DATA", str(root))
    return root


def of(name, cases):
    return facts(name).model_copy(update={"cases": cases})


def source(path, digest=None):
    return Source(path.as_uri(), "md5", digest or hashlib.md5(path.read_bytes()).hexdigest())


def nothing_left(root):
    return not root.exists() or not list(root.iterdir())


def script(repository, name):
    spec = importlib.util.spec_from_file_location(name, repository / "data_scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_download_verify_unpack_rename(hippocampus_tar, empty_root):
    place = install(of("msd_hippocampus", 3), MsdHippocampus, source=source(hippocampus_tar))
    assert place == empty_root / "msd_hippocampus" == folder("msd_hippocampus")
    assert len(MsdHippocampus()) == 3
    assert [p.name for p in empty_root.iterdir()] == ["msd_hippocampus"]


def test_archive_by_hand(busi_zip, empty_root):
    install(of("busi", 16), Busi, archive=busi_zip)
    assert len(Busi()) == 16
    assert busi_zip.exists()  # the user's file stays
    with pytest.raises(FetchFailed, match="is there already: delete it first"):
        install(of("busi", 16), Busi, archive=busi_zip)


def test_wrong_checksum_prints_the_manual_way(hippocampus_tar, empty_root):
    bad = source(hippocampus_tar, "0" * 32)
    with pytest.raises(FetchFailed) as caught:
        install(of("msd_hippocampus", 3), MsdHippocampus, source=bad)
    message = str(caught.value)
    assert "md5 wanted 00000" in message and "download is incomplete" in message
    for wanted in (
        bad.url,
        f"md5:{bad.digest}",
        "python data_scripts/get_msd_hippocampus.py ARCHIVE",
        str(empty_root / "msd_hippocampus"),
    ):
        assert wanted in message
    assert nothing_left(empty_root)


def test_address_that_does_not_answer(tmp_path, empty_root):
    gone = Source((tmp_path / "gone.tar").as_uri(), "md5", "0" * 32)
    with pytest.raises(FetchFailed, match="gone.tar could not be fetched(.|\n)*by hand"):
        install(of("msd_hippocampus", 3), MsdHippocampus, source=gone)
    assert nothing_left(empty_root)


@pytest.mark.parametrize("name", ["../escape.txt", "/etc/escape", "a/../../b", "C:\\escape"])
def test_escaping_zip_is_refused(name, tmp_path, empty_root):
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("benign/fine.png", b"x")
        archive.writestr(name, b"x")
    with pytest.raises(FetchFailed, match="refused, it would write outside its folder"):
        install(of("busi", 16), Busi, archive=path)
    assert nothing_left(empty_root)
    assert not (tmp_path / "escape.txt").exists()


def test_escaping_tar_is_refused(tmp_path):
    def made(member):
        path = tmp_path / "bad.tar"
        with tarfile.open(path, "w") as archive:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
        return path

    outside = tarfile.TarInfo("../escape.txt")
    outside.size = 1
    with pytest.raises(FetchFailed, match="refused"):
        unpack(made(outside), tmp_path / "out")
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(FetchFailed, match="holds a link or device, link"):
        unpack(made(link), tmp_path / "out")
    assert not (tmp_path / "escape.txt").exists() and not (tmp_path / "out").exists()


def test_interrupted_leaves_nothing(hippocampus_tar, empty_root):
    def interrupted(place):
        assert list(place.iterdir())  # it is unpacked, and the person presses Ctrl-C
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        install(of("msd_hippocampus", 3), interrupted, source=source(hippocampus_tar))
    assert nothing_left(empty_root)


def test_disk_full_leaves_nothing(hippocampus_tar, empty_root, monkeypatch):
    def full(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "extractall", full)
    with pytest.raises(FetchFailed, match="No space left on device"):
        install(of("msd_hippocampus", 3), MsdHippocampus, source=source(hippocampus_tar))
    assert nothing_left(empty_root)


def test_wrong_content(hippocampus_tar, busi_zip, tmp_path, empty_root):
    with pytest.raises(FetchFailed, match="wanted 260 cases in the archive, found 3"):
        install(facts("msd_hippocampus"), MsdHippocampus, archive=hippocampus_tar)
    with pytest.raises(FetchFailed, match="folders benign, malignant, normal inside"):
        install(of("busi", 3), Busi, archive=hippocampus_tar)
    with zipfile.ZipFile(busi_zip, "a") as archive:
        archive.writestr("Dataset_BUSI_with_GT/benign/benign (77).png", b"x")
    with pytest.raises(FetchFailed, match=r"do not pair; alone: benign \(77\)"):
        install(of("busi", 16), Busi, archive=busi_zip)
    text = tmp_path / "page.html"
    text.write_text("<html>please log in</html>")
    with pytest.raises(FetchFailed, match="wanted a zip or tar archive, this is neither"):
        install(of("busi", 16), Busi, archive=text)
    with pytest.raises(FetchFailed, match="No such file"):
        install(of("busi", 16), Busi, archive=tmp_path / "absent.zip")
    assert nothing_left(empty_root)


def test_half_an_archive(busi_zip, hippocampus_tar, empty_root):
    for path, name, reader in (
        (busi_zip, "busi", Busi),
        (hippocampus_tar, "msd_hippocampus", list),
    ):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(FetchFailed, match="by hand"):
            install(of(name, 3), reader, archive=path)
    assert nothing_left(empty_root)


def test_script_for_the_hippocampus(repository, hippocampus_tar, empty_root, monkeypatch, capsys):
    command = script(repository, "get_msd_hippocampus")
    monkeypatch.setattr(command, "monai_source", lambda: source(hippocampus_tar))
    assert command.main([]) == 1  # three scans are not the whole set
    assert "wanted 260 cases" in capsys.readouterr().err
    monkeypatch.setattr(command, "facts", lambda name: of(name, 3))
    assert command.main([]) == 0
    assert "in place" in capsys.readouterr().out
    assert command.main([]) == 1  # there already


def test_script_for_busi(repository, busi_zip, empty_root, monkeypatch, capsys):
    command = script(repository, "get_busi")
    assert command.main([]) == 1
    assert "where to get it" in capsys.readouterr().err
    monkeypatch.setattr(command, "facts", lambda name: of(name, 16))
    assert command.main([str(busi_zip)]) == 0
    assert len(Busi()) == 16


def test_monai_knows_address_and_checksum(repository):
    found = script(repository, "get_msd_hippocampus").monai_source()
    assert found.url.startswith("https://") and found.url.endswith("Task04_Hippocampus.tar")
    assert found.algorithm == "md5" and len(found.digest) == 32
