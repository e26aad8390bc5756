"""The results files: one a device, its rows replaced by operation, written whole or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medtutor.course.pages.benchmark_rows import BadRows, check_rows
from medtutor.course.writing import replace_text

FOLDER = Path(__file__).parents[1] / "results"
DIGITS = 5
Rows = Sequence[dict[str, Any]]


class WouldLose(ValueError):
    """Writing would drop measurements that this run did not repeat."""


def file_of(device: str, folder: Path = FOLDER) -> Path:
    """The file of a device, by its name in small letters."""
    return folder / f"{re.sub(r'[^a-z0-9]+', '-', device.lower()).strip('-')}.json"


def write(
    rows: Rows,
    *,
    offered: set[tuple[str, str, str]] = frozenset(),
    replace: bool = False,
    folder: Path = FOLDER,
) -> Path:
    """Write rows of one device; those of the same operations in its file go, the others stay.

    Args:
        rows: of whole operations: every case that each has.
        offered: (op, case, peer) that the cases offer. Where the file has a row of one of them and
            `rows` has none, nothing is written, unless
        replace: is set.
        folder: of the results.

    Raises:
        WouldLose: see `offered`.
    """
    path = file_of(rows[0]["device"], folder)
    try:
        old = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
        check_rows(old, path.name)
    except (BadRows, json.JSONDecodeError):     # of an earlier form: can be measured again only
        old = []
    lost = (_keys(old) & offered) - _keys(rows)
    if lost and not replace:
        named = ", ".join(sorted({peer for _, _, peer in lost}))
        raise WouldLose(
            f"not written: {path.name} has rows of {named} for the same cases, which this run did "
            "not measure: run with --peers (pip install -e '.[peers]' brings them), or with "
            "--replace to drop those rows"
        )
    measured = {row["op"] for row in rows}
    kept = [row for row in old if row["op"] not in measured]
    ordered = sorted([*kept, *map(_rounded, rows)], key=lambda row: row["op"])
    check_rows(ordered, path.name)
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in ordered)
    replace_text(path, f"[\n{lines}\n]\n")
    return path


def _keys(rows: Rows) -> set[tuple[str, str, str]]:
    return {(row["op"], row["case"], row["peer"]) for row in rows if row["peer"]}


def _rounded(value: Any) -> Any:
    """Floats with as many digits as a second run could hope to repeat."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
