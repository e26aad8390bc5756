"""``python -m medtutor.datasets``: the same as ``medtutor data list``; with words, that command."""

from __future__ import annotations

import sys

from medtutor.datasets.commands import app


def main() -> None:
    """Run the command; ends the program with the exit code."""
    app(sys.argv[1:] or ["list"], prog_name="medtutor data")


if __name__ == "__main__":
    main()
