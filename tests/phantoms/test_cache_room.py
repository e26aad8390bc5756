"""The cache as a folder: its limit, its place, several programs, its commands."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from medtutor.course import cli
from medtutor.phantoms.cache import cache_folder, cached, clear, entries, limit_bytes
from medtutor.phantoms.organs import organs
from medtutor.phantoms.pet import pet

from .conftest import PHANTOM, same

pytestmark = pytest.mark.usefixtures("folder")


def test_those_used_longest_ago_go_first(made_up, monkeypatch):
    module = made_up(phantom=PHANTOM, shapes="def level(): return 1.0")
    monkeypatch.setenv("MEDTUTOR_CACHE_LIMIT", "40 kB")  # an entry of side 40 holds 13 kB
    paths = []
    for seed in range(3):
        cached(module.square, 1, side=40, seed=seed)
        paths.append(next(e.path for e in entries() if f"seed={seed}" in e.call))
        os.utime(paths[-1], (1000 + seed, 1000 + seed))
    cached(module.square, 1, side=40, seed=0)  # used again
    cached(module.square, 1, side=40, seed=3)
    assert [path.exists() for path in paths] == [True, False, True]
    assert sum(entry.bytes for entry in entries()) <= limit_bytes()
    cached(module.square, 1, side=400)  # larger than all the room: made, not kept
    assert len(entries()) == 3


def test_a_limit_of_nothing_keeps_nothing(monkeypatch, folder):
    monkeypatch.setenv("MEDTUTOR_CACHE_LIMIT", "0")
    same(cached(organs, 1, size=(16, 16), areas=(0.2,)), organs(1, size=(16, 16), areas=(0.2,)))
    assert not folder.exists()


@pytest.mark.parametrize(("given", "wanted"), [
    ("2 GB", 2e9), ("500MB", 5e8), ("1.5 gb", 1.5e9), ("0", 0), ("64 kB", 64e3), ("7", 7),
    ("1T", None), ("lots", None), ("-1 GB", None),
])  # fmt: skip
def test_sizes(monkeypatch, given, wanted):
    monkeypatch.setenv("MEDTUTOR_CACHE_LIMIT", given)
    if wanted is None:
        with pytest.raises(ValueError, match="MEDTUTOR_CACHE_LIMIT wanted a size as 500 MB"):
            cached(organs, 1)
    else:
        assert limit_bytes() == wanted


def test_half_written_files_of_ended_programs_go(folder):
    folder.mkdir(parents=True)
    old, new = folder / ".old.part", folder / ".new.part"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    cached(organs, 1, size=(16, 16), areas=(0.2,))
    assert not old.exists() and new.exists()


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("MEDTUTOR_CACHE", str(tmp_path / "a file"))
    with pytest.warns(RuntimeWarning, match="cannot be written"):
        made = cached(organs, 1, size=(16, 16), areas=(0.2,))
    same(made, organs(1, size=(16, 16), areas=(0.2,)))


def test_a_full_disk_leaves_nothing_half_written(monkeypatch, folder):
    def full(file, value, about):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("medtutor.phantoms.cache_entries.write_entry", full)
    with pytest.warns(RuntimeWarning, match="No space left"):
        cached(organs, 1, size=(16, 16), areas=(0.2,))
    assert [*folder.iterdir()] == []


def test_several_processes_at_once(folder, tmp_path):
    """Four make, read and push out one another's entries; each gets what it asked for."""
    program = (
        "import numpy as np, sys, time\n"
        "from medtutor.phantoms import cache\n"
        "from medtutor.phantoms.organs import organs\n"
        "cache._started = lambda: np.inf\n"
        "for turn in range(12):\n"
        "    seed = turn % 4\n"
        "    a = cache.cached(organs, 1, size=(16, 16), areas=(0.2,), seed=seed)\n"
        "    b = organs(1, size=(16, 16), areas=(0.2,), seed=seed)\n"
        "    assert np.array_equal(a.images, b.images) and a.factors.equals(b.factors)\n"
    )
    environment = os.environ | {"MEDTUTOR_CACHE_LIMIT": "12 kB", "PYTHONWARNINGS": "error"}
    working = [
        subprocess.Popen([sys.executable, "-c", program], env=environment, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in working:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said.decode()
    assert not list(folder.glob(".*"))


def test_it_lies_where_it_is_told(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "kept" / "phantoms"
    monkeypatch.delenv("MEDTUTOR_CACHE")
    assert cache_folder().parts[-2:] == ("medtutor", "phantoms")


# The commands.

@pytest.fixture
def medtutor(monkeypatch, capfd):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["medtutor", "data", "cache", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capfd.readouterr()
        return ended.value.code, said.out, said.err

    return run


def test_list_and_clear(medtutor, folder):
    assert medtutor("list")[1] == f"0 entries, 0 B of at most 2.0 GB, in {folder}\n"
    cached(organs, 1, size=(16, 16), areas=(0.2,))
    cached(pet, 1, size=(32, 32))
    code, out, _ = medtutor("list")
    assert code == 0 and "organs(1, size=(16, 16), areas=(0.2,))" in out
    assert out.splitlines()[-1].startswith("2 entries, ")
    code, out, _ = medtutor("list", "--json")
    assert code == 0 and '"call": "pet(1, size=(32, 32))"' in out
    assert medtutor("clear", "pet")[1].startswith("removed 1 entry, ")
    assert [entry.name for entry in entries()] == ["organs"]
    assert medtutor("clear")[0] == 0 and entries() == [] == clear()
    assert [*folder.iterdir()] == []


def test_a_wrong_limit_is_wrong_use(medtutor, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_CACHE_LIMIT", "lots")
    code, _, err = medtutor("list")
    assert code == 2 and "wanted a size" in err


def test_warnings_are_not_errors_in_disguise():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cached(organs, 1, size=(16, 16), areas=(0.2,))
    assert Path(entries()[0].path).name.startswith("organs-")
