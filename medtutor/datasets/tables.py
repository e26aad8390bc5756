"""Reading the tables that come with data sets: comma or tab, the columns named in the first row."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from medtutor.datasets.places import DatasetDamaged


def read_table(path: Path, columns: Sequence[str], what_to_do: str) -> list[dict[str, str]]:
    """Rows of a table, each as column -> text; a tab in the first row means that tabs separate.

    Args:
        path: the file, UTF-8, with or without byte order mark.
        columns: those that must be there; others are read too.
        what_to_do: said where it is damaged.

    Raises:
        DatasetDamaged: it cannot be read, a column is missing, or a row ends early.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        text = f"{path}: cannot be read as a table ({error}); {what_to_do}"
        raise DatasetDamaged(text) from error
    reader = csv.DictReader(lines, delimiter="\t" if lines and "\t" in lines[0] else ",")
    found = reader.fieldnames or ()
    if missing := [name for name in columns if name not in found]:
        raise DatasetDamaged(
            f"{path}: columns wanted {', '.join(columns)}, missing {', '.join(missing)}; "
            f"{what_to_do}"
        )
    rows = []
    for row in reader:
        if None in row.values():
            raise DatasetDamaged(
                f"{path}: line {reader.line_num} ends early: {len(found)} columns wanted; "
                f"{what_to_do}"
            )
        rows.append(row)
    return rows


def number(text: str | None) -> float | None:
    """A number, or None for an empty cell, ``unknown`` and the like."""
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return None if value != value else value


def known(text: str | None) -> str | None:
    """The text, or None for an empty cell and ``unknown``."""
    said = (text or "").strip()
    return None if said.lower() in ("", "unknown", "nan", "na", "n/a") else said
