"""What ``medtutor bench`` measured: rows of ``benchmarks/results``, read, checked and judged."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt, TypeAdapter, ValidationError

from medtutor.course.paths import shown

Quartiles = tuple[float, float]
MOST = ("floor", "seconds", "megabytes")      # targets that are upper limits; others name a peer
_NAMES = {"monai": "MONAI", "torchio": "TorchIO", "simpleitk": "SimpleITK"}


class BadRows(ValueError):
    """A results file is not what it should be; the message says where."""


class Row(BaseModel):
    """One case of an operation beside one peer; the keys from ``op`` to ``peak_mb`` are ours.

    Seconds are those of the processor on a CPU and those between two events on a GPU; ``wall``
    says what a watch showed. The floor is a copy that moves as many bytes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    op: str
    case: str
    series: str
    device: str
    bytes: PositiveInt
    in_cache: bool
    ours_s: PositiveFloat
    ours_quartiles: Quartiles
    ours_wall_s: PositiveFloat
    two_threads_wall_s: PositiveFloat | None
    floor_s: PositiveFloat
    floor_quartiles: Quartiles
    times_floor: PositiveFloat
    gb_per_s: PositiveFloat
    peak_mb: float | None
    peer: str | None
    peer_s: PositiveFloat | None
    peer_quartiles: Quartiles | None
    peer_wall_s: PositiveFloat | None
    peer_peak_mb: float | None
    ratio: PositiveFloat | None
    wanted: dict[str, float]
    rounds: PositiveInt
    load: float | None
    versions: dict[str, str]
    date: str
    run: str


@dataclass(frozen=True)
class Target:
    """What was wanted of a case, and what was measured; None where it was not."""

    op: str
    case: str
    device: str
    name: str
    wanted: float
    measured: float | None

    @property
    def met(self) -> Literal["met", "missed", "not measured"]:
        """The verdict."""
        if self.measured is None:
            return "not measured"
        within = self.measured <= self.wanted if self.name in MOST else self.measured >= self.wanted
        return "met" if within else "missed"

    @property
    def words(self) -> str:
        """The target as a sentence has it, without the verdict."""
        if self.name == "floor":
            return f"at most {self.wanted:g} times the copy"
        if self.name == "seconds":
            return f"at most {seconds(self.wanted)}"
        if self.name == "megabytes":
            return f"at most {self.wanted:g} MB more"
        return f"at least {self.wanted:g} times as fast as {shown_name(self.name)}"

    @property
    def figure(self) -> str:
        """What was measured, in the target's unit."""
        if self.measured is None:
            return "nothing"
        if self.name == "seconds":
            return seconds(self.measured)
        return f"{times(self.measured)} MB" if self.name == "megabytes" else times(self.measured)


def read_rows(folder: Path) -> list[Row]:
    """Return the rows of every file of the folder; none where there is no such folder.

    Raises:
        BadRows: a file that is not JSON, or a row with a wrong or missing key.
    """
    return [row for path in sorted(folder.glob("*.json")) for row in read_file(path)]


def read_file(path: Path) -> list[Row]:
    """Return the rows of one file."""
    try:
        return check_rows(json.loads(path.read_text(encoding="utf-8")), shown(path))
    except json.JSONDecodeError as error:
        raise BadRows(f"{shown(path)}: wanted JSON, {error}") from error


def check_rows(rows: object, where: str) -> list[Row]:
    """Return rows as read from JSON, checked; ``where`` begins the message about a wrong one."""
    try:
        return TypeAdapter(list[Row]).validate_python(rows)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise BadRows(
            f"{where}: {place}: {first['msg']}; measure the operation again with medtutor bench"
        ) from error


def targets(rows: Iterable[Row]) -> Iterator[Target]:
    """Yield the targets of all cases, in the rows' order."""
    for own in by_case(rows):
        first = own[0]
        known: dict[str, float | None] = {
            "floor": first.times_floor,
            "seconds": first.ours_s,
            "megabytes": first.peak_mb,
            **{row.peer: row.ratio for row in own if row.peer},
        }
        for name, wanted in first.wanted.items():
            yield Target(first.op, first.case, first.device, name, wanted, known.get(name))


def by_case(rows: Iterable[Row]) -> list[Sequence[Row]]:
    """Return the rows of each case on each device together."""
    together: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        together.setdefault((row.op, row.device, row.case), []).append(row)
    return list(together.values())


def shown_name(peer: str) -> str:
    """Return a peer's name as its makers write it."""
    return _NAMES.get(peer, peer)


def seconds(value: float) -> str:
    """Return seconds with three digits, in the unit that suits: 12.3 ms."""
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if value >= size or unit == "µs":
            return f"{_three_digits(value / size)} {unit}"
    raise AssertionError


def times(value: float) -> str:
    """Return a ratio or a size with as many digits as one reads: 0.87, 4.2, 35, 1200."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 2 else f"{value:.2f}"


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
