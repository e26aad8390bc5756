"""``python -m benchmarks``: what it accepts, what it says, what it returns."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks import __main__ as command
from benchmarks.measuring import ops, results


@pytest.fixture
def faked(fake, without_copies, tmp_path, monkeypatch):
    """Two operations with made-up cases; results go to a folder of the test."""
    environment = dict(os.environ)
    monkeypatch.setattr(ops, "operations", lambda: ["overlap", "warp"])
    monkeypatch.setattr(ops, "has_cases", lambda op: True)
    monkeypatch.setattr(results.write, "__kwdefaults__",
                        {**results.write.__kwdefaults__, "folder": tmp_path})

    def cases(op, device, smallest=False):
        return iter([fake(10, op)] if smallest else [fake(10, op), fake(1000, op)])

    monkeypatch.setattr(ops, "cases_of", cases)
    yield tmp_path
    os.environ.clear()
    os.environ.update(environment)


def written(folder):
    return [row for path in folder.glob("*.json") for row in json.loads(path.read_text())]


def test_measures_prints_and_writes(faked, capsys):
    assert command.main(["--peers", "--rounds", "2"]) == 0
    said = capsys.readouterr()
    assert "overlap: 1000 float32" in said.out and "written:" in said.out
    assert "not measured: torchio, 4 cases: not installed" in said.err
    assert len(written(faked)) == 8


def test_one_operation(faked, capsys):
    assert command.main(["warp", "--rounds", "2"]) == 0
    assert {row["op"] for row in written(faked)} == {"warp"}


def test_quick_writes_nothing(faked, capsys):
    assert command.main(["--quick"]) == 0
    assert written(faked) == []
    assert "1000 float32" not in capsys.readouterr().out


def test_what_would_be_lost_is_not_written(faked, capsys):
    command.main(["warp", "--peers", "--rounds", "2"])
    before = written(faked)
    assert command.main(["warp", "--rounds", "2"]) == 1
    assert written(faked) == before and "run with --peers" in capsys.readouterr().err
    assert command.main(["warp", "--rounds", "2", "--replace"]) == 0


def test_a_case_that_fails_leaves_the_others(faked, fake, capsys, monkeypatch):
    good = ops.cases_of
    monkeypatch.setattr(ops, "cases_of", lambda op, *rest: (
        iter([fake(10, op, ours=lambda: 1 / 0)]) if op == "overlap" else good(op, *rest)))
    assert command.main(["--rounds", "2"]) == 1
    assert "overlap: not written, because a case failed" in capsys.readouterr().err
    assert {row["op"] for row in written(faked)} == {"warp"}


@pytest.mark.parametrize(("words", "said"), [
    (["--rounds", "1"], "--rounds wants at least 2"),
    (["warped"], "wanted some of"),
    (["--device", "tpu"], "invalid choice"),
])
def test_wrong_use(repository, words, said):
    done = subprocess.run([sys.executable, "-m", "benchmarks", *words], cwd=repository,
                          capture_output=True, text=True)
    assert done.returncode == 2 and said in done.stderr


def test_help(repository):
    done = subprocess.run([sys.executable, "-m", "benchmarks", "--help"], cwd=repository,
                          capture_output=True, text=True)
    assert done.returncode == 0 and "--peers" in done.stdout
