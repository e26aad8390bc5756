"""Random smooth warps of image and label, beside MONAI's elastic transforms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch

from medtutor.methods.training_data.deformations import (
    ControlGrid,
    ShapeModel,
    WarpBank,
    draw_warp,
    vibrational_modes,
)

Case = tuple[str, str, Callable, dict[str, Callable]]
KEYS = ("image", "label")


def cases() -> Iterator[Case]:
    """Op, case, our call and the peer's call."""
    from monai.transforms import Rand2DElasticd, Rand3DElasticd

    how = {"keys": KEYS, "prob": 1.0, "mode": ("bilinear", "nearest"), "padding_mode": "border"}
    flat = Rand2DElasticd(spacing=(16, 16), magnitude_range=(1, 2), **how)
    solid = Rand3DElasticd(sigma_range=(5, 6), magnitude_range=(50, 100), **how)
    for size, peer in (((48, 48), flat), ((256, 256), flat), ((48, 48, 48), solid)):
        name, voxels = f"MONAI {type(peer).__name__}", " x ".join(map(str, size))
        generator = torch.Generator().manual_seed(0)
        image = torch.rand(size, generator=generator)
        label = (image > 0.5).long()
        pair = dict(zip(KEYS, (image[None], label[None]), strict=True))
        grid = ControlGrid(size, points=5)
        modes = vibrational_modes(grid)
        model = ShapeModel(np.zeros(grid.length), modes.vectors, modes.variances).scaled(2.0)
        yield (
            "draw_warp",
            f"draw one warp, apply to image and label, {voxels}",
            partial(draw_and_apply, model, grid, generator, image.numpy(), label.numpy()),
            {name: partial(peer, pair)},
        )
        if len(size) == 3:
            continue
        bank = WarpBank.of([draw_warp(model, grid, generator) for _ in range(32)])
        images, labels = image.repeat(16, 1, 1, 1), label.repeat(16, 1, 1)
        yield (
            "WarpBank",
            f"16 images and labels, {voxels}; ours drawn beforehand, the peer's for each image",
            partial(bank, images, labels, generator),
            {name: partial(repeated, 16, peer, pair)},
        )


def draw_and_apply(
    model: ShapeModel,
    grid: ControlGrid,
    generator: torch.Generator,
    image: np.ndarray,
    label: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """A new warp, looked at for folds, and both pictures through it; linear as the peer."""
    warp = draw_warp(model, grid, generator)
    return warp.image(image, order=1), warp.label(label)


def repeated(times: int, call: Callable, *given: object) -> list:
    """The call, several times."""
    return [call(*given) for _ in range(times)]
