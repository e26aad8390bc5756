"""A case becomes rows: ours, the peers that are here, the copy of the same bytes."""

import pytest

from benchmarks.measuring import machine, measure
from benchmarks.measuring.measure import Run, rows
from benchmarks.measuring.series import series_of
from benchmarks.measuring.table import lines_of
from medtutor.course.pages.benchmark_rows import check_rows


@pytest.fixture
def seconds(monkeypatch):
    """A stopwatch that gives 2 s to ours, 6 s to monai, 5 s to the reference, 1 s to the copy."""
    taken = iter([2.0, 6.0, 5.0, 1.0] * 100)
    monkeypatch.setattr(measure, "_with_two_threads", lambda call, seconds: seconds / 2)
    monkeypatch.setattr(measure.memory, "peak_mb", lambda call, device, seconds: 3.5)
    return lambda call, calls: (lambda value: (value, value + 1))(next(taken))


def test_rows(fake, seconds):
    run = Run(peers=True, rounds=3)
    first, second = measured = rows(fake(), run, seconds)
    check_rows(measured, "here")
    assert (first["peer"], second["peer"]) == ("monai", "reference")
    assert first["bytes"] == 8000
    assert first["ratio"] == first["peer_s"] / first["ours_s"]
    assert first["times_floor"] == first["ours_s"] / first["floor_s"]
    assert first["gb_per_s"] == 8000 / first["ours_s"] / 1e9
    assert first["peak_mb"] == first["peer_peak_mb"] == 3.5
    assert first["series"] == "float32"
    assert first["run"] == second["run"] == run.started
    assert "monai" in first["versions"] and "monai" not in second["versions"]


def test_peers_that_were_not_measured_are_named(fake, seconds):
    run = Run(peers=True)
    rows(fake(), run, seconds)
    said = {peer: why for (_, _, peer), why in run.left_out.items()}
    assert said == {
        "torchio": "not installed (No module named 'torchio'): pip install -e '.[peers]'",
        "torch eager": "failed: RuntimeError: out of memory",
    }


def test_without_peers_packages_are_left_out_and_torch_stays(fake):
    run = Run(peers=False, rounds=2)
    (row,) = rows(fake(), run)
    assert row["peer"] == "reference"
    assert run.left_out["warp", "1000 float32", "monai"] == "left out without --peers"
    assert set(machine.PACKAGES) < set(__import__("benchmarks.case", fromlist=["PEERS"]).PEERS)


def test_a_case_without_peers_has_one_row(fake):
    (row,) = rows(fake(peers={}), Run(rounds=2))
    assert row["peer"] is None and row["ratio"] is None and row["ours_s"] > 0


def test_ours_may_not_fail(fake):
    with pytest.raises(ZeroDivisionError):
        rows(fake(ours=lambda: 1 / 0), Run())


def test_the_copy_moves_as_many_bytes():
    copied = measure.copy_of(1001, "cpu")()
    assert copied.numel() * copied.element_size() == 500        # read, and written: 1000


def test_lines_for_the_terminal(fake, seconds):
    text = "\n".join(lines_of(rows(fake(), Run(peers=True), seconds)))
    assert "warp: 1000 float32; moves at least 0.008 MB" in text
    assert "met: wanted at least 1e-06 times as fast as MONAI" in text
    assert "missed: wanted at most 1e-06 times the copy" in text
    assert "not measured: wanted at least 2 times as fast as TorchIO" in text


@pytest.mark.parametrize(("case", "series"), [
    ("4 x 1 x 128^3 float32", "float32"),
    ("16 x 4 x 256^2, 4 classes", "classes"),
    ("999 capsules into 101^3, samples, uint8", "capsules, samples, uint8"),
    ("dense, 128^3 float32 + uint8 label", "dense, float32 + uint8 label"),
    ("N = 4096, D = 256, K = 10", ""),
])
def test_cases_that_differ_in_size_only_are_of_one_series(case, series):
    assert series_of(case) == series
