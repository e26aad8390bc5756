"""Putting data sets in place: from a server on loopback, and from what a person has already."""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from types import SimpleNamespace

import pytest
from filelock import FileLock

from medtutor.datasets import Busi, DatasetAbsent, MsdHippocampus, facts, folder
from medtutor.datasets.checksums import SUMS, wrong_files
from medtutor.datasets.download import Patience
from medtutor.datasets.fetch import FetchFailed, Means, install
from medtutor.datasets.finished import MARKER, read_marker
from medtutor.datasets.unpack import Limits

from .http_server import Served, Server

QUICK = Patience(tries=2, wait=0.01, connect=2, read=2)
MEANS = Means(patience=QUICK, tell=lambda text: None)
TAR, ZIP = "Task04_Hippocampus.tar", "Dataset_BUSI.zip"

# What a second process runs: address, digest, then it says what it is told.
CHILD = """
import sys
from medtutor.datasets import facts
from medtutor.datasets.fetch import install
url, digest = sys.argv[1:]
about = facts("msd_hippocampus")
file = about.files[0].model_copy(update={"url": url, "checksum": digest})
install(about.model_copy(update={"cases": 3, "files": (file,)}))
"""


@pytest.fixture
def hippocampus_tar(hippocampus, tmp_path):
    path = tmp_path / TAR
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
def fresh(tmp_path, monkeypatch):
    root = tmp_path / "fresh"
    monkeypatch.setenv("MEDTUTOR_DATA", str(root))
    return root


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        yield server


def digest(path):
    return "md5:" + hashlib.md5(path.read_bytes()).hexdigest()


def of(name, cases, url=None, checksum=None):
    """A set's facts with few cases and another address."""
    about = facts(name)
    files = about.files
    if url:
        files = (files[0].model_copy(update={"url": url, "checksum": checksum}),)
    return about.model_copy(update={"cases": cases, "files": files})


def served(server, path, **ways):
    server.files[TAR] = Served(path.read_bytes(), **ways)
    return of("msd_hippocampus", 3, server.base + TAR, digest(path))


def visible(root):
    return sorted(p.name for p in root.iterdir() if p.name != ".downloads") if root.exists() else []


def test_fetched_unpacked_checked_and_marked(server, hippocampus_tar, fresh):
    about = served(server, hippocampus_tar, cut=[2000])
    place = install(about, means=MEANS)
    assert place == fresh / "msd_hippocampus" == folder("msd_hippocampus")
    assert len(MsdHippocampus()) == 3
    marker = read_marker(place)
    assert marker["cases"] == 3 and marker["files"] == {TAR: digest(hippocampus_tar)}
    assert all(not wrong for _, wrong in wrong_files(place))
    assert visible(fresh) == ["msd_hippocampus"]
    assert [p.name for p in (fresh / ".downloads").iterdir()] == ["msd_hippocampus.lock"]
    asked = len(server.files[TAR].asked)
    assert install(about, means=MEANS) == place and len(server.files[TAR].asked) == asked


def test_cut_for_good_keeps_the_part_and_goes_on(server, hippocampus_tar, fresh):
    about = served(server, hippocampus_tar, cut=[4000], errors=[0, 500, 500])
    with pytest.raises(FetchFailed) as caught:
        install(about, means=MEANS)
    message = str(caught.value)
    for wanted in (
        about.files[0].url,
        about.files[0].checksum,
        "medtutor data get msd_hippocampus --from FOLDER_OR_ARCHIVE",
        str(fresh / "msd_hippocampus"),
        "4000 bytes are kept",
        str(fresh / ".downloads" / "msd_hippocampus"),
    ):
        assert wanted in message
    assert visible(fresh) == []
    with pytest.raises(DatasetAbsent):
        folder("msd_hippocampus")
    install(about, means=MEANS)
    assert server.files[TAR].asked[-1]["Range"] == "bytes=4000-"
    assert len(MsdHippocampus()) == 3


def test_wrong_checksum_leaves_nothing(server, hippocampus_tar, fresh):
    about = served(server, hippocampus_tar)
    bad = about.files[0].model_copy(update={"checksum": "md5:" + "0" * 32})
    with pytest.raises(FetchFailed, match=r"checksum wanted md5:000(.|\n)*by hand"):
        install(about.model_copy(update={"files": (bad,)}), means=MEANS)
    assert visible(fresh) == []


