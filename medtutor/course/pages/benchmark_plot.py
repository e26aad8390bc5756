"""The picture of a series of cases: time over bytes, our line, the peers', the copy's."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from medtutor.course.figures import LINES, PALETTE, figure_bundle, style
from medtutor.course.pages.benchmark_rows import Row, by_case, seconds, shown_name

Points = list[tuple[float, float, float, float]]    # bytes, median, first and third quartile
OURS, COPY = "ours", "copy of the same bytes"
_MARKS = "os^Dv<>p*hX"
_PEERS = [colour for colour in PALETTE if colour != PALETTE[1]]     # ours has the second


def lines_of(rows: Sequence[Row]) -> dict[str, Points]:
    """Return each method's points, in the order of their bytes."""
    lines: dict[str, Points] = {OURS: []}
    for own in by_case(rows):
        first = own[0]
        lines[OURS].append((first.bytes, first.ours_s, *first.ours_quartiles))
        for row in own:
            if row.peer and row.peer_s and row.peer_quartiles:
                points = lines.setdefault(shown_name(row.peer), [])
                points.append((row.bytes, row.peer_s, *row.peer_quartiles))
    copies = {(own[0].bytes, own[0].floor_s, *own[0].floor_quartiles) for own in by_case(rows)}
    lines[COPY] = list(copies)
    return {name: sorted(points) for name, points in lines.items()}


def picture(rows: Sequence[Row], what: str) -> str:
    """Return the figure as HTML, with its text alternative.

    Time over bytes, or, where all cases move as many, a row for each method.

    Args:
        rows: of one series, on one device.
        what: is measured, for the text alternative.
    """
    import matplotlib.pyplot as plt

    lines = lines_of(rows)
    looks = {name: _look(name, place) for place, name in enumerate(lines)}
    one_size = len({row.bytes for row in rows}) == 1
    with plt.rc_context():
        style()
        fig, axes = plt.subplots(figsize=(5.2, 0.8 + 0.32 * len(lines) if one_size else 4.4))
        draw = _in_rows if one_size else _over_bytes
        draw(axes, lines, looks)
        words = _in_words(lines, what, one_size)
        bundle = figure_bundle(fig, words)
    return bundle["text/html"]


def _over_bytes(axes: Any, lines: dict[str, Points], looks: dict[str, dict[str, Any]]) -> None:
    joined = _are_sizes([point[0] for point in lines[OURS]])
    for name, points in lines.items():
        moved = [point[0] / 1e6 for point in points]
        look = {"label": name, "capsize": 2, **looks[name]}
        if not joined:
            look["linestyle"] = "none"
        axes.errorbar(moved, [point[1] for point in points], yerr=_spread(points), **look)
    axes.set(xscale="log", yscale="log", ylabel="time a call")
    axes.set_xlabel("MB that must move at least (10⁶ bytes)")
    axes.margins(x=0.08, y=0.08)
    _name_the_ticks(axes.xaxis, lambda value: f"{value:g}")
    _name_the_ticks(axes.yaxis, _short)
    axes.legend(loc="upper center", bbox_to_anchor=(0.42, -0.16), ncols=2, handlelength=3.2)


def _are_sizes(moved: Sequence[float]) -> bool:
    """Whether bytes order the cases: not where some move as many and differ in something else."""
    return all(larger > 1.1 * smaller for smaller, larger in pairwise(sorted(moved)))


def _in_rows(axes: Any, lines: dict[str, Points], looks: dict[str, dict[str, Any]]) -> None:
    ordered = sorted(lines, key=lambda name: lines[name][-1][1])
    for place, name in enumerate(ordered):
        points = lines[name]
        look = {**looks[name], "linestyle": "none", "capsize": 2}
        middle = [point[1] for point in points]
        axes.errorbar(middle, [place] * len(points), xerr=_spread(points), **look)
    axes.set(xscale="log", xlabel="time a call")
    axes.set_yticks(range(len(ordered)), ordered)
    axes.invert_yaxis()
    axes.margins(x=0.1, y=0.12)
    _name_the_ticks(axes.xaxis, _short)


def _spread(points: Points) -> list[list[float]]:
    return [
        [max(0.0, middle - first) for _, middle, first, _ in points],
        [max(0.0, third - middle) for _, middle, _, third in points],
    ]


def _look(name: str, place: int) -> dict[str, Any]:
    if name == OURS:
        look = {"color": PALETTE[1], "linestyle": "-", "marker": "o"}
        return {**look, "linewidth": 2.6, "markersize": 7, "zorder": 4}
    if name == COPY:
        return {"color": "#222222", "linestyle": ":", "marker": "|", "linewidth": 1.4}
    peer = place - 1
    return {
        "color": _PEERS[peer % len(_PEERS)],
        "linestyle": LINES[1 + peer % (len(LINES) - 1)],
        "marker": _MARKS[1 + peer % (len(_MARKS) - 1)],
        "linewidth": 1.5,
        "markersize": 5.5,
    }


def _name_the_ticks(axis: Any, words: Callable[[float], str]) -> None:
    """Plain words at each tick: 10 ms rather than a power of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    decades = high / low if low > 0 else 1e3
    parts = (1.0,) if decades > 300 else (1.0, 3.0) if decades > 10 else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(subs=parts, numticks=20))
    axis.set_major_formatter(FuncFormatter(lambda value, _: words(value)))
    axis.set_minor_formatter(NullFormatter())
    axis.set_tick_params(which="minor", length=0)


def _short(value: float) -> str:
    number, unit = seconds(value).split()
    return f"{float(number):g} {unit}"


def _in_words(lines: dict[str, Points], what: str, one_size: bool) -> str:
    """Say what the picture shows: every method's time for the largest case it was given."""
    most = max(point[0] for point in lines[OURS])
    said = [
        f"{name} {seconds(points[-1][1])}" + ("" if points[-1][0] == most else " (a smaller case)")
        for name, points in sorted(lines.items(), key=lambda line: line[1][-1][1])
    ]
    axes = "a row for each method" if one_size else "over the bytes that must move, logarithmic"
    return (
        f"Time a call of {what}, {axes}. In the largest case, {most / 1e6:.3g} MB, from fast to "
        f"slow: {', '.join(said)}. The tables below give all."
    )
