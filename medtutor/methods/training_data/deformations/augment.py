"""Warps inside the training loop: a bank of drawn fields, applied batch by batch."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from medtutor.kernels import warp as kernel

from .warp import Warp


class WarpBank:
    """Augment a batch by warps drawn beforehand: one field for an image and its label.

    Drawing is slow and applying fast, so the bank is drawn once (200 fields of 48 x 48 take 4 MB)
    and each image of a batch picks one of them. Linear interpolation for images, nearest for
    labels, edges repeated. Call it as `augment(images, targets, generator)`.

    Args:
        fields: (n, d, *size), pull displacements in voxels.
        keep: probability that an image stays as it is.
    """

    def __init__(self, fields: np.ndarray, *, keep: float = 0.0) -> None:
        if not 0 <= keep <= 1:
            raise ValueError(f"keep must be a probability; got {keep}")
        fields = np.asarray(fields, dtype=np.float32)
        if fields.ndim not in (4, 5) or fields.shape[1] != fields.ndim - 2:
            raise ValueError(f"fields must be (n, 2, H, W) or (n, 3, D, H, W); got {fields.shape}")
        if not np.isfinite(fields).all():
            raise ValueError("fields hold NaN or infinity")
        self.fields = torch.from_numpy(fields)
        self.keep = keep

    @classmethod
    def of(cls, warps: Iterable[Warp], *, keep: float = 0.0) -> WarpBank:
        """A bank of drawn warps of one size."""
        return cls(np.stack([warp.field for warp in warps]), keep=keep)

    def __len__(self) -> int:
        return len(self.fields)

    def __call__(
        self, images: Tensor, targets: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Warp each image and its label by one field of the bank.

        Args:
            images: (B, C, *size).
            targets: (B, *size), labels.
            generator: on the CPU.
        """
        size = tuple(self.fields.shape[2:])
        if tuple(images.shape[2:]) != size or tuple(targets.shape[1:]) != size:
            raise ValueError(
                f"the bank warps {size}; got images {tuple(images.shape)} and targets "
                f"{tuple(targets.shape)}: draw the bank for this size"
            )
        pick = torch.randint(len(self), (len(images),), generator=generator)
        stay = torch.rand(len(images), generator=generator) < self.keep
        field = self.fields[pick]                                       # (B, d, *size)
        field[stay] = 0
        return kernel.warp(images, field.to(images.device), targets)


def flip(images: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mirror each image and its label along each axis with probability one half."""
    images, targets = images.clone(), targets.clone()
    for axis in range(1, targets.ndim):
        turned = torch.rand(len(images), generator=generator) < 0.5
        turned = turned.to(images.device)
        images[turned] = images[turned].flip(axis + 1)
        targets[turned] = targets[turned].flip(axis)
    return images, targets
