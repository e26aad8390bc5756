"""Titles of notebook cells: the last Markdown heading above each."""

import re
from collections.abc import Sequence
from typing import Any

_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*$")
_FENCE = re.compile(r"^\s*(```|~~~|:::)")


def headings(source: str) -> list[tuple[int, str]]:
    """Return level and text of each heading in a Markdown cell, code fences left out."""
    found, fenced = [], False
    for line in source.splitlines():
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced and (match := _HEADING.match(line)):
            found.append((len(match[1]), match[2]))
    return found


def title_above(cells: Sequence[Any], index: int) -> str:
    """Return the last heading in or above a cell, or nothing where there is none."""
    for cell in reversed(cells[: index + 1]):
        if cell.cell_type == "markdown" and (found := headings(cell.source)):
            return found[-1][1]
    return ""
