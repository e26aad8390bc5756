"""Phantom: pigmented lesions of the skin under a dermatoscope, with the seven-point criteria."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from medtutor.phantoms.dermoscopy_camera import (
    clinical_grid,
    covered,
    from_afar,
    instruments,
    photographed,
)
from medtutor.phantoms.dermoscopy_cases import (
    CRITERIA,
    DIAGNOSES,
    diagnosis_probabilities,
    seven_point_score,
)
from medtutor.phantoms.dermoscopy_optics import Layers, remitted
from medtutor.phantoms.dermoscopy_scenes import DOMAINS, Domain, draw_dermoscopy, in_domain
from medtutor.phantoms.dermoscopy_shapes import Grid, grid_of, lesion_of
from medtutor.phantoms.dermoscopy_structures import STRUCTURES, Tissue, tissue

__all__ = ["CRITERIA", "DIAGNOSES", "DOMAINS", "STRUCTURES", "ClinicalViews", "DermoscopyPhantoms",
           "Domain", "dermoscopy", "diagnosis_probabilities", "draw_dermoscopy", "in_domain",
           "render_clinical", "render_dermoscopy", "seven_point_score"]  # fmt: skip

BATCH = 2**18  # pixels rendered at a time, so that memory stays small
LEAST = 64  # smaller images are rendered at twice their size and averaged, so that nothing aliases


@dataclass(frozen=True)
class DermoscopyPhantoms:
    """Images and their truth.

    Attributes:
        images: (N, 3, H, W) float32 in [0, 1], red, green, blue.
        masks: (N, H, W) bool, the lesion; under hair and instruments too.
        structures: (N, 6, H, W) bool in the order of `STRUCTURES`, each inside the mask.
        diagnosis: (N,) int64, place in `DIAGNOSES`.
        criteria: (N, 7) int64, in the order of `CRITERIA`, place of the level.
        factors: a row an image, as `draw_dermoscopy` describes them.
    """

    images: np.ndarray
    masks: np.ndarray
    structures: np.ndarray
    diagnosis: np.ndarray
    criteria: np.ndarray
    factors: pd.DataFrame = field(repr=False)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def score(self) -> np.ndarray:
        """(N,) int64, points of the seven-point checklist, 0 to 10."""
        return seven_point_score(self.factors)


@dataclass(frozen=True)
class ClinicalViews:
    """The same lesions as a camera at some distance sees them.

    Attributes:
        images: (N, 3, H, W) float32 in [0, 1].
        masks: (N, H, W) bool, the lesion there.
    """

    images: np.ndarray
    masks: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


def dermoscopy(
    count: int,
    *,
    size: Sequence[int] = (64, 64),
    domain: str | Domain = "reference",
    not_star: float = 0.05,
    seed: int = 0,
    first: int = 0,
) -> DermoscopyPhantoms:
    """Draw cases and photograph them: `draw_dermoscopy`, then `render_dermoscopy`."""
    factors = draw_dermoscopy(count, domain=domain, not_star=not_star, seed=seed, first=first)
    return render_dermoscopy(factors, size=size)


def render_dermoscopy(
    factors: pd.DataFrame, *, size: Sequence[int] = (64, 64)
) -> DermoscopyPhantoms:
    """Photograph lesions through a dermatoscope.

    Shapes and structures give amounts of melanin, blood, collagen and scale in each pixel
    (`dermoscopy_structures`), these give light by Beer and Lambert (`dermoscopy_optics.remitted`),
    hair and instruments cover some of it, and a camera records it (`dermoscopy_camera`).

    Nothing is drawn here that the factors do not fix: change one of them and render again, and
    what does not depend on it is the same to the last bit.

    Departures from life: meshes, dots, vessels and streaks are two to four times as coarse, so that
    64 pixels show them; one lesion an image, never cut by its border except where it is too large.

    Args:
        factors: of `draw_dermoscopy`; change its columns to ask what if, and render again.
        size: (H, W), from 32 to 1024 each; the field of view is the same at every size.

    Raises:
        ValueError: a size or a factor out of range, or columns that are missing.
    """
    size = _checked(factors, size)
    count = len(factors)
    made = DermoscopyPhantoms(
        np.empty((count, 3, *size), np.float32), np.empty((count, *size), bool),
        np.empty((count, len(STRUCTURES), *size), bool), factors["diagnosis"].to_numpy(np.int64),
        factors[list(CRITERIA)].to_numpy(np.int64), factors,
    )  # fmt: skip
    fine, times = _fine(size)
    for chunk in _chunks(count, fine):
        some = factors.iloc[chunk]
        grid = grid_of(some["field_mm"].to_numpy(), fine)
        skin = tissue(some, grid)
        light = instruments(covered(remitted(skin.layers), some, grid), some, grid)
        made.images[chunk] = photographed(_averaged(light, times), some, _coarser(grid, times))
        made.masks[chunk] = _averaged(skin.mask, times) >= 0.5
        made.structures[chunk] = _averaged(skin.maps, times) >= 0.5
        made.structures[chunk] &= made.masks[chunk][:, None]
    return made


def render_clinical(factors: pd.DataFrame, *, size: Sequence[int] = (64, 64)) -> ClinicalViews:
    """Photograph the same lesions without a dermatoscope.

    The same skin to the last hair, in a field about twice as wide. Without contact and polarisers
    the surface scatters before the depth is seen: deep pigment counts for half, gloss and side
    light show elevation, and the view is tilted (`dermoscopy_camera.from_afar`). No ruler, no
    bubbles.

    Args:
        factors: of `draw_dermoscopy`.
        size: as of `render_dermoscopy`.
    """
    size = _checked(factors, size)
    count = len(factors)
    views = ClinicalViews(np.empty((count, 3, *size), np.float32), np.empty((count, *size), bool))
    fine, times = _fine(size)
    for chunk in _chunks(count, fine):
        some = factors.iloc[chunk]
        grid = clinical_grid(some, fine)
        skin = tissue(some, grid)
        light = covered(remitted(_shallow(skin)), some, grid)
        share = lesion_of(some).own_frame(grid)[0]
        light, mask = from_afar(light, skin.mask, 1 - share**2, some, grid)
        camera = some.assign(noise_seed=some["noise_seed"] + 1, blur_mm=1.5 * some["blur_mm"])
        views.images[chunk] = photographed(_averaged(light, times), camera, _coarser(grid, times))
        views.masks[chunk] = _averaged(mask, times) >= 0.5
    return views


def _shallow(skin: Tissue) -> Layers:
    """What is seen of the layers through a surface that scatters."""
    full = skin.layers
    return replace(full, blood=0.8 * full.blood, collagen=0.5 * full.collagen, deep=0.5 * full.deep)


def _chunks(count: int, size: tuple[int, int]) -> list[slice]:
    step = max(1, BATCH // (size[0] * size[1]))
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]


def _fine(size: tuple[int, int]) -> tuple[tuple[int, int], int]:
    """The size to render at, and how many of its pixels make one along each axis."""
    times = 2 if max(size) < LEAST else 1
    return (size[0] * times, size[1] * times), times


def _averaged(fields: np.ndarray, times: int) -> np.ndarray:
    if times == 1:
        return fields
    *before, height, width = fields.shape
    blocks = fields.reshape(*before, height // times, times, width // times, times)
    return blocks.mean((-3, -1), dtype=np.float32)


def _coarser(grid: Grid, times: int) -> Grid:
    if times == 1:
        return grid
    x, y = (a.reshape(len(a), -1, times).mean(2) for a in (grid.x, grid.y))
    return Grid(x, y, grid.pixel * times)


def _checked(factors: pd.DataFrame, size: Sequence[int]) -> tuple[int, int]:
    """The size as a tuple; errors where factors cannot be rendered."""
    size = tuple(int(side) for side in size)
    if len(size) != 2 or min(size) < 32 or max(size) > 1024:
        raise ValueError(f"size must be (H, W) of 32 to 1024 pixels each; got {size}")
    missing = sorted(set(draw_dermoscopy(1).columns) - set(factors.columns))
    if missing:
        raise ValueError(f"factors lack {', '.join(missing)}: start from draw_dermoscopy(...)")
    for name, levels in CRITERIA.items():
        if not factors[name].isin(range(len(levels))).all():
            raise ValueError(f"{name} must be 0 to {len(levels) - 1} ({', '.join(levels)}); got "
                             f"{factors[name].tolist()}")  # fmt: skip
    for name in ("diameter_mm", "border_mm", "field_mm", "gamma", "aspect", "network_mm"):
        if not (factors[name] > 0).all():
            raise ValueError(f"{name} must be above 0; got {factors[name].min()}")
    return size
