"""The table of all data sets: here or absent, access, size, licence, reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medtutor.datasets.finished import read_marker
from medtutor.datasets.places import found
from medtutor.datasets.registry import Facts, facts

if TYPE_CHECKING:
    from rich.table import Table

ACCESS = {"package": "installed package", "download": "download", "form": "by hand"}


def rows() -> list[dict[str, Any]]:
    """One entry a set, for JSON and for the table."""
    return [_row(facts(name), place) for name, place in found().items()]


def table() -> Table:
    """The entries as a table for the terminal."""
    from rich.markup import escape
    from rich.table import Table

    made = Table(box=None, padding=(0, 2, 0, 0))
    made.add_column("set", no_wrap=True)
    made.add_column("")
    made.add_column("access", no_wrap=True)
    made.add_column("size", justify="right", no_wrap=True)
    made.add_column("licence", overflow="fold")
    made.add_column("reader")
    made.add_column("folder, or what the whole set holds", overflow="fold")
    for row in rows():
        made.add_row(
            row["name"],
            "[green]found[/]" if row["folder"] else "absent",
            ACCESS[row["access"]],
            row["size"],
            escape(row["licence"]),
            "yes" if row["reader"] else "not yet",
            escape(row["folder"] or row["counts"]),
        )
    return made


def _row(about: Facts, place: Any) -> dict[str, Any]:
    marker = read_marker(place) if place else None
    return {
        "name": about.name,
        "title": about.title,
        "folder": str(place) if place else None,
        "finished": marker["date"] if marker else None,
        "access": about.access,
        "address_checked": about.address_checked,
        "size": _size(about),
        "licence": about.licence,
        "redistribution": about.redistribution,
        "reader": about.reader,
        "counts": about.counts,
        "next_command": about.next_command,
    }


def _size(about: Facts) -> str:
    """What is downloaded, as far as sizes are stated; ``+`` where some are not."""
    known = sum(file.planned_bytes for file in about.files) / 1e6
    if not known:
        return ""
    more = "+" if any(not file.planned_bytes for file in about.files) else ""
    return f"{known / 1000:.1f} GB{more}" if known >= 1000 else f"{known:.0f} MB{more}"
