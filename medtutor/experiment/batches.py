"""Batches: a fresh permutation each epoch, over tensors or over tuples and dicts of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor


class Batches:
    """Indices of one batch after another; a fresh permutation of all images each epoch.

    The last batch of an epoch is smaller where the count does not divide. Its state (the order
    and the place in it) can be stored, so that a run resumes in the middle of an epoch.

    Args:
        count: number of images.
        batch_size: images in a batch.
        generator: draws the permutations.
    """

    def __init__(self, count: int, batch_size: int, generator: torch.Generator) -> None:
        self.count, self.batch_size, self.generator = count, batch_size, generator
        self.order = torch.empty(0, dtype=torch.long)
        self.place = 0

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch."""
        return -(-self.count // self.batch_size)

    def draw(self) -> Tensor:
        """Indices of the next batch."""
        if self.place >= len(self.order):
            self.order = torch.randperm(self.count, generator=self.generator)
            self.place = 0
        index = self.order[self.place : self.place + self.batch_size]
        self.place += self.batch_size
        return index


def each_tensor(change: Callable[[Tensor], Any], data: Any) -> Any:
    """The same tuples and dicts with ``change`` applied to every tensor in them."""
    if isinstance(data, Mapping):
        return {key: each_tensor(change, item) for key, item in data.items()}
    if isinstance(data, tuple | list):
        return tuple(each_tensor(change, item) for item in data)
    if isinstance(data, np.ndarray):
        data = torch.from_numpy(data)
    if not isinstance(data, Tensor):
        raise TypeError(f"data must be tensors, or tuples and dicts of them; got {type(data)}")
    return change(data)


def tensors(data: Any) -> list[Tensor]:
    """All tensors in tuples and dicts, in order."""
    found: list[Tensor] = []
    each_tensor(found.append, data)
    return found


def take(data: Any, index: Tensor | slice) -> Any:
    """The images of these indices, from every tensor."""
    return each_tensor(
        lambda x: x[index.to(x.device) if isinstance(index, Tensor) else index], data
    )


def joined(parts: list[Any]) -> Any:
    """Concatenate the tensors of several batches, place by place."""
    first = parts[0]
    if isinstance(first, Mapping):
        return {key: joined([part[key] for part in parts]) for key in first}
    if isinstance(first, tuple | list):
        return tuple(joined([part[i] for part in parts]) for i in range(len(first)))
    return torch.cat(parts)


def checked_data(data: Any) -> tuple[Any, Any]:
    """Images and targets as tensors of equal count; refuses what would spoil a training.

    Raises:
        ValueError: not a pair, unequal counts, no image, or an image with NaN or infinity.
    """
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise ValueError(f"data must be the pair (images, targets); got {type(data).__name__}")
    images, targets = (each_tensor(lambda x: x, part) for part in data)
    counts = {len(x) for x in (*tensors(images), *tensors(targets))}
    if len(counts) != 1 or 0 in counts:
        raise ValueError(
            f"images and targets must have one count, at least 1, along their first axis; "
            f"got {[len(x) for x in tensors(images)]} and {[len(x) for x in tensors(targets)]}"
        )
    for x in tensors(images):
        if x.is_floating_point() and not bool(torch.isfinite(x).all()):
            bad = (~torch.isfinite(x)).flatten(1).any(1) if x.ndim > 1 else ~torch.isfinite(x)
            raise ValueError(
                f"images must be finite; image {int(bad.nonzero()[0])} (of {int(bad.sum())} such) "
                "has NaN or infinity: repair it with torch.nan_to_num, or leave it out"
            )
    return images, targets
