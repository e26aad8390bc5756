"""A case's rows as lines for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medtutor.course.pages.benchmark_rows import check_rows, seconds, targets, times


def lines_of(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The case, a line a method, a line a target."""
    own = check_rows(rows, "this run")
    first = own[0]
    cached = ", which fits in the cache" if first.in_cache else ""
    lines = [f"{first.op}: {first.case}; moves at least {first.bytes / 1e6:.3g} MB{cached}"]
    threads = first.two_threads_wall_s
    remark = f"{times(first.times_floor)} x the copy, {first.gb_per_s:.2g} GB/s" + (
        f", {seconds(threads)} wall with two threads" if threads else ""
    )
    lines.append(_line("ours", first.ours_s, first.ours_quartiles, first.peak_mb, remark))
    for row in own:
        if row.peer and row.peer_s and row.peer_quartiles and row.ratio:
            slower = f"ours is {times(row.ratio)} x as fast"
            lines.append(_line(row.peer, row.peer_s, row.peer_quartiles, row.peer_peak_mb, slower))
    lines.append(_line("copy", first.floor_s, first.floor_quartiles, None, ""))
    for target in targets(own):
        figure = "" if target.measured is None else f", measured {target.figure}"
        lines.append(f"  {target.met}: wanted {target.words}{figure}")
    return lines


def _line(
    name: str, middle: float, quartiles: tuple[float, float], peak: float | None, remark: str
) -> str:
    spread = f"{seconds(quartiles[0])} to {seconds(quartiles[1])}"
    memory = "" if peak is None else f"{peak:+.1f} MB"
    return f"  {name:17} {seconds(middle):>8}  {spread:22} {memory:>10}  {remark}".rstrip()
