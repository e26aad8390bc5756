"""Results files: rows replaced by operation, never lost unasked, written whole."""

import json

import pytest

from benchmarks.measuring import results
from benchmarks.measuring.measure import Run, rows
from benchmarks.measuring.results import WouldLose, write


@pytest.fixture
def measured(fake, without_copies):
    def of(op, peers=True):
        run = Run(peers=peers, rounds=2)
        return [row for size in (10, 1000) for row in rows(fake(size, op), run)]

    return of


OFFERED = {("warp", f"{size} float32", peer) for size in (10, 1000)
           for peer in ("monai", "reference")}


def test_one_operation_replaces_its_own_rows_only(measured, tmp_path):
    path = write([*measured("warp"), *measured("overlap")], folder=tmp_path)
    before = json.loads(path.read_text())
    assert [row["op"] for row in before] == ["overlap"] * 4 + ["warp"] * 4
    write(measured("warp"), offered=OFFERED, folder=tmp_path)
    after = json.loads(path.read_text())
    assert after[:4] == before[:4] and after[4:] != before[4:] and len(after) == 8
    assert len(path.read_text().splitlines()) == 10             # a row a line


def test_rows_of_peers_are_not_lost_unasked(measured, tmp_path):
    path = write(measured("warp"), folder=tmp_path)
    before = path.read_text()
    with pytest.raises(WouldLose, match="has rows of monai for the same cases"):
        write(measured("warp", peers=False), offered=OFFERED, folder=tmp_path)
    assert path.read_text() == before
    write(measured("warp", peers=False), offered=OFFERED, replace=True, folder=tmp_path)
    assert {row["peer"] for row in json.loads(path.read_text())} == {"reference"}


def test_a_case_that_is_gone_may_go(measured, tmp_path):
    write(measured("warp"), folder=tmp_path)
    offered = {key for key in OFFERED if key[1] == "10 float32"}
    new = [row for row in measured("warp") if row["case"] == "10 float32"]
    path = write(new, offered=offered, folder=tmp_path)
    assert {row["case"] for row in json.loads(path.read_text())} == {"10 float32"}


def test_the_file_is_named_after_the_device(tmp_path):
    path = results.file_of("AMD EPYC 7B13, 1 thread", tmp_path)
    assert path.name == "amd-epyc-7b13-1-thread.json"
    assert results.file_of("NVIDIA H200", tmp_path).name == "nvidia-h200.json"


def test_written_whole_or_not_at_all(measured, tmp_path, monkeypatch):
    path = write(measured("warp"), folder=tmp_path)
    before = path.read_text()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(measured("warp"), folder=tmp_path)
    assert path.read_text() == before and [p.name for p in tmp_path.iterdir()] == [path.name]


def test_numbers_have_the_digits_that_a_second_run_could_repeat(measured, tmp_path):
    for row in json.loads(write(measured("warp"), folder=tmp_path).read_text()):
        assert float(f"{row['ours_s']:.5g}") == row["ours_s"]
