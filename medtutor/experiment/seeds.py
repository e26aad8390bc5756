"""Randomness with a name: draws come from a seed and a stream, never from the order of calls."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def stream_seed(seed: int, *stream: str | int) -> int:
    """A number in [0, 2^63) for a seed and the name of a stream, the same on every machine.

    Neighbouring seeds and different names give unrelated numbers: ``stream_seed(0, "noise")`` says
    nothing about ``stream_seed(1, "noise")`` or ``stream_seed(0, "augment")``.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"seed must be an integer; got {seed!r}")
    text = repr((int(seed), *(str(name) for name in stream)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *stream: str | int) -> torch.Generator:
    """A CPU generator for a seed and a stream: ``generator(seed, "batches")``.

    Draws are made on the CPU and moved, so that every device sees the same numbers.
    """
    return torch.Generator().manual_seed(stream_seed(seed, *stream))


@contextmanager
def seeded(seed: int, *stream: str | int) -> Iterator[None]:
    """Inside, the global generators of torch (CPU), numpy and random start at this seed.

    Afterwards they stand where they stood. For what draws without asking, such as the first
    weights of a network: ``with seeded(seed): model = UNet(1, 1)``.
    """
    number = stream_seed(seed, *stream)
    before = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        torch.default_generator.manual_seed(number)
        np.random.seed(number % 2**32)  # noqa: NPY002
        random.seed(number)
        yield
    finally:
        torch.set_rng_state(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        random.setstate(before[2])
