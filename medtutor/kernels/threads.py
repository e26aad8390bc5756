"""Share one loop between threads: as many as torch may use, none of them waiting in a spin.

Compiled loops release Python's lock, so plain threads run them side by side. Numba's own
`prange` is not used: of its thread pools, one ends the whole process when two threads call a
kernel at once, one when a forked data loader calls it, and the third is not there on every
machine; and it takes ten times as long to compile.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

_pool: ThreadPoolExecutor | None = None


def in_slabs(
    kernel: Callable[..., Any], length: int, *arguments: Any, work: int, least: int = 1 << 16
) -> list[Any]:
    """Call `kernel(first, last, *arguments)` for slabs that together make up `range(length)`.

    One slab a thread of `torch.get_num_threads()`, all of about one size; a single call where there
    is too little to do, since handing work to a thread costs about 0.1 ms.

    Args:
        kernel: compiled with `nogil=True`; slabs must not write to the same place. A sum that is to
            be the same for any number of threads goes into one place an index, not one a slab.
        length: of the outermost loop.
        *arguments: passed on.
        work: how many elements (voxels, pairs) the whole loop touches.
        least: elements that are worth a thread of their own.

    Returns:
        What the calls returned, in the order of the slabs.
    """
    slabs = max(1, min(torch.get_num_threads(), length, work // least))
    if slabs == 1:
        return [kernel(0, length, *arguments)]
    edges = [length * i // slabs for i in range(slabs + 1)]
    others = [
        _threads().submit(kernel, first, last, *arguments)
        for first, last in zip(edges[1:-1], edges[2:], strict=True)
    ]
    own = kernel(0, edges[1], *arguments)
    return [own, *(other.result() for other in others)]


def _threads() -> ThreadPoolExecutor:
    """The pool of this process: its threads sleep until there is work."""
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), "medtutor-kernel")
    return _pool


def _forget() -> None:
    """A forked process has none of its parent's threads."""
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
