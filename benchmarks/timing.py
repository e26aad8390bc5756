"""Time methods side by side in one process, and keep the results by device."""

from __future__ import annotations

import json
import os
import platform
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from typing import Any

RESULTS = Path(__file__).parent / "results"
LEAST_SECONDS = 0.02
"""A measurement repeats the call until it lasts about this long, so the clock's grain is small."""


def seconds_in_turn(
    calls: dict[str, Callable[[], Any]], rounds: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Seconds a call of each method, once a round, the methods in turn, after a warm-up.

    In turn, because the machine's speed drifts: what slows one slows the others beside it.
    """
    repeats = {}
    for name, call in calls.items():
        call()  # warm-up: imports, caches, thread pools
        start = clock()
        call()
        repeats[name] = max(1, round(LEAST_SECONDS / max(clock() - start, 1e-9)))
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = clock()
            for _ in range(repeats[name]):
                call()
            times[name].append((clock() - start) / repeats[name])
    return times


def rows(
    op: str,
    case: str,
    ours: Callable[[], Any],
    peers: dict[str, Callable[[], Any]],
    rounds: int,
    clock: Callable[[], float] = time.process_time,
) -> list[dict[str, Any]]:
    """One result row a peer: medians, quartiles and the ratio of the medians."""
    times = seconds_in_turn({"ours": ours, **peers}, rounds, clock)
    mine = times["ours"]
    return [
        {
            "op": op,
            "case": case,
            "device": device_name(),
            "ours_s": median(mine),
            "ours_quartiles": quartiles(mine),
            "peer": peer,
            "peer_s": median(times[peer]),
            "peer_quartiles": quartiles(times[peer]),
            "ratio": median(times[peer]) / median(mine),
            "rounds": rounds,
            "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
            "versions": {name: version(name) for name in ("medtutor", "torch", "monai", "scipy")},
            "date": datetime.now(UTC).date().isoformat(),
        }
        for peer in peers
    ]


def quartiles(values: list[float]) -> list[float]:
    """First and third quartile."""
    first, _, third = quantiles(values, n=4, method="inclusive")
    return [first, third]


def device_name() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        found = re.search(r"model name\s*:\s*(.+)", info)
    except OSError:
        found = None
    name = found[1].strip() if found else platform.processor() or platform.machine()
    return f"{name}, 1 thread"


def write(results: list[dict[str, Any]], folder: Path = RESULTS) -> Path:
    """Write the rows as one JSON file named after the device, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    slug = re.sub(r"[^a-z0-9]+", "-", results[0]["device"].lower()).strip("-")
    path = folder / f"{slug}.json"
    beside = path.with_suffix(f".{os.getpid()}.part")
    try:
        beside.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return path
