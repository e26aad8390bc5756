"""The commands ``medtutor data ...``. Exit codes: 0 all well, 1 absent or failed, 2 wrong use.

Each command imports what it needs when it runs, so that ``medtutor data --help`` is instant.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from medtutor.phantoms.cache_commands import app as cache_app

if TYPE_CHECKING:
    from medtutor.datasets.registry import Facts

app = typer.Typer(
    help="Real data sets: which are here, how to get the others. Chapters run without them.",
    epilog="Sets lie in $MEDTUTOR_DATA, else in the user's cache: medtutor data where.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(cache_app, name="cache")
Name = Annotated[str, typer.Argument(help="a name from: medtutor data list", metavar="NAME")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON, for other programs")]


@app.command("list", epilog="Examples: medtutor data list · medtutor data list glas")
def list_command(
    name: Annotated[
        str | None, typer.Argument(help="a set; all of them, a line each, without it")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the data sets, a line each; or say all that is known of one."""
    from medtutor.datasets.listing import LEGEND, details, rows, table
    from medtutor.datasets.places import data_root

    about = None if name is None else _facts(name)
    if as_json:
        chosen = rows(None if name is None else [name])
        print(json.dumps(chosen, indent=1, ensure_ascii=False))
        return
    from rich.console import Console

    console = Console()
    if about is not None:
        print(details(about, console.width))
        return
    print(f"data sets in {data_root()}\nanother place: set MEDTUTOR_DATA to it\n")
    console.print(table(console.width))
    print(f"\n{LEGEND}")


@app.command(
    epilog="Examples: medtutor data get hrf · medtutor data get medmnist --only dermamnist · "
    "medtutor data get ph2 --from ~/Downloads/PH2Dataset"
)
def get(
    name: Name,
    given: Annotated[
        Path | None,
        typer.Option("--from", help="folder or archive that you have already; copied, never moved"),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="one part of a set that has parts; repeat it")
    ] = None,
    link: Annotated[
        bool, typer.Option("--link", help="with --from FOLDER: point to it, copy nothing")
    ] = False,
) -> None:
    """Download a set, or take over your own copy: verified, unpacked safely, checked."""
    from medtutor.datasets.fetch import FetchFailed, Means, install
    from medtutor.datasets.places import how_to_get, look

    about = _facts(name)
    print(_terms(about))
    here = look(about)
    if about.access == "package" and here is None or about.access == "form" and not (given or here):
        _failed(how_to_get(about))
    if here and not given and (about.access != "download" or here.name != about.folders[0]):
        print(f"found already: {here}")
        if about.access == "download":
            print("  for a download beside it, move that folder away or change MEDTUTOR_DATA")
        return
    if about.files and not given and not about.address_checked:
        print("  the addresses are from memory and may be wrong; see the landing page")
    for file in about.files if not given else ():
        if file.digest is None and (not only or file.part in only):
            print(f"  {file.name}: no checksum is known, so only its layout and counts are checked")
    try:
        place = install(about, given=given, only=only or (), link=link, means=Means(tell=_tell))
    except FetchFailed as error:
        _failed(str(error))
    print(f"in place: {place}")


@app.command(epilog="Example: medtutor data verify busi")
def verify(name: Name, as_json: AsJson = False) -> None:
    """Check a set that is here: checksums of files, layout, counts, and every case read."""
    from medtutor.datasets.verify import examine

    about = _facts(name)
    _found(about)
    lines = examine(about)
    if as_json:
        print(json.dumps([line._asdict() for line in lines], indent=1, ensure_ascii=False))
    else:
        for line in lines:
            print(f"{line.state:5}  {line.text}")
    if any(line.state == "wrong" for line in lines):
        raise typer.Exit(1)


@app.command(epilog="Examples: medtutor data where · medtutor data where busi")
def where(
    name: Annotated[str | None, typer.Argument(help="a set; the root of all without it")] = None,
) -> None:
    """Print the folder of the data sets, or of one."""
    from medtutor.datasets.places import data_root

    print(data_root() if name is None else _found(_facts(name)))


@app.command(epilog="Example: medtutor data show isic2017 --out sheet.png")
def show(
    name: Name,
    out: Annotated[
        Path | None, typer.Option(help="PNG to write [dim](build/data/NAME.png)[/dim]")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=100, help="how many cases")] = 12,
) -> None:
    """Write a contact sheet: some images with the outlines of their masks, and class counts."""
    from medtutor.datasets.labelled_set import open_set
    from medtutor.datasets.places import DatasetDamaged
    from medtutor.datasets.sheet import write_sheet

    about = _facts(name)
    _found(about)
    try:
        opened = open_set(name)
        print(write_sheet(opened, out or Path("build", "data", f"{name}.png"), count))
    except (DatasetDamaged, NotImplementedError, OSError) as error:
        _failed(str(error))
    for kind, number in opened.class_counts().items():
        print(f"  {number:6}  {kind}")


def _facts(name: str) -> Facts:
    from medtutor.datasets.registry import facts

    try:
        return facts(name)
    except ValueError as error:
        _failed(str(error), code=2)


def _found(about: Facts) -> Path:
    from medtutor.datasets.places import DatasetAbsent, folder

    try:
        return folder(about.name)
    except DatasetAbsent as error:
        _failed(str(error))


def _terms(about: Facts) -> str:
    lines = [about.title, f"  licence: {about.licence}", f"  cite: {about.citation}"]
    if about.people:
        lines.append("  these are images of people: do not try to find out who they are")
    if about.redistribution != "yes":
        said = {"no": "not allowed", "not stated": "not stated to be allowed"}
        lines.append(f"  passing it on: {said[about.redistribution]}")
    return "\n".join(lines)


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


def _failed(message: str, code: int = 1) -> NoReturn:
    print(message, file=sys.stderr)
    raise typer.Exit(code)
