"""Phantom: tumours of the head and neck in FDG-PET, in standardised uptake values (SUV)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from medtutor.phantoms.pet_physics import activity_from_suv, blur, counted
from medtutor.phantoms.pet_scenes import PetScenes, check_size, draw_pet, tracer_maps

__all__ = ["PetPhantoms", "PetScenes", "boxes_around", "draw_pet", "pet", "render_pet"]


@dataclass(frozen=True)
class PetPhantoms:
    """Images, truth, and what they were made from.

    Attributes:
        images: (N, 1, *S) float32, measured SUV in g/ml.
        labels: (N, *S) int64: 0 outside lesions, 1.. the number of the lesion in its image, as its
            sharp outline has it (not what the blurred image suggests). The cold core belongs to it.
        tracer: (N, *S) float32, the SUV before blur and noise.
        scenes: the factors, one row an image and one row a lesion. Here `scenes.lesions` also has
            `suv_max` and `suv_mean`, measured in the image inside the outline, `voxels`, and the
            tight box of each lesion: `low_y`, `high_y`, ... (voxels, high excluded).
        voxel: edge of a voxel, in mm.
    """

    images: np.ndarray
    labels: np.ndarray
    tracer: np.ndarray
    scenes: PetScenes
    voxel: float

    def __len__(self) -> int:
        return len(self.images)

    def boxes(self, image: int) -> np.ndarray:
        """(L, 2, d) tight boxes of an image's lesions: first corner, last corner excluded."""
        rows = self.scenes.lesions[self.scenes.lesions["image"] == image]
        axes = "zyx"[-self.labels[0].ndim :]
        corners = [rows[[f"{end}_{a}" for a in axes]].to_numpy() for end in ("low", "high")]
        return np.stack(corners, axis=1)


def pet(
    count: int,
    *,
    size: Sequence[int] = (64, 64),
    lesions: Sequence[int] = (1, 3),
    contrast: Sequence[float] = (3.0, 8.0),
    diameter: Sequence[float] = (8.0, 40.0),
    cold_core: float = 0.2,
    fwhm: float = 6.0,
    scan_seconds: float = 180.0,
    filter_fwhm: float = 5.0,
    seed: int = 0,
    first: int = 0,
) -> PetPhantoms:
    """Draw scenes and render them: `draw_pet`, then `render_pet`; the arguments are theirs."""
    scenes = draw_pet(
        count, dim=len(size), lesions=lesions, contrast=contrast, diameter=diameter,
        cold_core=cold_core, seed=seed, first=first,
    )  # fmt: skip
    return render_pet(
        scenes, size=size, fwhm=fwhm, scan_seconds=scan_seconds, filter_fwhm=filter_fwhm
    )


