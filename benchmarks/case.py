"""One thing to be timed: our form, its peers, and the bytes that must move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

PEERS = (
    "monai", "torchio", "batchgeneratorsv2", "grid_sample", "simpleitk", "scikit-image",
    "torch eager", "torch.compile", "torch.cdist", "gather loop", "reference",
)
"""What a case may be timed beside: a package by its name, or torch as one would write it."""

Call = Callable[[], Any]


@dataclass(frozen=True)
class Case:
    """A case of an operation.

    Attributes:
        op: the operation, named as its folder in `medtutor/kernels`.
        case: what it is given, "4 x 1 x 128^3 float32".
        bytes: that must move at least: each input read as often as the formula asks for it and each
            output written once. The floor is the time that a copy of as many bytes takes.
        ours: makes one call of ours, with what it needs prepared beforehand.
        peers: makers of a peer's call, by a name of `PEERS`. A maker imports its package and
            prepares the inputs; it raises ImportError where the package is not installed.
        wanted: least ratio to a peer, by its name; "floor" is the most times the floor, "seconds"
            the most seconds, "megabytes" (of 10^6 bytes) the most extra memory.
        series: cases of one series differ in size only and share a plot, joined by lines where they
            differ in bytes; found from `case` by leaving out its numbers when not given.

    A call leaves nothing behind that the next one would find: it returns what it made, and takes
    gradients with `torch.autograd.grad` rather than into `.grad`.
    """

    op: str
    case: str
    bytes: int
    ours: Call
    peers: dict[str, Callable[[], Call]] = field(default_factory=dict)
    wanted: dict[str, float] = field(default_factory=dict)
    series: str = ""
