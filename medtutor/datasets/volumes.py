"""Reading volumes of several sequences with their label maps, and one grid brought to another."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtutor.datasets.places import DatasetDamaged
from medtutor.datasets.scan import read_volume

NIFTI = (".nii", ".nii.gz")
AXES = ("I", "P", "L")
"""Where the axes D, H, W run to: inferior, posterior, the patient's left (as in Scan)."""


def volume_files(inside: Path, endings: tuple[str, ...] = NIFTI) -> dict[str, Path]:
    """Name without ending -> file, of the volumes in a folder; hidden files are passed over."""
    return {
        path.name[: -len(ending)]: path
        for path in sorted(inside.iterdir())
        for ending in endings
        if path.name.lower().endswith(ending) and not path.name.startswith(".")
    }


def read_sequences(
    path: Path, what_to_do: str, count: int | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """A NIfTI file of all sequences as (C, D, H, W), and the affine of its voxels.

    Args:
        path: a file whose last axis counts the sequences; a 3D file is one sequence.
        what_to_do: said where it is damaged.
        count: how many sequences are wanted; any by default.

    Raises:
        DatasetDamaged: it cannot be read, has another number of sequences, or holds NaN.
    """
    import nibabel as nib

    try:
        volume = nib.load(path)
        array = np.asarray(volume.dataobj, np.float32)
    except Exception as error:  # nibabel, gzip, zlib and OS errors all mean: unreadable
        raise DatasetDamaged(f"{path}: cannot be read as NIfTI ({error}); {what_to_do}") from error
    shape = array.shape
    array = array[..., None] if array.ndim == 3 else array
    if array.ndim != 4 or count not in (None, array.shape[3]):
        wanted = "sequences" if count is None else f"{count} sequence{'s' * (count > 1)}"
        raise DatasetDamaged(
            f"{path}: wanted a volume of {wanted} (last axis), found shape {shape}; {what_to_do}"
        )
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise DatasetDamaged(f"{path}: {bad} voxels are NaN or infinite; {what_to_do}")
    array, affine = turned(array, np.asarray(volume.affine))
    return np.ascontiguousarray(np.moveaxis(array, -1, 0)), affine


def read_labels(
    path: Path,
    what_to_do: str,
    shape: tuple[int, ...],
    affine: NDArray[np.float64],
    known: Collection[int],
) -> NDArray[np.int64]:
    """A label map as (D, H, W) int64, held against the image that it belongs to.

    Args:
        path: the NIfTI file.
        what_to_do: said where it is damaged.
        shape: (D, H, W) of the image.
        affine: of the image's voxels, as :func:`read_sequences` and ``read_volume`` give it.
        known: the numbers that may occur.

    Raises:
        DatasetDamaged: it cannot be read, has another shape, lies elsewhere, or holds other
            numbers.
    """
    label, grid = read_volume(path, what_to_do)
    if label.shape != tuple(shape):
        raise DatasetDamaged(
            f"{path}: its shape {label.shape} differs from that of the image, {tuple(shape)} "
            f"(axes D, H, W); {what_to_do}"
        )
    if lies_apart(affine, grid, label.shape):
        raise DatasetDamaged(
            f"{path}: its voxels lie elsewhere in the patient than those of the image (the "
            f"affines in the two headers differ); {what_to_do}"
        )
    if strange := sorted(set(np.unique(label).tolist()) - set(known)):
        wanted = ", ".join(map(str, sorted(known)))
        raise DatasetDamaged(f"{path}: labels wanted {wanted}, found {strange[:5]}; {what_to_do}")
    return label.astype(np.int64)


def turned(
    array: NDArray[Any], affine: NDArray[np.float64]
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The array with its first three axes turned to D, H, W of :data:`AXES`, and its affine.

    Args:
        array: (X, Y, Z, ...) as stored; other axes follow.
        affine: (4, 4), voxel (x, y, z, 1) to millimetres (right, anterior, superior).
    """
    from nibabel import orientations as to

    turn = to.ornt_transform(to.io_orientation(affine), to.axcodes2ornt(AXES))
    return to.apply_orientation(array, turn), affine @ to.inv_ornt_aff(turn, array.shape[:3])


def spacing_of(affine: NDArray[np.float64]) -> tuple[float, float, float]:
    """Size of a voxel in mm along the three axes of its array."""
    a, b, c = np.sqrt((affine[:3, :3] ** 2).sum(0))
    return float(a), float(b), float(c)


def lies_apart(
    affine: NDArray[np.float64], other: NDArray[np.float64], shape: Sequence[int]
) -> bool:
    """Whether corners of two grids of one shape differ by more than a tenth of a voxel."""
    corners = np.array([(*c, 1) for c in itertools.product(*((0, n - 1) for n in shape))])
    apart = np.linalg.norm(corners @ (affine - other)[:3].T, axis=1).max()
    return bool(apart > 0.1 * min(spacing_of(affine)))


def resampled(
    image: NDArray[np.float32],
    affine: NDArray[np.float64],
    shape: Sequence[int],
    grid: NDArray[np.float64],
) -> NDArray[np.float32]:
    """The image on another grid, by its affine alone: linear between voxels, 0 outside.

    Nothing is registered: who moved between two sequences stays displaced. Nothing is smoothed
    either, so that going to a coarser grid keeps noise.

    Args:
        image: (D, H, W).
        affine: (4, 4), of its voxels.
        shape: of the grid wanted.
        grid: (4, 4), affine of the grid wanted.
    """
    from scipy.ndimage import affine_transform

    matrix = np.linalg.inv(affine) @ grid
    moved: NDArray[np.float32] = affine_transform(
        image, matrix[:3, :3], matrix[:3, 3], output_shape=tuple(shape), order=1
    )
    return moved