def render_pet(
    scenes: PetScenes,
    *,
    size: Sequence[int] = (64, 64),
    field: float = 192.0,
    fwhm: float = 6.0,
    scan_seconds: float = 180.0,
    filter_fwhm: float = 5.0,
    sensitivity: float = 0.5,
    slice_thickness: float = 5.0,
) -> PetPhantoms:
    """Scan scenes: activity, point-spread function, counts, filter, SUV.

        A = SUV dose 2^(-t/T) / weight         activity in kBq/ml (pet_physics)
        m = sensitivity scan_seconds V (A * h)  expected counts of a voxel of V ml, h the PSF
        n ~ Poisson(m),   image = (n / (sensitivity scan_seconds V) * g) back in SUV, g the filter

    So noise is the quantum kind: it falls as one over the root of dose, time and voxel volume, and
    a hot voxel is noisier than a cold one, though not in proportion.

    Departure from a scanner: counts are drawn in the image, not along lines of response, so noise
    is not correlated by a reconstruction, only by the filter; attenuation and scatter are taken as
    corrected for, their loss of counts is part of `sensitivity`.

    Args:
        scenes: of `draw_pet`; change its tables to ask what if, and render again.
        size: voxels along each axis, (H, W) or (D, H, W), at least 16; D runs along the body.
        field: length of the longest side, in mm; voxels are cubes.
        fwhm: width at half maximum of the point-spread function, in mm; 0 is a perfect scanner.
        scan_seconds: time at this bed position; infinity counts without noise.
        filter_fwhm: width of the Gaussian filter after counting, in mm.
        sensitivity: detected counts a second and kBq; a choice, made for the noise to look right.
        slice_thickness: in mm, for the voxel volume of 2D images.

    Raises:
        ValueError: an argument out of range, or a scene of another dimension than `size`.
    """
    size = check_size(size)
    _check_amounts(fwhm=fwhm, filter_fwhm=filter_fwhm)
    _check_above(field=field, scan_seconds=scan_seconds, sensitivity=sensitivity,
                 slice_thickness=slice_thickness)  # fmt: skip
    if len(size) != scenes.dim:
        raise ValueError(f"scenes were drawn for {scenes.dim}D images, size {size} is not: "
                         f"draw_pet(..., dim={len(size)})")  # fmt: skip
    voxel = field / max(size)
    tracer, labels = tracer_maps(scenes, size, voxel)  # (N, *S)
    volume_ml = voxel**2 * (voxel if len(size) == 3 else slice_thickness) / 1000
    column = (slice(None), *[None] * len(size))
    patient = scenes.factors
    suv_to_kbq = activity_from_suv(
        1.0, patient["dose_mbq"].to_numpy(), patient["weight_kg"].to_numpy(),
        patient["minutes"].to_numpy(),
    )[column]  # fmt: skip
    seen = blur(tracer, fwhm, voxel)
    if np.isfinite(scan_seconds):
        # One generator an image, apart from the scene's: the scene stays when the noise changes.
        generators = [
            np.random.default_rng((scenes.seed, int(number), 1)) for number in patient.index
        ]
        counts_per_suv = sensitivity * scan_seconds * volume_ml * suv_to_kbq
        seen = counted(np.maximum(seen, 0) * counts_per_suv, generators) / counts_per_suv
    seen = blur(seen, filter_fwhm, voxel)
    measured = PetScenes(patient, _measured(scenes.lesions, patient.index, seen, labels),
                         scenes.dim, scenes.seed)  # fmt: skip
    return PetPhantoms(
        seen[:, None].astype(np.float32), labels, tracer.astype(np.float32), measured, voxel
    )


def boxes_around(boxes: np.ndarray, loosen: float, size: Sequence[int]) -> np.ndarray:
    """Loosen boxes as a hurried annotator would: each side grows by a fraction, half at each end.

    Rounded outward to whole voxels, clipped to the image.

    Args:
        boxes: (L, 2, d), first corner and last corner excluded.
        loosen: fraction of the side, 0 or more; 0.25 makes a box of 8 voxels 10 long.
        size: of the image, for clipping.
    """
    if not 0 <= loosen < np.inf:
        raise ValueError(f"loosen must be a fraction of the side, 0 or more; got {loosen}")
    boxes = np.asarray(boxes)
    grow = (boxes[:, 1] - boxes[:, 0]) * loosen / 2
    low = np.floor(boxes[:, 0] - grow).clip(min=0)
    high = np.minimum(np.ceil(boxes[:, 1] + grow), np.asarray(size))
    return np.stack([low, high], axis=1).astype(np.int64)


def _measured(
    lesions: pd.DataFrame, numbers: pd.Index, seen: np.ndarray, labels: np.ndarray
) -> pd.DataFrame:
    """The lesions' table with what the images show of them."""
    place = {number: row for row, number in enumerate(numbers)}
    axes = "zyx"[-(labels.ndim - 1) :]
    rows = []
    for image, lesion in zip(lesions["image"], lesions["lesion"], strict=True):
        where = np.nonzero(labels[place[image]] == lesion)
        inside = seen[place[image]][where]
        row = {"suv_max": inside.max(), "suv_mean": inside.mean(), "voxels": inside.size}
        for axis, at in zip(axes, where, strict=True):
            row |= {f"low_{axis}": at.min(), f"high_{axis}": at.max() + 1}
        rows.append(row)
    return pd.concat([lesions.reset_index(drop=True), pd.DataFrame(rows)], axis=1)


def _check_amounts(**amounts: float) -> None:
    for name, value in amounts.items():
        if not 0 <= value < np.inf:
            raise ValueError(f"{name} must be 0 or more and finite; got {value}")


def _check_above(**amounts: float) -> None:
    for name, value in amounts.items():
        if not value > 0:
            raise ValueError(f"{name} must be above 0; got {value}")
