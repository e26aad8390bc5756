"""Phantom: glands of the colon in haematoxylin and eosin, as different laboratories stain them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from medtutor.phantoms.glands_tissue import FIELD, draw_glands_of, tissue

__all__ = ["GRADES", "LABORATORIES", "GlandPhantoms", "GlandScenes", "Laboratory", "draw_glands",
           "glands", "render_glands"]  # fmt: skip

GRADES = ("healthy", "adenomatous", "moderately differentiated", "poorly differentiated")
"""The first two are benign, the last two malignant."""
# Colour of each stain in optical density (Ruifrok and Johnston, Quantification of histochemical
# staining by color deconvolution, 2001), red, green, blue; made unit vectors below.
HAEMATOXYLIN, EOSIN = (0.65, 0.70, 0.29), (0.07, 0.99, 0.11)
STRENGTH = 1.6
"""Optical density of a nucleus along its stain, natural logarithm: a choice."""


@dataclass(frozen=True)
class Laboratory:
    """How a laboratory stains and scans: a stain matrix and what the scanner adds.

    Attributes:
        haematoxylin, eosin: colour of each stain, optical density in red, green and blue; of any
            length, unit vectors are made of them.
        amounts: how much of each stain binds, 1 is the reference.
        white: what the scanner shows where there is no tissue, in (0, 1].
        blur: standard deviation of the optics' blur, in micrometres.
        noise: standard deviation of the sensor's noise.
    """

    haematoxylin: Sequence[float] = HAEMATOXYLIN
    eosin: Sequence[float] = EOSIN
    amounts: Sequence[float] = (1.0, 1.0)
    white: Sequence[float] = (0.97, 0.96, 0.97)
    blur: float = 0.8
    noise: float = 0.015

    @property
    def matrix(self) -> np.ndarray:
        """(2, 3) rows haematoxylin and eosin, of unit length."""
        rows = np.array([self.haematoxylin, self.eosin], float)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


# The first is the reference; the others turn its vectors by some degrees and bind more or less.
LABORATORIES = {
    "reference": Laboratory(),
    "blue": Laboratory((0.72, 0.66, 0.20), (0.16, 0.96, 0.22), (1.35, 0.75), (0.95, 0.96, 0.98)),
    "pink": Laboratory((0.56, 0.76, 0.33), (0.05, 0.98, 0.19), (0.75, 1.40), (0.98, 0.94, 0.95)),
    "faded": Laboratory((0.60, 0.72, 0.36), (0.12, 0.95, 0.28), (0.60, 0.65), (0.96, 0.95, 0.90),
                        blur=1.6, noise=0.025),
}  # fmt: skip
"""Four laboratories; their departures from the reference are choices."""


@dataclass(frozen=True)
class GlandScenes:
    """Tissue blocks: tables to read, change, and stain again.

    Attributes:
        factors: a row an image, indexed by its number: `malignant` (0 or 1), `atypia` in [0, 1],
            `grade` (place in `GRADES`), `fibroblasts` and `lymphocytes` (per 0.01 mm^2),
            `fibre_angle` (radian), `tears`, and `cells`, the number that cells are drawn from.
        glands: a row a gland: `image`, `gland` (1, 2, ...), centre `x`, `y`, `radius`
            (micrometres), `aspect`, `angle`, `lumens`, `lumen` (share of the radius), `mucin`,
            `wobble_0`...
        seed: of the draw, from which the sensor's noise is drawn too.
    """

    factors: pd.DataFrame
    glands: pd.DataFrame
    seed: int


@dataclass(frozen=True)
class GlandPhantoms:
    """Images and their truth.

    Attributes:
        images: (N, 3, H, W) float32 in [0, 1], red, green, blue.
        instances: (N, H, W) int64, 0 outside glands, else the number of the gland.
        regions: (N, H, W) int64, 0 stroma, 1 epithelium, 2 lumen (always inside a gland).
        nuclei: (N, H, W) bool.
        stains: (N, 2, H, W) float32, haematoxylin and eosin bound, before the laboratory's amounts.
        labels: (N,) int64, 1 malignant.
        grades: (N,) int64, place in `GRADES`.
        scenes: the factors.
    """

    images: np.ndarray
    instances: np.ndarray
    regions: np.ndarray
    nuclei: np.ndarray
    stains: np.ndarray
    labels: np.ndarray
    grades: np.ndarray
    scenes: GlandScenes = field(repr=False)

    def __len__(self) -> int:
        return len(self.images)


def glands(
    count: int,
    *,
    size: Sequence[int] = (128, 128),
    prevalence: float = 0.5,
    laboratory: str | Laboratory = "reference",
    tears: float = 0.5,
    seed: int = 0,
    first: int = 0,
) -> GlandPhantoms:
    """Draw tissue and stain it: `draw_glands`, then `render_glands`."""
    scenes = draw_glands(count, prevalence=prevalence, tears=tears, seed=seed, first=first)
    return render_glands(scenes, size=size, laboratory=laboratory)


def draw_glands(
    count: int, *, prevalence: float = 0.5, tears: float = 0.5, seed: int = 0, first: int = 0
) -> GlandScenes:
    """Draw tissue with benign or malignant architecture.

    The class comes first (malignant with chance `prevalence`), then how atypical the tissue looks:
    atypia ~ Beta(2, 4.5) if benign, Beta(4.5, 2) if malignant. All that is seen depends on atypia
    alone: irregular and elongated outlines, unequal sizes, disorder, several lumens a gland
    (cribriform), stratified, larger, less oriented nuclei, lost mucin, more fibroblasts. So no
    classifier can beat the rule "atypia above 1/2" (at equal classes), which is right in

        P(Beta(4.5, 2) > 1/2) = 0.86

    of the images: grade and class overlap, as they do between pathologists. Grade: of the benign
    healthy where atypia < 0.3, else adenomatous; of the malignant poorly differentiated where
    atypia > 0.75, else moderately.

    The same seed gives the same tissue, and image i does not depend on `count`.

    Args:
        count: number of images.
        prevalence: share of malignant images.
        tears: amount of white clefts in the stroma that look like lumen, 0 to 1.
        seed: of the sample.
        first: number of the first image.

    Raises:
        ValueError: an argument out of range.
    """
    _check(count, prevalence, tears)
    people, found = [], []
    for number in range(first, first + count):
        rng = np.random.default_rng((seed, number, 0))
        malignant = int(rng.random() < prevalence)
        atypia = rng.beta(4.5, 2.0) if malignant else rng.beta(2.0, 4.5)
        grade = 2 + (atypia > 0.75) if malignant else int(atypia >= 0.3)
        people.append({
            "malignant": malignant, "atypia": atypia, "grade": int(grade),
            "fibroblasts": rng.uniform(6, 13) * (1 + 0.5 * atypia),
            "lymphocytes": rng.lognormal(np.log(14), 0.5),
            "fibre_angle": rng.uniform(0, np.pi), "tears": tears,
            "cells": int(rng.integers(2**31)),
        })  # fmt: skip
        table = draw_glands_of(rng, atypia)
        table.insert(0, "image", number)
        table.insert(1, "gland", np.arange(1, len(table) + 1))
        found.append(table)
    index = pd.RangeIndex(first, first + count, name="image")
    return GlandScenes(pd.DataFrame(people, index=index), pd.concat(found, ignore_index=True), seed)


def render_glands(
    scenes: GlandScenes,
    *,
    size: Sequence[int] = (128, 128),
    laboratory: str | Laboratory = "reference",
) -> GlandPhantoms:
    """Stain and scan tissue.

    By Beer and Lambert,

        I_c = white_c exp(-1.6 (a_H h s_Hc + a_E e s_Ec)) + noise,   c red, green, blue

    with h and e the stains bound in a pixel, a the laboratory's amounts and s its unit vectors.
    Stained again by another laboratory the tissue is the same to the last bit: the paired truth
    that real collections lack.

    Args:
        scenes: of `draw_glands`; change its tables to ask what if, and render again.
        size: (H, W), at least 32; the field is 400 micrometres along the longest side.
        laboratory: a name of `LABORATORIES`, or one's own.
    """
    size = tuple(int(side) for side in size)
    if len(size) != 2 or min(size) < 32:
        raise ValueError(f"size must be (H, W) of at least 32 pixels each; got {size}")
    laboratory = _checked(laboratory)
    count = len(scenes.factors)
    images = np.empty((count, 3, *size), np.float32)
    stains = np.empty((count, 2, *size), np.float32)
    instances = np.empty((count, *size), np.int64)
    regions, nuclei = np.empty_like(instances), np.empty((count, *size), bool)
    by_image = dict(list(scenes.glands.groupby("image")))
    for row, (number, factors) in enumerate(scenes.factors.iterrows()):
        made = tissue(factors, by_image.get(number, scenes.glands.iloc[:0]), size,
                      int(factors["cells"]))  # fmt: skip
        stains[row] = made.haematoxylin, made.eosin
        instances[row], regions[row] = made.instances, made.regions
        nuclei[row] = made.nuclei > 0.5
        noise = np.random.default_rng((scenes.seed, int(number), 1))
        images[row] = _scanned(stains[row], laboratory, max(size), noise)
    labels, grades = (scenes.factors[name].to_numpy(np.int64) for name in ("malignant", "grade"))
    return GlandPhantoms(images, instances, regions, nuclei, stains, labels, grades, scenes)


def _scanned(
    stains: np.ndarray, laboratory: Laboratory, side: int, noise: np.random.Generator
) -> np.ndarray:
    """Bound stains (2, H, W) to what the scanner gives, (3, H, W)."""
    bound = stains * np.reshape(laboratory.amounts, (2, 1, 1))
    density = np.tensordot(laboratory.matrix, bound, axes=(0, 0))  # (3, H, W)
    light = np.exp(-STRENGTH * density) * np.reshape(laboratory.white, (3, 1, 1))
    width = laboratory.blur * side / FIELD
    light = gaussian_filter(light, (0, width, width), mode="nearest")
    return np.clip(light + laboratory.noise * noise.standard_normal(light.shape), 0, 1)


def _checked(laboratory: str | Laboratory) -> Laboratory:
    if isinstance(laboratory, str):
        if laboratory not in LABORATORIES:
            raise ValueError(
                f"laboratory must be one of {', '.join(LABORATORIES)}, or a Laboratory; "
                f"got {laboratory!r}"
            )
        return LABORATORIES[laboratory]
    vectors = np.array([laboratory.haematoxylin, laboratory.eosin], float)
    if vectors.shape != (2, 3) or (vectors < 0).any() or (vectors.sum(1) == 0).any():
        raise ValueError("a stain's colour must be three optical densities, 0 or more, not all 0")
    if min(laboratory.amounts) < 0 or not all(0 < w <= 1 for w in laboratory.white):
        raise ValueError("amounts must be 0 or more, white in (0, 1] for each colour")
    if laboratory.blur < 0 or laboratory.noise < 0:
        raise ValueError("blur and noise must be 0 or more")
    return laboratory


def _check(count: int, prevalence: float, tears: float) -> None:
    if count < 1:
        raise ValueError(f"count must be 1 or more; got {count}")
    for name, value in (("prevalence", prevalence), ("tears", tears)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must be from 0 to 1; got {value}")
