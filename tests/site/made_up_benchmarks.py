"""Rows as ``medtutor bench`` writes them, of an operation that nobody has."""

import json
from pathlib import Path


def row(case="2 x 64^3 float32", megabytes=2.0, peer="monai", ratio=4.0, **changes):
    """A row; ours takes 1 ms a megabyte, the copy a tenth of that."""
    ours = megabytes * 1e-3
    return {
        "op": "shuffle", "case": case, "series": "float32", "device": "made-up machine, 1 thread",
        "bytes": int(megabytes * 1e6), "in_cache": megabytes < 10,
        "ours_s": ours, "ours_quartiles": [0.9 * ours, 1.1 * ours], "ours_wall_s": ours,
        "two_threads_wall_s": 0.5 * ours, "floor_s": 0.1 * ours,
        "floor_quartiles": [0.1 * ours, 0.1 * ours], "times_floor": 10.0, "gb_per_s": 1.0,
        "peak_mb": 3.5, "peer": peer, "peer_s": ratio * ours,
        "peer_quartiles": [ratio * ours, ratio * ours], "peer_wall_s": ratio * ours,
        "peer_peak_mb": 40.0, "ratio": ratio, "wanted": {}, "rounds": 15, "load": 0.5,
        "versions": {"python": "3.11.2", "medtutor": "0.1.0", "monai": "1.6.1"},
        "date": "2026-01-31", "run": "2026-01-31T10:00:00+00:00", **changes,
    }


WANTED = {"monai": 5.0, "floor": 12.0, "torchio": 2.0, "megabytes": 3.5}
ROWS = [
    row(),
    row("2 x 128^3 float32", 16.0, wanted=WANTED),
    row("2 x 128^3 float32", 16.0, "reference", 0.5, wanted=WANTED),
    {**row("labels only", 1.0, series="labels only"),
     **dict.fromkeys(("peer", "peer_s", "peer_quartiles", "peer_wall_s", "peer_peak_mb", "ratio"))},
]


def write_rows(root: Path, rows=ROWS) -> Path:
    """Write rows into a repository's results folder."""
    path = root / "benchmarks/results/made-up-machine.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows))
    return path
