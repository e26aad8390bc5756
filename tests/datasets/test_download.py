"""One file from a server on loopback that cuts, changes, lies, fails and is slow."""

import hashlib
import json
import shutil
from types import SimpleNamespace

import pytest

from medtutor.datasets.download import FetchFailed, Patience, download
from medtutor.datasets.registry import DataFile

from .http_server import Served, Server

CONTENT = bytes(range(256)) * 4000
QUICK = Patience(tries=2, wait=0.01, connect=0.3, read=0.3)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        yield server


def md5(content=CONTENT):
    return "md5:" + hashlib.md5(content).hexdigest()


def entry(server, name="a.zip", checksum=True, **more):
    if checksum:
        more |= {"checksum": md5(), "checksum_from": "the test"}
    return DataFile(url=server.base + name, **more)


def fetched(file, to, patience=QUICK):
    said = []
    return download(file, to, patience, said.append).read_bytes(), said


def left(place):
    return sorted(path.name for path in place.iterdir())


def test_whole(server, tmp_path):
    served = server.files["a.zip"] = Served(CONTENT)
    assert fetched(entry(server), tmp_path) == (CONTENT, [])
    assert left(tmp_path) == ["a.zip"]
    assert fetched(entry(server), tmp_path)[0] == CONTENT and len(served.asked) == 1  # not again
    (tmp_path / "a.zip").write_bytes(b"damaged since")
    assert fetched(entry(server), tmp_path)[0] == CONTENT and len(served.asked) == 2


@pytest.mark.parametrize("checksum", [True, False])
def test_cut_and_gone_on_with(server, tmp_path, checksum):
    served = server.files["a.zip"] = Served(CONTENT, cut=[300_000, 400_000])
    content, said = fetched(entry(server, checksum=checksum), tmp_path)
    assert content == CONTENT and len(said) == 2
    assert f"cut at 300000 of {len(CONTENT)} bytes" in said[0]
    assert [asked.get("Range") for asked in served.asked] == [
        None, "bytes=300000-", "bytes=700000-",
    ]  # fmt: skip
    assert served.asked[1]["If-Range"] == '"one"'


def test_stopped_and_started_again(server, tmp_path):
    served = server.files["a.zip"] = Served(CONTENT, cut=[300_000], errors=[0, 500, 500])
    with pytest.raises(FetchFailed, match=r"300000 bytes are kept in .*a.zip.part"):
        fetched(entry(server), tmp_path)
    assert left(tmp_path) == ["a.zip.part", "a.zip.part.json"]
    assert fetched(entry(server), tmp_path)[0] == CONTENT
    assert served.asked[-1]["Range"] == "bytes=300000-"
    assert left(tmp_path) == ["a.zip"]


def test_server_without_ranges(server, tmp_path):
    server.files["a.zip"] = Served(CONTENT, ranges=False, cut=[300_000])
    assert fetched(entry(server), tmp_path)[0] == CONTENT


@pytest.mark.parametrize("checksum", [True, False])
def test_file_that_changed_between(server, tmp_path, checksum):
    """The part is of the old file; the new one comes whole."""
    new = CONTENT[::-1]
    server.files["a.zip"] = Served(new, etag='"two"', cut=[])
    (tmp_path / "a.zip.part").write_bytes(CONTENT[:5000])
    note = {"url": server.base + "a.zip", "validator": '"one"', "total": len(CONTENT)}
    (tmp_path / "a.zip.part.json").write_text(json.dumps(note))
    file = entry(server, checksum=False)
    if checksum:
        file = entry(server, checksum=False, checksum_from="the test")
        file = file.model_copy(update={"checksum": md5(new)})
    assert fetched(file, tmp_path)[0] == new


def test_part_without_validator_is_not_gone_on_with(server, tmp_path):
    served = server.files["a.zip"] = Served(CONTENT, etag="", cut=[1000])
    assert fetched(entry(server, checksum=False), tmp_path)[0] == CONTENT
    assert "Range" not in served.asked[1]


