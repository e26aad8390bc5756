"""One case measured: ours, the peers that are here and the copy of the same bytes, in turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Any

import torch

from benchmarks.case import Call, Case
from benchmarks.measuring import machine, memory
from benchmarks.measuring.forked import CAN_FORK, ChildFailed, in_a_copy
from benchmarks.measuring.series import series_of
from benchmarks.measuring.timing import (
    LEAST_BYTES_ON_GPU,
    ROUNDS,
    Stopwatch,
    Timed,
    cpu_stopwatch,
    cuda_stopwatch,
    in_turn,
)

OURS, COPY = "ours", "copy of the same bytes"
TWO_THREADS_BELOW = 2.0
"""Seconds: a call that is longer is not measured with two threads as well."""


@dataclass
class Run:
    """How cases are measured, and what could not be.

    Attributes:
        device: "cpu" or "cuda".
        peers: whether peers that are packages of their own are measured as well.
        rounds: measurements of a method that is fast enough.
        started: when; the same for all rows of a run.
        left_out: why a peer was not measured, by case and peer.
    """

    device: str = "cpu"
    peers: bool = False
    rounds: int = ROUNDS
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    left_out: dict[tuple[str, str, str], str] = field(default_factory=dict)


def rows(case: Case, run: Run, stopwatch: Stopwatch | None = None) -> list[dict[str, Any]]:
    """Return a row for each peer that was measured; a single one without peer where none was.

    Raises:
        whatever ours raises. A peer that raises is left out, and `run.left_out` says why.
    """
    load = machine.load()
    case.ours()
    methods = {OURS: case.ours, **dict(_peers(case, run)), COPY: copy_of(case.bytes, run.device)}
    on_gpu = run.device == "cuda"
    timed = in_turn(
        methods,
        stopwatch or (cuda_stopwatch if on_gpu else cpu_stopwatch),
        rounds=run.rounds,
        least_calls=-(-int(LEAST_BYTES_ON_GPU) // case.bytes) if on_gpu else 1,
    )
    ours, copy = timed[OURS], timed.pop(COPY)
    cache = machine.cache_bytes(run.device)
    common = {
        "op": case.op,
        "case": case.case,
        "series": case.series or series_of(case.case),
        "device": machine.device_name(run.device),
        "bytes": case.bytes,
        "in_cache": cache is not None and case.bytes <= cache,
        "ours_s": ours.median,
        "ours_quartiles": ours.quartiles,
        "ours_wall_s": median(ours.wall),
        "two_threads_wall_s": None if on_gpu else _with_two_threads(case.ours, ours.median),
        "floor_s": copy.median,
        "floor_quartiles": copy.quartiles,
        "times_floor": ours.median / copy.median,
        "gb_per_s": case.bytes / ours.median / 1e9,
        "peak_mb": _peak(case, OURS, case.ours, ours, run),
        "wanted": case.wanted,
        "load": load,
        "date": run.started[:10],
        "run": run.started,
    }
    peers: list[str | None] = [name for name in timed if name != OURS]
    return [
        {**common, **_beside(case, name, methods, timed, run)} for name in peers or [None]
    ]


def _peers(case: Case, run: Run) -> Iterator[tuple[str, Call]]:
    """Make the peers and call each once, to warm it; note those that are not here or fail."""
    for name, make in case.peers.items():
        why = ""
        if name in machine.PACKAGES and not run.peers:
            why = "left out without --peers"
        else:
            try:
                call = make()
                call()
            except ImportError as error:
                why = f"not installed ({error}): pip install -e '.[peers]'"
            except Exception as error:      # a peer's fault is reported, and ours still measured
                why = f"failed: {type(error).__name__}: {error}".splitlines()[0]
        if run.device == "cpu":
            torch.set_num_threads(1)        # compiling with torch sets it back
        if why:
            run.left_out[case.op, case.case, name] = why
        else:
            yield name, call


def copy_of(moved: int, device: str) -> Call:
    """Return a call that copies: reads half as many bytes as are moved, and writes the others."""
    source = torch.ones(max(1, moved // 2), dtype=torch.uint8, device=device)
    target = torch.ones_like(source)
    return lambda: target.copy_(source)


def _beside(
    case: Case, peer: str | None, methods: dict[str, Call], timed: dict[str, Timed], run: Run
) -> dict[str, Any]:
    """The keys of a row that belong to the peer."""
    ours = timed[OURS]
    common = {"peer": peer, "rounds": len(ours.seconds)}
    if peer is None:
        empty = ("peer_s", "peer_quartiles", "peer_wall_s", "peer_peak_mb", "ratio")
        return {**common, **dict.fromkeys(empty), "versions": machine.versions(run.device)}
    theirs = timed[peer]
    return {
        **common,
        "peer_s": theirs.median,
        "peer_quartiles": theirs.quartiles,
        "peer_wall_s": median(theirs.wall),
        "peer_peak_mb": _peak(case, peer, methods[peer], theirs, run),
        "ratio": theirs.median / ours.median,
        "versions": machine.versions(run.device, peer),
    }


def _peak(case: Case, name: str, call: Call, timed: Timed, run: Run) -> float | None:
    try:
        return memory.peak_mb(call, run.device, median(timed.wall))
    except ChildFailed as error:
        run.left_out[case.op, case.case, f"memory of {name}"] = str(error)
        return None


def _with_two_threads(call: Call, seconds: float) -> float | None:
    """Wall clock of a call with two threads, measured in a copy of the process."""
    if not CAN_FORK or machine.cores() < 2 or seconds > TWO_THREADS_BELOW:
        return None

    def measured() -> float:
        torch.set_num_threads(2)
        call()
        return median(in_turn({OURS: call}, cpu_stopwatch, rounds=7)[OURS].wall)

    try:
        return float(in_a_copy(measured, 60 + 30 * seconds))
    except ChildFailed:
        return None
