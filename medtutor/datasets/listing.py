"""What is known of the data sets: one line each in a table, or all of it for one set."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from medtutor.datasets.finished import read_marker
from medtutor.datasets.places import found, look
from medtutor.datasets.registry import Facts, facts

if TYPE_CHECKING:
    from rich.table import Table

ACCESS = {"package": "package", "download": "download", "form": "by hand"}
HOW = {
    "package": "with an installed package",
    "download": "downloaded by our command",
    "form": "by hand: the owner wants a registration, a form or a licence",
}
PASS_ON = {"yes": "yes", "no": "no", "not stated": "?"}
CODE = re.compile(r"CC0(?: \d\.\d)?|CC BY[-A-Z]*(?: \d\.\d)?")
TOLD = re.compile(r"\bas [^;]*(?:recalled|quote|state)|quoted elsewhere|not seen")
NARROW = 80  # columns of a plain terminal, in which the table without titles fits
LEGEND = (
    "medtutor data list NAME says all of one set; medtutor data get NAME fetches it.\n"
    "A question mark: told by others than the owner, or stated by nobody.\n"
    "Every chapter runs without these sets."
)


def rows(names: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """One entry a set, for JSON and for the table; all sets by default."""
    if names is None:
        return [_row(facts(name), place) for name, place in found().items()]
    return [_row(facts(name), look(facts(name))) for name in names]


def table(width: int = NARROW) -> Table:
    """The entries as a table for a terminal so many columns wide: one line a set.

    Where there is room, the sets' titles stand at the end, shortened between words.
    """
    from rich.table import Table

    made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("set", "here", "how"):
        made.add_column(heading, no_wrap=True)
    for heading in ("size", "cases"):
        made.add_column(heading, no_wrap=True, justify="right")
    for heading in ("licence", "pass on"):
        made.add_column(heading, no_wrap=True)
    room = width - NARROW - 2
    if room >= 20:
        made.add_column("what it is", no_wrap=True)
    for row in rows():
        made.add_row(
            row["name"],
            "[green]found[/]" if row["folder"] else "absent",
            ACCESS[row["access"]],
            row["size"],
            f"{row['cases']:,}" if row["cases"] else "",
            short_licence(row["licence"]),
            PASS_ON[row["redistribution"]],
            *([_short_title(row["title"], room)] if room >= 20 else []),
        )
    return made


def details(about: Facts, width: int = NARROW) -> str:
    """All that is known of one set, wrapped between words."""
    place = look(about)
    marker = read_marker(place) if place else None
    finished = f" (finished {marker['date']})" if marker else ""
    digests = sum(file.digest is not None for file in about.files)
    size = _size(about)
    count = len(about.files)
    files = f", {count} file{'s' * (count > 1)}, {digests} with a checksum" if count else ""
    reader = about.reader.partition(":")[2]
    said = {
        "here": f"{place}{finished}" if place else "no",
        "holds": about.counts,
        "division": about.splits,
        "owner": about.owner,
        "page": about.landing_page,
        "licence": about.licence,
        "passing on": about.redistribution,
        "cite": about.citation + ("" if about.doi == "not stated" else f", doi:{about.doi}"),
        "how": HOW[about.access] + (f", {size}" if size else "") + files,
        "where to get": about.where_to_get,
        "reader": f"medtutor.datasets.{reader}" if reader else "none yet",
        "next command": about.next_command,
    }
    lines = textwrap.wrap(f"{about.name}: {about.title}", width, subsequent_indent="  ")
    for name, text in said.items():
        lines += textwrap.wrap(
            text,
            width,
            initial_indent=f"  {name + ':':<15}",
            subsequent_indent=" " * 17,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(lines)


def short_licence(licence: str) -> str:
    """Its code where it is a Creative Commons one, else whether there are other terms.

    A question mark means that others than the owner say so; ``, ...`` that a second licence holds
    for a part of the set.
    """
    if licence.startswith(("not stated", "none stated")):
        return "not stated"
    if code := CODE.match(licence):
        more = ", ..." if CODE.search(licence.partition(";")[2]) else ""
        return code[0] + ("?" if TOLD.search(licence) else more)
    return "own terms"


def _short_title(title: str, room: int) -> str:
    """The title, or what follows its first words where it is too long, cut between words."""
    if len(title) > room:
        title = re.split(": |, ", title, maxsplit=1)[-1]
    return textwrap.shorten(title, room, placeholder=" ...", break_on_hyphens=False)


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
        "cases": about.cases,
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