def test_pieces_of_two_files_are_fetched_anew(server, tmp_path):
    """No validator, but a digest: gone on with, found wrong, once more from the start."""
    served = server.files["a.zip"] = Served(CONTENT, etag="")
    (tmp_path / "a.zip.part").write_bytes(b"?" * 1000)
    assert fetched(entry(server), tmp_path)[0] == CONTENT
    assert [("Range" in asked) for asked in served.asked] == [True, False]


def test_part_that_is_whole_already(server, tmp_path):
    server.files["a.zip"] = Served(CONTENT)
    (tmp_path / "a.zip.part").write_bytes(CONTENT)
    assert fetched(entry(server), tmp_path)[0] == CONTENT


def test_wrong_checksum(server, tmp_path):
    server.files["a.zip"] = Served(b"another file")
    found = md5(b"another file")
    with pytest.raises(FetchFailed, match=f"checksum wanted {md5()}, found {found}: the owner"):
        fetched(entry(server), tmp_path)
    assert left(tmp_path) == []


def test_wrong_length(server, tmp_path):
    server.files["a.zip"] = Served(CONTENT)
    with pytest.raises(FetchFailed, match=f"77 bytes wanted, the server has {len(CONTENT)}"):
        fetched(entry(server, checksum=False, bytes=77), tmp_path)


def test_errors(server, tmp_path):
    with pytest.raises(FetchFailed, match="absent.zip: the server answered 404"):
        fetched(entry(server, "absent.zip"), tmp_path)
    served = server.files["a.zip"] = Served(CONTENT, errors=[500] * 9)
    with pytest.raises(FetchFailed, match=r"answered 500 .*tried 2 times"):
        fetched(entry(server), tmp_path)
    assert len(served.asked) == 2
    served.errors = [503]
    content, said = fetched(entry(server), tmp_path)
    assert content == CONTENT and "503" in said[0]


def test_slow_server(server, tmp_path):
    served = server.files["a.zip"] = Served(CONTENT, silent=[2])
    content, said = fetched(entry(server), tmp_path)
    assert content == CONTENT and "did not answer in time" in said[0]
    served.silent = [2, 2]
    (tmp_path / "a.zip").unlink()
    with pytest.raises(FetchFailed, match="did not answer in time"):
        fetched(entry(server), tmp_path)


def test_mirrors_in_turn(server, tmp_path):
    served = server.files["mirror/a.zip"] = Served(CONTENT)
    file = entry(server, mirrors=(server.base + "bad.zip", server.base + "mirror/a.zip"))
    server.files["bad.zip"] = Served(b"?" * 100)
    content, said = fetched(file, tmp_path)
    assert content == CONTENT and len(served.asked) == 1
    assert "404" in said[0] and "checksum wanted" in said[1]


def test_nobody_there(tmp_path):
    with Server() as server:
        gone = entry(server)
    with pytest.raises(FetchFailed, match="no connection"):
        fetched(gone, tmp_path)


def test_login_page_in_place_of_the_file(server, tmp_path):
    server.files["a.zip"] = Served(b"\n<!DOCTYPE html><title>Log in</title>")
    with pytest.raises(FetchFailed, match="a web page came instead"):
        fetched(entry(server, checksum=False), tmp_path)
    assert left(tmp_path) == []


def test_no_room(server, tmp_path, monkeypatch):
    server.files["a.zip"] = Served(CONTENT)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=1000))
    with pytest.raises(FetchFailed, match=r"wanted for the download, 0.00 GB free"):
        fetched(entry(server), tmp_path)


def test_disk_full_while_writing(server, tmp_path, monkeypatch):
    """What was written stays, and the same call goes on from it."""
    from tqdm.auto import tqdm

    server.files["a.zip"] = Served(CONTENT)
    with monkeypatch.context() as patch:

        def full(self, count=1):
            raise OSError(28, "No space left on device")

        patch.setattr(tqdm, "update", full)
        with pytest.raises(FetchFailed, match=r"disk is full.*\n.*bytes are kept"):
            fetched(entry(server), tmp_path)
    assert fetched(entry(server), tmp_path)[0] == CONTENT
