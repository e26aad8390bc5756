"""Which operations there are, and their cases."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

from benchmarks.case import Case

KERNELS = Path(__file__).parents[2] / "medtutor" / "kernels"


def operations() -> list[str]:
    """The operations by name: each has a folder of its own in `medtutor/kernels`."""
    return sorted(file.parent.name for file in KERNELS.glob("*/__init__.py"))


def has_cases(op: str) -> bool:
    """Whether there is a `benchmarks/<op>.py`."""
    return (Path(__file__).parents[1] / f"{op}.py").is_file()


def cases_of(op: str, device: str, smallest: bool = False) -> Iterator[Case]:
    """Yield an operation's cases, one at a time; the smallest only, when asked."""
    cases = importlib.import_module(f"benchmarks.{op}").cases(device)
    return iter([min(cases, key=lambda case: case.bytes)]) if smallest else cases
