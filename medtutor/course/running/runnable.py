"""What can be executed."""

from pathlib import Path
from typing import Protocol


class Runnable(Protocol):
    """A chapter, or a notebook that is a page of the book."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def folder(self) -> Path:
        """Where its kernel runs."""

    @property
    def notebook(self) -> Path:
        """The file."""
