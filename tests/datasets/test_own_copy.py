"""``--from``: sets given by hand, names and digests, and no room for a copy."""

import zipfile
from types import SimpleNamespace

import pytest

from medtutor.datasets import facts
from medtutor.datasets.fetch import FetchFailed, Means, install
from medtutor.datasets.finished import read_marker
from medtutor.datasets.own_copy import own_copy
from medtutor.datasets.registry import DataFile


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_DATA", str(tmp_path / "root"))
    return tmp_path / "root"


def taken(name, given, **more):
    """Take a set over; what is in it is not looked into, which is for the tests of its reader."""
    about = facts(name).model_copy(update={"reader": ""})
    return install(about, given=given, means=Means(tell=lambda text: None), **more)


def test_form_sets_are_taken_over(tmp_path, root):
    mine = tmp_path / "mine/DRIVE"
    for kind in ("training/images", "training/1st_manual"):
        (mine / kind).mkdir(parents=True)
        (mine / kind / "21.png").write_bytes(b"x")
    place = taken("drive", tmp_path / "mine")
    assert place == root / "drive" and (place / "training/images/21.png").is_file()
    assert (mine / "training/images/21.png").is_file()  # copied, never moved
    assert read_marker(place)["name"] == "drive"


def test_archives_inside_an_archive_stay_files(tmp_path, root):
    with zipfile.ZipFile(tmp_path / "inner.zip", "w") as inner:
        inner.writestr("../../escape.png", b"x")
    with zipfile.ZipFile(tmp_path / "DRIVE.zip", "w") as outer:
        for name in ("images/21.png", "1st_manual/21.png", "like.zip/22.png"):
            outer.writestr(f"DRIVE/training/{name}", b"x")
        outer.write(tmp_path / "inner.zip", "DRIVE/training/inner.zip")
    place = taken("drive", tmp_path / "DRIVE.zip")
    names = sorted(p.relative_to(place).as_posix() for p in place.rglob("*") if p.is_file())
    assert names == [".medtutor.json", "SHA256SUMS", "training/1st_manual/21.png",
                     "training/images/21.png", "training/inner.zip",
                     "training/like.zip/22.png"]  # fmt: skip
    assert not list(tmp_path.rglob("escape.png"))


@pytest.mark.parametrize("name", ["ph2", "derm7pt", "dermofit", "drive", "brats", "exact09"])
def test_form_sets_are_never_downloaded(name, root):
    with pytest.raises(FetchFailed, match=f"{name} is not downloaded by code(.|\n)*by hand"):
        taken(name, None)


def test_the_digest_belongs_to_the_owners_name(tmp_path):
    known = DataFile(url="https://nowhere.invalid/a.zip", checksum="md5:" + "0" * 32,
                     checksum_from="this test")  # fmt: skip
    entry = facts("busi").model_copy(update={"files": (known,)})
    for name in ("a.zip", "packed_again.zip"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(FetchFailed, match="a.zip: checksum wanted md5:0000"):
        own_copy(entry, entry.files, tmp_path / "a.zip")
    (file, path), = own_copy(entry, entry.files, tmp_path / "packed_again.zip").files
    assert path.name == "packed_again.zip" and file.digest is None  # its content is checked later


def test_no_room_to_copy(busi, root, monkeypatch):
    free = SimpleNamespace(free=100)
    monkeypatch.setattr("medtutor.datasets.own_copy.shutil.disk_usage", lambda place: free)
    with pytest.raises(FetchFailed, match="wanted to copy .* --link points to it instead"):
        taken("busi", busi)
