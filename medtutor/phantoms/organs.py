"""Phantom: a slice (or block) of a body with organs of very different size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from medtutor.phantoms.organ_images import draw_images
from medtutor.phantoms.organ_shapes import OrganPopulation, draw_shapes

BATCH = 2**18  # voxels drawn at a time, so that memory stays small


@dataclass(frozen=True)
class OrganPhantoms:
    """Images, their labels, and what they were made from.

    Args:
        images: (N, 1, *S) float32; about 0 in air, 0.4 in soft tissue.
        labels: (N, *S) int64: 0 outside the organs, 1..K in the order of ``areas``.
        factors: a row an image: ``area_k`` (fraction of the image, counted), ``centre_k_y`` and
            ``centre_k_x`` (with ``_z`` in 3D; in voxels), ``intensity_k``, ``mode_m`` (scores of
            the population's shape modes, in standard deviations), ``noise``, ``bias``.
    """

    images: np.ndarray
    labels: np.ndarray
    factors: pd.DataFrame

    def __len__(self) -> int:
        return len(self.images)


def organs(
    count: int,
    *,
    size: Sequence[int] = (48, 48),
    areas: Sequence[float] = (0.15, 0.05, 0.02),
    contrast: float = 0.25,
    noise: float = 0.08,
    texture: float = 0.05,
    bias: float = 0.15,
    blur: float = 0.7,
    modes: int = 3,
    variation: float = 1.0,
    seed: int = 0,
    first: int = 0,
) -> OrganPhantoms:
    """Draw bodies with organs of the given sizes.

    The outline of organ k around its centre is r(u) = R exp(Σ_h w_h b_h(u)) for directions u, with
    b_h the Fourier terms of order 2 to 5 (2D) or the spherical harmonics of degree 2 and 3 (3D).
    The population has a mean shape and ``modes`` global modes: each moves, grows and bends all
    organs together by a normal score, and little is left to each organ alone. So a statistical
    shape model has something to learn. Organs do not overlap. ``areas=(0.02,)`` is the case of one
    small object.

    The same seed gives the same images; image i does not depend on ``count``; the population (its
    mean and modes) depends on ``areas`` and ``modes``, not on the seed, so that two seeds are two
    samples of one population.

    Args:
        count: number of images.
        size: (H, W) or (D, H, W), at least 8 voxels a side.
        areas: mean fraction of the image that each organ covers, largest organ first or not.
        contrast: how far the organs' intensities stand from the tissue's 0.4.
        noise: standard deviation of the white noise.
        texture: standard deviation of the smooth variation inside tissue.
        bias: the coil's slow shading runs from about 1 - bias to 1 + bias.
        blur: width of the edges in voxels: the standard deviation of the blur.
        modes: number of global shape modes; 0 leaves each organ alone to vary.
        variation: how much shapes vary; 0 draws the mean shape each time.
        seed: of the sample.
        first: number of the first image: images 10..19 are ``count=10, first=10``.

    Raises:
        ValueError: an argument is out of range, or the organs do not fit into the body.
    """
    size, areas = tuple(int(s) for s in size), tuple(float(a) for a in areas)
    amounts = dict(
        contrast=contrast, noise=noise, texture=texture, bias=bias, blur=blur, variation=variation
    )
    _check_arguments(count, size, areas, modes, amounts)
    population = OrganPopulation(size, areas, modes)
    images = np.empty((count, 1, *size), np.float32)
    labels = np.empty((count, *size), np.int64)
    factors: list[pd.DataFrame] = []
    step = max(1, BATCH // int(np.prod(size)))
    for start in range(0, count, step):
        numbers = range(first + start, first + min(start + step, count))
        chunk = slice(start, start + len(numbers))
        # One generator an image: what it draws does not depend on its neighbours.
        generators = [np.random.default_rng((seed, number)) for number in numbers]
        shapes = draw_shapes(population, generators, variation)
        images[chunk, 0], labels[chunk], table = draw_images(
            shapes, size, generators, contrast, noise, texture, bias, blur
        )
        factors.append(table)
    table = pd.concat(factors, ignore_index=True)
    table.index = pd.RangeIndex(first, first + count, name="image")
    return OrganPhantoms(images, labels, table)


def _check_arguments(
    count: int,
    size: tuple[int, ...],
    areas: tuple[float, ...],
    modes: int,
    amounts: dict[str, float],
) -> None:
    if count < 1:
        raise ValueError(f"count must be 1 or more; got {count}")
    if len(size) not in (2, 3) or min(size) < 8:
        raise ValueError(f"size must be 2 or 3 sides of at least 8 voxels; got {size}")
    if modes < 0:
        raise ValueError(f"modes must be 0 or more; got {modes}")
    for name, value in amounts.items():
        if not 0 <= value < np.inf:
            raise ValueError(f"{name} must be 0 or more; got {value}")
    voxels = int(np.prod(size))
    if not areas or min(areas) <= 0:
        raise ValueError(f"areas must be fractions of the image above 0; got {areas}")
    if min(areas) * voxels < 4:
        raise ValueError(
            f"areas: {min(areas):g} of {voxels} voxels is {min(areas) * voxels:.1f} voxels, wanted "
            f"at least 4: take an area of {4 / voxels:.2g} or more, or a larger size"
        )