def test_no_room_is_said_before_the_download(server, hippocampus_tar, fresh, monkeypatch):
    about = served(server, hippocampus_tar)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=1000))
    with pytest.raises(FetchFailed, match=r"about 0.1 GB wanted, for the download and for it unp"):
        install(about, means=MEANS)
    assert server.files[TAR].asked == []


def test_refused_archive_leaves_nothing(tmp_path, fresh):
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("benign/fine.png", b"x")
        archive.writestr("../escape.txt", b"x")
    with pytest.raises(FetchFailed, match="refused, it would write outside its folder"):
        install(of("busi", 16), given=path, means=MEANS)
    assert visible(fresh) == [] and not (tmp_path / "escape.txt").exists()


def test_interrupted_and_full_while_unpacking(busi_zip, fresh, monkeypatch):
    for error in (KeyboardInterrupt(), OSError(28, "No space left on device")):
        with monkeypatch.context() as patch:

            def broken(*arguments, error=error):
                raise error

            patch.setattr("medtutor.datasets.unpack._write", broken)
            wanted = FetchFailed if isinstance(error, OSError) else KeyboardInterrupt
            with pytest.raises(wanted):
                install(of("busi", 16), given=busi_zip, means=MEANS)
        assert visible(fresh) == []
    install(of("busi", 16), given=busi_zip, means=MEANS)
    assert visible(fresh) == ["busi"]


def test_wrong_content(hippocampus_tar, busi_zip, tmp_path, fresh):
    few = of("msd_hippocampus", 260, "https://example.org/a.tar", digest(hippocampus_tar))
    with pytest.raises(FetchFailed, match="wanted 260 cases, found 3"):
        install(few, given=hippocampus_tar, means=MEANS)
    with pytest.raises(FetchFailed, match="wanted inside: benign, malignant, normal; found Task04"):
        install(of("busi", 3), given=hippocampus_tar, means=MEANS)
    with pytest.raises(FetchFailed, match="grows to more than"):
        means = Means(limits=Limits(ratio=0.1, ratio_from=10), tell=print)
        install(of("busi", 16), given=busi_zip, means=means)
    with zipfile.ZipFile(busi_zip, "a") as archive:
        archive.writestr("Dataset_BUSI_with_GT/benign/benign (77).png", b"x")
    with pytest.raises(FetchFailed, match=r"do not pair; alone: benign \(77\)"):
        install(of("busi", 16), given=busi_zip, means=MEANS)
    with pytest.raises(FetchFailed, match="no such file or folder"):
        install(of("busi", 16), given=tmp_path / "absent.zip", means=MEANS)
    with pytest.raises(FetchFailed, match="not downloaded by code"):
        install(facts("ph2"), means=MEANS)
    assert visible(fresh) == []


def test_own_archive_and_own_folder(busi_zip, busi, fresh):
    before = sorted(busi.rglob("*"))
    install(of("busi", 16), given=busi_zip, means=MEANS)
    assert len(Busi()) == 16 and busi_zip.exists()
    shutil.rmtree(fresh / "busi")
    install(of("busi", 16), given=busi, means=MEANS)
    assert len(Busi()) == 16 and sorted(busi.rglob("*")) == before  # copied, never moved
    # A finished copy from another machine: marker and sums are made anew.
    elsewhere = fresh.with_name("elsewhere")
    (fresh / "busi").rename(elsewhere)
    install(of("busi", 16), given=elsewhere, means=MEANS)
    assert all(not wrong for _, wrong in wrong_files(fresh / "busi"))
    assert MARKER not in (fresh / "busi" / SUMS).read_text()
    with pytest.raises(FetchFailed, match="neither the unpacked set .* nor all of the owner's"):
        install(of("msd_hippocampus", 3), given=elsewhere, means=MEANS)


def test_owners_file_is_held_to_its_checksum(hippocampus_tar, fresh):
    with pytest.raises(FetchFailed, match=f"{TAR}: checksum wanted md5:9d24.*, found md5:"):
        install(of("msd_hippocampus", 3), given=hippocampus_tar, means=MEANS)
    with pytest.raises(FetchFailed, match="checksum wanted"):
        install(of("msd_hippocampus", 3), given=hippocampus_tar.parent, means=MEANS)
    assert visible(fresh) == []


def test_link_to_an_own_folder(busi, busi_zip, fresh):
    place = install(of("busi", 16), given=busi, link=True, means=MEANS)
    assert place.is_symlink() and len(Busi()) == 16
    assert not (busi / MARKER).exists()  # nothing is written into what is not ours
    place.unlink()
    with pytest.raises(FetchFailed, match="--link wants --from with a folder"):
        install(of("busi", 16), given=busi_zip, link=True, means=MEANS)


