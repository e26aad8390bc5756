"""The benchmarks time what they say, and write their results whole."""

import importlib
import json
import subprocess
import sys

import pytest
import torch


@pytest.fixture
def part(repository, monkeypatch):
    """Import a module of the benchmarks, which are not installed."""
    monkeypatch.syspath_prepend(str(repository))
    return lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.mark.parametrize("channels", [1, 3])
def test_the_written_out_formulas_are_ours(part, channels):
    losses = part("losses")
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn((3, channels, 6, 7), generator=generator)
    target = torch.randint(max(channels, 2), (3, 6, 7), generator=generator)
    for ours, written in (
        (losses.dice_cross_entropy, losses.naive_dice_cross_entropy),
        (losses.combo_loss, losses.naive_combo),
    ):
        torch.testing.assert_close(ours(logits, target), written(logits, target), atol=1e-5, rtol=0)


def test_methods_take_turns_and_the_ratio_is_peer_by_ours(part):
    timing = part("timing")
    now, order = [0.0], []

    def lasting(name, seconds):
        def call():
            order.append(name)
            now[0] += seconds

        return call

    (row,) = timing.rows(
        "op", "case", lasting("ours", 1), {"peer": lasting("peer", 3)}, 4, lambda: now[0]
    )
    assert order[4:] == ["ours", "peer"] * 4  # after two warm-up calls each
    assert row["ours_s"] == 1 and row["peer_s"] == 3 and row["ratio"] == 3
    assert row["peer_quartiles"] == [3, 3]


def test_results_are_written_whole(part, tmp_path, monkeypatch):
    timing = part("timing")
    path = timing.write([{"device": "AMD EPYC 7B13, 1 thread", "ratio": 2.0}], tmp_path)
    assert path.name == "amd-epyc-7b13-1-thread.json"
    before = path.read_text()

    def full(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(timing.Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        timing.write([{"device": "AMD EPYC 7B13, 1 thread", "ratio": 3.0}], tmp_path)
    assert path.read_text() == before and [p.name for p in tmp_path.iterdir()] == [path.name]


def test_command(repository):
    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "benchmarks", *arguments],
            cwd=repository,
            capture_output=True,
            text=True,
        )

    assert "--only" in run("--help").stdout
    assert run("--rounds", "1").returncode == 2


def test_committed_results(repository):
    files = sorted((repository / "benchmarks" / "results").glob("*.json"))
    assert files
    for path in files:
        for row in json.loads(path.read_text(encoding="utf-8")):
            assert row["ratio"] == pytest.approx(row["peer_s"] / row["ours_s"])
            assert {"op", "case", "device", "peer", "versions", "date"} <= set(row)
