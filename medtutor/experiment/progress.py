"""A progress bar for people, silence for logs."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from tqdm.auto import tqdm


def progress_bar(
    iterable: Iterable[Any] | None = None,
    *,
    total: int | None = None,
    title: str = "",
    progress: bool = True,
) -> tqdm:
    """A tqdm bar in a terminal or a notebook; nothing where ``progress`` is off or nobody looks.

    The environment variable TQDM_DISABLE=1 silences all bars: for notebooks that no one watches.
    """
    shown = progress and (sys.stderr.isatty() or in_notebook())
    quiet = {} if shown else {"disable": True}  # an explicit False would overrule TQDM_DISABLE
    return tqdm(iterable, total=total, desc=title, leave=False, **quiet)


def in_notebook() -> bool:
    """True inside a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return type(shell).__name__ == "ZMQInteractiveShell"
