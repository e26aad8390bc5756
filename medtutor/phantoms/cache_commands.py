"""The commands ``medtutor data cache ...``: what made images lie on disk, and removing them."""

from __future__ import annotations

import json
import sys
import time
from typing import Annotated

import typer

app = typer.Typer(
    help="Made images kept on disk so that they are made once: list them, remove them.",
    epilog="They lie in $MEDTUTOR_CACHE, else in the user's cache, and hold at most "
    "$MEDTUTOR_CACHE_LIMIT (2 GB): those used longest ago go first.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command("list", epilog="Example: medtutor data cache list --json")
def list_command(
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, for other programs")] = False,
) -> None:
    """List the entries, the one used last first."""
    from medtutor.phantoms.cache import cache_folder, entries

    limit, found = _limit(), entries()
    total = sum(entry.bytes for entry in found)
    if as_json:
        rows = [
            {"path": str(e.path), "call": e.call, "bytes": e.bytes, "used": e.used} for e in found
        ]
        print(json.dumps({"folder": str(cache_folder()), "limit": limit, "bytes": total,
                          "entries": rows}, indent=1))  # fmt: skip
        return
    for entry in found:
        day = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used))
        print(f"{day}  {size(entry.bytes):>8}  {entry.call or f'{entry.name}: damaged'}")
    print(f"{_count(len(found))}, {size(total)} of at most {size(limit)}, in {cache_folder()}")


@app.command(epilog="Examples: medtutor data cache clear · medtutor data cache clear organs")
def clear(
    name: Annotated[
        str | None, typer.Argument(help="of the function whose images to remove; all without it")
    ] = None,
) -> None:
    """Remove the entries; they are made again when they are next asked for."""
    from medtutor.phantoms.cache import clear as remove

    removed = remove(name)
    print(f"removed {_count(len(removed))}, {size(sum(entry.bytes for entry in removed))}")


def size(number: int) -> str:
    """Bytes as people read them: 12.3 MB."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= factor:
            return f"{number / factor:.1f} {unit}"
    return f"{number} B"


def _count(number: int) -> str:
    return f"{number} {'entry' if number == 1 else 'entries'}"


def _limit() -> int:
    from medtutor.phantoms.cache import limit_bytes

    try:
        return limit_bytes()
    except ValueError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None
