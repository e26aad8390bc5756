"""The page of the site that says how fast the kernels are, beside what, and against which floor."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from medtutor.course.pages.api_reference import Module
from medtutor.course.pages.benchmark_plot import picture
from medtutor.course.pages.benchmark_rows import (
    Row,
    Target,
    by_case,
    seconds,
    shown_name,
    targets,
    times,
)
from medtutor.course.pages.site_pages import cell

_MARKER = re.compile(r"^<!-- benchmarks: (\w+) -->$", re.MULTILINE)
_NOTHING = "Nothing has been measured yet: run `medtutor bench --peers`."


def with_benchmarks(page: str, rows: Sequence[Row], modules: Sequence[Module]) -> str:
    """Return a page with ``<!-- benchmarks: targets -->`` and ``operations`` replaced.

    Args:
        page: Markdown.
        rows: what was measured, of any number of devices.
        modules: that have a page of the API reference, to link to and to take a sentence from.
    """

    def part(match: re.Match[str]) -> str:
        if not rows:
            return _NOTHING
        if match[1] == "targets":
            return _targets(list(targets(rows)))
        known = {module.name: module for module in modules}
        by_op = groupby(sorted(rows, key=lambda row: row.op), key=lambda row: row.op)
        return "\n\n".join(
            _operation(op, list(own), known.get(f"medtutor.kernels.{op}")) for op, own in by_op
        )

    return _MARKER.sub(part, page)


def _targets(found: Sequence[Target]) -> str:
    if not found:
        return "No case has a target."
    count = Counter(target.met for target in found)
    counts = ", ".join(f"{count[name]} {name}" for name in ("met", "missed", "not measured")
                       if count[name])
    lines = [
        f"**{len(found)} targets: {counts}.**\n",
        "::::{div} benchmark benchmark-targets",
        "| operation | verdict | wanted | measured | case |",
        "|---|---|---|---:|---|",
    ]
    lines += [
        f"| [{target.op}](#{_anchor(target.op)}) | {_verdict(target)} | {target.words} "
        f"| {target.figure} | {_typeset(target.case)}{_on(target, found)} |"
        for target in found
    ]
    return "\n".join([*lines, "::::"])


def _on(target: Target, found: Sequence[Target]) -> str:
    """The device, where there are several."""
    return f" ({cell(target.device)})" if len({other.device for other in found}) > 1 else ""


def _verdict(target: Target) -> str:
    sign = {"met": "✓", "missed": "✗", "not measured": "–"}[target.met]
    look = {"met": "reproduced", "missed": "not-reproduced", "not measured": "not-run"}[target.met]
    return f'<span class="verdict verdict-{look}">{sign} {target.met}</span>'


def _anchor(op: str) -> str:
    return f"speed-of-{op.replace('_', '-')}"


def _operation(op: str, rows: Sequence[Row], module: Module | None) -> str:
    parts = [f"({_anchor(op)})=\n## {op}"]
    if module:
        link = f"[{module.name}](api/{module.name}.md)"
        parts.append(f"{cell(module.summary)} Its formula, reference and arguments: {link}.")
    for device, own in groupby(sorted(rows, key=lambda row: row.device), lambda row: row.device):
        parts.append(_device(op, device, list(own)))
    return "\n\n".join(parts)


def _typeset(case: str) -> str:
    """Return a case with its sizes as on paper: 4 × 128³."""
    return cell(re.sub(r"(?<=\d) x (?=\d)", " × ", case).replace("^2", "²").replace("^3", "³"))


def _device(op: str, device: str, rows: list[Row]) -> str:
    dates = sorted({row.date for row in rows})
    loads = [row.load for row in rows if row.load is not None]
    ends = dict.fromkeys([f"{min(loads):g}", f"{max(loads):g}"] if loads else [])
    loaded = f", load {' to '.join(ends)}" if ends else ""
    packages = {name: number for row in rows for name, number in row.versions.items()}
    with_what = ", ".join(f"{name} {number}" for name, number in packages.items())
    parts = [
        f"**{cell(device)}**, measured {' and '.join(dates)}{loaded}, with {cell(with_what)}."
    ]
    in_order = {row.series: None for row in sorted(rows, key=lambda row: (row.series, row.bytes))}
    for series in in_order:
        own = [row for row in rows if row.series == series]
        parts.append(picture(own, f"{op}, {series}" if series else op))
        parts += [_case(case) for case in sorted(by_case(own), key=lambda case: case[0].bytes)]
    return "\n\n".join(parts)


def _case(own: Sequence[Row]) -> str:
    """Return a case's table: a row for ours, one for each peer, one for the copy."""
    first = own[0]
    moved = f"{first.bytes / 1e6:.3g} MB" + (" (in cache)" if first.in_cache else "")
    threads = first.two_threads_wall_s
    also = f"; ours with two threads: {seconds(threads)} by the clock" if threads else ""
    lines = [
        f"**{_typeset(first.case)}.** Moves at least {moved}{also}.\n",
        "::::{div} benchmark",
        "| method | time | ours is faster by | times the copy | extra MB | middle half |",
        "|---|---:|---:|---:|---:|---:|",
        _line("**ours**", first.ours_s, first.ours_quartiles, None, first, first.peak_mb),
    ]
    for row in own:
        if row.peer and row.peer_s and row.peer_quartiles:
            peak, spread = row.peer_peak_mb, row.peer_quartiles
            lines.append(_line(shown_name(row.peer), row.peer_s, spread, row.ratio, first, peak))
    copy = f"copy, {first.bytes / first.floor_s / 1e9:.3g} GB/s"
    lines.append(_line(copy, first.floor_s, first.floor_quartiles, None, first, None))
    return "\n".join([*lines, "::::"])


def _line(
    method: str,
    middle: float,
    quartiles: tuple[float, float],
    ratio: float | None,
    case: Row,
    peak: float | None,
) -> str:
    texts = (
        method,
        seconds(middle),
        "" if ratio is None else times(ratio),
        times(middle / case.floor_s),
        "" if peak is None else times(peak),
        " – ".join(map(seconds, quartiles)),
    )
    return f"| {' | '.join(texts)} |"
