"""Scenes of the PET phantom: a head, its hot organs, and tumours of several sizes and uptakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from medtutor.phantoms.organ_shapes import harmonics

# Plane through tonsils and cerebellum; millimetres from the middle along (body, front to back,
# right to left). Places and sizes are choices; mean and deviation of the uptakes of cerebellum and
# tonsils are those of Wang et al., Standardized uptake value atlas, Mol Imaging Biol 9 (2007) 83.
HEAD = np.array([200.0, 88.0, 72.0])
ORGANS = {
    "cerebellum": dict(at=(0, 48, 0), half=(28, 25, 46), suv=(8.0, 2.2)),
    "tonsil_right": dict(at=(0, -18, -17), half=(12, 9, 8), suv=(3.45, 1.4)),
    "tonsil_left": dict(at=(0, -18, 17), half=(12, 9, 8), suv=(3.45, 1.4)),
}
BACKGROUND_SUV = 0.8  # of muscle and fat together, a choice
GAP = 3.0  # mm between outlines
WOBBLE = np.array([0.16, 0.16, 0.10, 0.10, 0.06, 0.06, 0.04, 0.04])  # of the outline, by harmonic


@dataclass(frozen=True)
class PetScenes:
    """What is in front of the scanner: two tables to read, change and render again.

    Attributes:
        factors: a row an image, indexed by its number: `weight_kg`, `dose_mbq`, `minutes` from
            injection to scan, `background` SUV and the SUV of each organ.
        lesions: a row a lesion: `image`, `lesion` (1, 2, ...), centre `z`, `y`, `x` and mean
            `radius` in mm from the middle of the field, `suv`, `core` (radius of a cold core as a
            fraction of the outline, 0 for none) and `wobble_0`... of the outline.
        dim: 2 or 3.
        seed: of the draw, from which the noise is drawn too.
    """

    factors: pd.DataFrame
    lesions: pd.DataFrame
    dim: int
    seed: int


def draw_pet(
    count: int,
    *,
    dim: int = 2,
    lesions: Sequence[int] = (1, 3),
    contrast: Sequence[float] = (3.0, 8.0),
    diameter: Sequence[float] = (8.0, 40.0),
    cold_core: float = 0.2,
    seed: int = 0,
    first: int = 0,
) -> PetScenes:
    """Draw heads with tumours.

    A lesion's outline around its centre is r(u) = R exp(sum_h w_h b_h(u)), as of `organs`. Lesions
    lie in the head, apart from each other and from the organs: hot organs may be near. Where no
    room is left an image has fewer lesions than drawn, never none.

    The same seed gives the same scenes, and image i does not depend on `count`.

    Args:
        count: number of images.
        dim: 2 for one plane, 3 for volumes.
        lesions: least and most lesions an image.
        contrast: least and most uptake of a lesion, in units of the background's.
        diameter: least and most mean diameter in mm; small ones are as frequent as large ones are
            on a logarithmic scale.
        cold_core: share of lesions with a core that takes nothing up (necrosis).
        seed: of the sample.
        first: number of the first image.

    Raises:
        ValueError: an argument out of range.
    """
    _check(count, dim, lesions, contrast, diameter, cold_core)
    patients, found = [], []
    for number in range(first, first + count):
        rng = np.random.default_rng((seed, number, 0))
        weight = float(np.clip(rng.normal(75, 13), 45, 130))
        patients.append(
            {
                "weight_kg": weight,
                "dose_mbq": weight * rng.uniform(3.5, 5.5),
                "minutes": rng.uniform(55, 75),
                "background": BACKGROUND_SUV * rng.lognormal(0, 0.12),
                **{name: _positive(rng, *organ["suv"]) for name, organ in ORGANS.items()},
            }
        )
        wanted = int(rng.integers(lesions[0], lesions[1] + 1))
        placed: list[dict[str, float]] = []
        for _ in range(wanted):
            lesion = _lesion(rng, dim, contrast, diameter, cold_core, patients[-1]["background"])
            at = _place(rng, dim, lesion["radius"], placed)
            if at is None and not placed:  # the first one always finds room, made smaller
                lesion["radius"] = diameter[0] / 2
                at = _place(rng, dim, lesion["radius"], placed, tries=10_000)
            if at is not None:
                name = {"image": number, "lesion": len(placed) + 1}
                placed.append(name | dict(zip("zyx", at, strict=True)) | lesion)
        found += placed
    index = pd.RangeIndex(first, first + count, name="image")
    return PetScenes(pd.DataFrame(patients, index=index), pd.DataFrame(found), dim, seed)


def tracer_maps(
    scenes: PetScenes, size: tuple[int, ...], voxel: float
) -> tuple[np.ndarray, np.ndarray]:
    """SUV before the scanner, (N, *S), and the lesions' numbers, (N, *S) int64.

    An edge voxel takes the share of it that lies inside, to first order: a ramp one voxel wide.
    """
    axes = [(np.arange(side) + 0.5 - side / 2) * voxel for side in size]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"))  # (d, *S), mm
    column = (slice(None), *[None] * len(size))
    patient = scenes.factors
    inside = _ellipsoid(grid, np.zeros(3), HEAD, voxel, along=False)
    tracer = patient["background"].to_numpy()[column] * inside
    for name, organ in ORGANS.items():
        cover = _ellipsoid(grid, np.array(organ["at"]), np.array(organ["half"]), voxel)
        tracer += cover * (patient[name].to_numpy()[column] - tracer)
    labels = np.zeros(tracer.shape, np.int64)
    row_of = {number: row for row, number in enumerate(patient.index)}
    for lesion in scenes.lesions.itertuples():
        row = row_of[lesion.image]
        away = grid - np.array([lesion.z, lesion.y, lesion.x])[-len(size) :][column]
        distance = np.sqrt((away**2).sum(0)) + 1e-9
        wobble = np.array([getattr(lesion, f"wobble_{h}") for h in range(len(WOBBLE))])
        bend = np.tensordot(wobble, harmonics(away / distance)[: len(WOBBLE)], 1)
        outline = lesion.radius * np.exp(bend)
        depth = outline - distance  # mm, above 0 inside
        cover = np.clip(depth / voxel + 0.5, 0, 1)
        if lesion.core > 0:
            cold = np.clip((lesion.core * outline - distance) / voxel + 0.5, 0, 1)
            uptake = lesion.suv * (1 - cold)
        else:
            uptake = lesion.suv
        tracer[row] += cover * (uptake - tracer[row])
        mask = depth > 0
        if not mask.any():  # smaller than a voxel: the one nearest to its centre
            mask = distance == distance.min()
        labels[row][mask] = lesion.lesion
    return tracer, labels


def check_size(size: Sequence[int]) -> tuple[int, ...]:
    """The size as a tuple, refused where it is no image."""
    size = tuple(int(side) for side in size)
    if len(size) not in (2, 3) or min(size) < 16:
        raise ValueError(f"size must be 2 or 3 sides of at least 16 voxels; got {size}")
    return size


def _lesion(
    rng: np.random.Generator, dim: int, contrast: Sequence[float], diameter: Sequence[float],
    cold_core: float, background: float,
) -> dict[str, float]:  # fmt: skip
    radius = np.exp(rng.uniform(*np.log(diameter))) / 2
    suv = background * rng.uniform(*contrast)
    has_core, core = rng.random() < cold_core, rng.uniform(0.3, 0.6)
    wobble = np.clip(rng.normal(size=len(WOBBLE)), -2, 2) * WOBBLE * (1.0 if dim == 2 else 0.4)
    shape = {f"wobble_{h}": w for h, w in enumerate(wobble)}
    return {"radius": radius, "suv": suv, "core": core if has_core else 0.0, **shape}


def _place(
    rng: np.random.Generator, dim: int, radius: float, placed: list[dict[str, float]],
    tries: int = 200,
) -> np.ndarray | None:  # fmt: skip
    """A centre in the head with room for the outline, (3,) in mm, or None."""
    reach = 1.2 * radius + GAP
    for _ in range(tries):
        at = rng.uniform(-1, 1, 3) * np.array([60.0 if dim == 3 else 0.0, *HEAD[1:]])
        if ((at[1:] / np.maximum(HEAD[1:] - reach, 1)) ** 2).sum() > 1:
            continue
        near_organ = any(
            (((at - organ["at"]) / (np.array(organ["half"]) + reach)) ** 2).sum() < 1
            for organ in ORGANS.values()
        )
        near_lesion = any(
            np.hypot.reduce(at - [other[a] for a in "zyx"]) < reach + 1.2 * other["radius"]
            for other in placed
        )
        if not (near_organ or near_lesion):
            return at
    return None


def _ellipsoid(
    grid: np.ndarray, at: np.ndarray, half: np.ndarray, voxel: float, along: bool = True
) -> np.ndarray:
    """Share of each voxel inside an ellipsoid, or inside a cylinder along the body."""
    axes = len(grid) if along else 2
    parts = [(grid[-a] - at[-a]) / half[-a] for a in range(1, axes + 1)]
    radius = np.sqrt(sum(part**2 for part in parts))
    return np.clip((1 - radius) * half[-axes:].mean() / voxel + 0.5, 0, 1)


def _positive(rng: np.random.Generator, mean: float, deviation: float) -> float:
    """A log-normal number of this mean and standard deviation."""
    spread = np.log1p((deviation / mean) ** 2)
    return float(rng.lognormal(np.log(mean) - spread / 2, np.sqrt(spread)))


def _check(
    count: int, dim: int, lesions: Sequence[int], contrast: Sequence[float],
    diameter: Sequence[float], cold_core: float,
) -> None:  # fmt: skip
    if count < 1 or dim not in (2, 3):
        raise ValueError(f"count must be 1 or more and dim 2 or 3; got count={count}, dim={dim}")
    if len(lesions) != 2 or not 1 <= lesions[0] <= lesions[1] <= 6:
        raise ValueError(f"lesions must be (least, most) from 1 to 6; got {tuple(lesions)}")
    for name, pair, top in (("contrast", contrast, 100), ("diameter", diameter, 45)):
        if len(pair) != 2 or not 0 < pair[0] <= pair[1] <= top:
            raise ValueError(f"{name} must be (least, most) above 0, at most {top}; got {pair}")
    if not 0 <= cold_core <= 1:
        raise ValueError(f"cold_core is a share of the lesions, from 0 to 1; got {cold_core}")
