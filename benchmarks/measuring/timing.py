"""Time several calls in turn: what slows the machine for a while slows all of them."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median, quantiles

from benchmarks.case import Call

Stopwatch = Callable[[Call, int], tuple[float, float]]
"""Seconds that count and seconds of wall clock, a call, of so many calls."""

ROUNDS = 15
LEAST_SECONDS = 0.02
"""A measurement repeats the call until it lasts about this long, so the clock's grain is small."""
SECONDS_A_METHOD = 2.0
"""A method whose measurements would take longer is measured less often, at least `FEWEST` times."""
FEWEST = 3
LONG_SECONDS, SLOW_SECONDS = 1.0, 5.0
"""A long call is measured while its length is found out, too; a slow one only once more."""
LEAST_BYTES_ON_GPU = 1e8
"""A measurement on a GPU moves at least this much, so that it does not time launches only."""


@dataclass
class Timed:
    """Measurements of one method: seconds a call, and how many calls made one measurement."""

    calls: int = 1
    seconds: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The median of the seconds that count."""
        return median(self.seconds)

    @property
    def quartiles(self) -> list[float]:
        """First and third quartile of the seconds that count."""
        first, _, third = quantiles(self.seconds, n=4, method="inclusive")
        return [first, third]

    def add(self, measured: tuple[float, float]) -> None:
        """Keep one more measurement."""
        self.seconds.append(measured[0])
        self.wall.append(measured[1])


def in_turn(
    methods: dict[str, Call],
    stopwatch: Stopwatch,
    *,
    rounds: int = ROUNDS,
    least_calls: int = 1,
) -> dict[str, Timed]:
    """Measure warm methods once a round, one after the other; slow ones in some rounds only.

    Args:
        methods: calls by name, each called before.
        stopwatch: takes one measurement.
        rounds: measurements of a method that is fast enough.
        least_calls: that make one measurement.
    """
    gc.collect()
    timed, wanted = {}, {}
    for name, call in methods.items():
        timed[name] = method = Timed()
        first = stopwatch(call, 1)
        if first[0] >= LONG_SECONDS:
            method.add(first)
            wanted[name] = 1 if first[0] >= SLOW_SECONDS else FEWEST - 1
            continue
        method.calls = max(least_calls, round(LEAST_SECONDS / max(first[0], 1e-9)), 1)
        affordable = round(SECONDS_A_METHOD / max(first[0] * method.calls, 1e-9))
        wanted[name] = min(rounds, max(FEWEST, affordable))
    most = max(wanted.values())
    for turn in range(most):
        for name, call in methods.items():
            if (turn + 1) * wanted[name] // most > turn * wanted[name] // most:
                timed[name].add(stopwatch(call, timed[name].calls))
    return timed


def cpu_stopwatch(call: Call, calls: int) -> tuple[float, float]:
    """Seconds of processor time of the whole process, user and system, and of wall clock."""
    wall, busy = time.perf_counter(), time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - busy) / calls, (time.perf_counter() - wall) / calls


def cuda_stopwatch(call: Call, calls: int) -> tuple[float, float]:
    """Seconds between two events on the GPU, and of wall clock until the last call is done."""
    import torch

    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    wall = time.perf_counter()
    before.record()
    for _ in range(calls):
        call()
    after.record()
    torch.cuda.synchronize()
    took = time.perf_counter() - wall
    return before.elapsed_time(after) / 1e3 / calls, took / calls
