"""What each ``data_scripts/get_<set>.py`` runs: ``medtutor data get`` with the script's help."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


def run(name: str, doc: str | None, arguments: Sequence[str] | None = None) -> int:
    """Put one data set in its place; 0 when it is there, 1 with the manual way when not.

    Args:
        name: of the set.
        doc: the script's docstring, shown as its help.
        arguments: those of the command line by default.
    """
    from medtutor.datasets.commands import app

    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("given", nargs="?", type=Path, help="folder or archive you have already")
    parser.add_argument("--from", dest="source", type=Path, help="the same")
    parser.add_argument("--only", action="append", default=[], help="one part; repeat it")
    parser.add_argument("--link", action="store_true", help="point to the folder, copy nothing")
    chosen = parser.parse_args(arguments)
    words = ["get", name, *(["--link"] if chosen.link else [])]
    if given := chosen.source or chosen.given:
        words += ["--from", str(given)]
    for part in chosen.only:
        words += ["--only", part]
    try:
        app(words, prog_name="medtutor data")
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0