def test_a_folder_of_something_else_is_not_written_over(busi_zip, fresh):
    (fresh / "busi").mkdir(parents=True)
    (fresh / "busi" / "mine.txt").write_text("x")
    with pytest.raises(FetchFailed, match="is there already and does not hold"):
        install(of("busi", 16), given=busi_zip, means=MEANS)
    assert (fresh / "busi" / "mine.txt").exists()


def test_parts_are_added(server, fresh):
    files, known = [], {f.part: f for f in facts("medmnist").files}
    for part in ("breastmnist", "retinamnist"):
        server.files[f"{part}.npz"] = Served(part.encode())
        found = "md5:" + hashlib.md5(part.encode()).hexdigest()
        url = f"{server.base}{part}.npz"
        files.append(known[part].model_copy(update={"url": url, "checksum": found}))
    plain = facts("medmnist").model_copy(update={"files": tuple(files), "reader": ""})
    with pytest.raises(FetchFailed, match="medmnist has no part octmnist; its parts: breastmnist"):
        install(plain, only=["octmnist"], means=MEANS)
    place = install(plain, only=["breastmnist"], means=MEANS)
    assert sorted(p.name for p in place.glob("*.npz")) == ["breastmnist.npz"]
    server.files["retinamnist.npz"].errors = [404]
    with pytest.raises(FetchFailed, match="404"):
        install(plain, means=MEANS)
    assert sorted(p.name for p in place.glob("*.npz")) == ["breastmnist.npz"]  # as it was
    install(plain, means=MEANS)
    assert sorted(p.name for p in place.glob("*.npz")) == ["breastmnist.npz", "retinamnist.npz"]
    assert len(server.files["breastmnist.npz"].asked) == 1
    assert set(read_marker(place)["files"]) == {"breastmnist.npz", "retinamnist.npz"}
    assert all(not wrong for _, wrong in wrong_files(place))


def child(about):
    file = about.files[0]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, file.url, file.checksum],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "waited for too long"
        time.sleep(0.02)


def test_two_processes_at_once(server, hippocampus_tar, fresh):
    about = served(server, hippocampus_tar, silent=[3])
    first = child(about)
    until(lambda: server.files[TAR].asked)  # it has the lock, and waits for the server
    second = child(about)
    (_, wrong), (_, wrong_too) = first.communicate(timeout=60), second.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0), wrong + wrong_too
    assert len(server.files[TAR].asked) == 1  # the second found it done
    assert len(MsdHippocampus()) == 3


def test_who_waits_for_another_process_is_told(server, hippocampus_tar, fresh):
    about, told, held = served(server, hippocampus_tar), [], fresh / ".downloads"
    held.mkdir(parents=True)
    other = FileLock(held / f"{about.name}.lock", thread_local=False)
    other.acquire()

    def tell(text):
        told.append(text)
        other.release()

    install(about, means=Means(patience=QUICK, tell=tell))
    assert told[0].startswith("another process is putting msd_hippocampus in place")
    assert len(MsdHippocampus()) == 3


def test_killed_and_started_again(server, hippocampus_tar, fresh):
    about = served(server, hippocampus_tar, silent=[30])
    first = child(about)
    until(lambda: server.files[TAR].asked)
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=30)
    assert visible(fresh) == []
    # As if it had been killed later: half unpacked, half fetched.
    (fresh / ".msd_hippocampus.unpacking" / "imagesTr").mkdir(parents=True)
    part = fresh / ".downloads" / "msd_hippocampus" / f"{TAR}.part"
    part.parent.mkdir(exist_ok=True)
    part.write_bytes(hippocampus_tar.read_bytes()[:3000])
    with pytest.raises(DatasetAbsent):
        folder("msd_hippocampus")
    install(about, means=MEANS)
    assert server.files[TAR].asked[-1]["Range"] == "bytes=3000-"
    assert visible(fresh) == ["msd_hippocampus"] and len(MsdHippocampus()) == 3


def test_killed_between_the_two_renames(server, fresh, hippocampus_tar):
    about = served(server, hippocampus_tar)
    place = install(about, means=MEANS)
    place.rename(fresh / ".msd_hippocampus.old")
    install(about, means=MEANS)
    assert visible(fresh) == ["msd_hippocampus"] and len(server.files[TAR].asked) == 1
    assert json.loads((place / MARKER).read_text())["cases"] == 3
