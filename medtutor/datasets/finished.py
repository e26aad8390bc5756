"""The marker of a finished data set: what was put there, when, and with which checksums."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

MARKER = ".medtutor.json"


def write_marker(
    place: Path,
    name: str,
    *,
    cases: int | None,
    counts: Mapping[str, int],
    files: Mapping[str, str],
) -> None:
    """Write the marker, the last thing written before a set gets its name.

    Args:
        place: the folder of the set.
        name: of the set.
        cases: how many the reader found; None where there is no reader yet.
        counts: class -> number of cases.
        files: file at the owner's -> ``algorithm:digest`` of what was taken.
    """
    try:
        ours = version("medtutor")
    except PackageNotFoundError:
        ours = "unknown"
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    marker = {
        "name": name,
        "date": now,
        "medtutor": ours,
        "cases": cases,
        "counts": dict(counts),
        "files": dict(files),
    }
    (place / MARKER).write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")


def read_marker(place: Path) -> dict[str, Any] | None:
    """The marker of a folder; None where the set was not put there by our commands."""
    try:
        marker = json.loads((place / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return marker if isinstance(marker, dict) else None
