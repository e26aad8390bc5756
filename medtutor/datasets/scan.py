"""A labelled volume in one fixed orientation, and how it is cut to a fixed size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medtutor.datasets.case import Case
from medtutor.datasets.places import DatasetDamaged


class Arrays(NamedTuple):
    """A training set as plain arrays, one entry a case along the first axis."""

    images: NDArray[np.float32]
    """(N, 1, *S)."""
    labels: NDArray[np.int64]
    """(N, *S)."""
    ids: list[str]
    """The scan or picture that each entry was cut from."""


@dataclass(frozen=True)
class Scan:
    """A volume, its labels and where they lie in the patient.

    Axes are (D, H, W): D runs from superior to inferior, H from anterior to posterior, W from the
    patient's right to the left (nibabel's axis codes I, P, L). So axis 0 cuts axial, axis 1
    coronal and axis 2 sagittal pictures, each is head up (or nose up) under ``imshow``, and the
    patient's right is at the left of the picture, as radiologists look at it.

    Attributes:
        id: name of the scan.
        image: (D, H, W) float32.
        label: (D, H, W) int64.
        spacing: voxel size in mm along D, H, W.
        affine: (4, 4), voxel (d, h, w, 1) to millimetres (right, anterior, superior).
        label_names: what the label numbers mean.
    """

    id: str
    image: NDArray[np.float32] = field(repr=False)
    label: NDArray[np.int64] = field(repr=False)
    spacing: tuple[float, float, float]
    affine: NDArray[np.float64] = field(repr=False)
    label_names: tuple[str, ...] = ()

    def as_case(self) -> Case:
        """The scan as every reader gives it: one sequence, its label map as the mask."""
        known = {"affine": self.affine, "label_names": self.label_names}
        return Case(self.id, self.image[None], self.label, None, known, self.spacing)

    def slice_2d(
        self, axis: int = 0, index: int | None = None, size: Sequence[int] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """One plane of image and label.

        Args:
            axis: the axis cut through: 0 axial, 1 coronal, 2 sagittal.
            index: plane along that axis; the middle one by default.
            size: (h, w) to crop or pad the plane to, about its centre; as it is by default.

        Returns:
            Image (h, w) float32 and label (h, w) int64.
        """
        if axis not in (0, 1, 2):
            raise ValueError(f"axis wants 0 (axial), 1 (coronal) or 2 (sagittal), given {axis}")
        planes = self.image.shape[axis]
        index = planes // 2 if index is None else index
        if not 0 <= index < planes:
            raise ValueError(f"index along axis {axis} wants 0 to {planes - 1}, given {index}")
        image, label = self.image.take(index, axis), self.label.take(index, axis)
        if size is None:
            return image, label
        return centred(image, size), centred(label, size)


def centred(array: NDArray, size: Sequence[int]) -> NDArray:
    """Crop or pad the array with zeros to ``size``, keeping its centre in the centre."""
    if len(size) != array.ndim or min(size) < 1:
        raise ValueError(f"size wants {array.ndim} whole numbers > 0, given {tuple(size)}")
    extra = [want - have for want, have in zip(size, array.shape, strict=True)]
    padded = np.pad(array, [(max(e, 0) // 2, max(e, 0) - max(e, 0) // 2) for e in extra])
    start = [max(-e, 0) // 2 for e in extra]
    return padded[tuple(slice(s, s + want) for s, want in zip(start, size, strict=True))]


def standardised(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """The image with mean 0 and standard deviation 1 (all 0 where it is constant).

    Intensities of MR have no unit and differ between scanners by orders of magnitude. The 1st and
    99th percentile clip first, so that a few bright voxels do not set the scale.
    """
    low, high = np.percentile(image, [1, 99])
    clipped = image.clip(low, high)
    spread = clipped.std()
    return ((clipped - clipped.mean()) / spread if spread > 0 else clipped * 0).astype(np.float32)


def read_volume(path: Path, what_to_do: str) -> tuple[NDArray, NDArray[np.float64]]:
    """A NIfTI volume turned to (D, H, W) = (inferior, posterior, left), and its affine.

    Raises:
        DatasetDamaged: the file cannot be read as a 3D volume, or holds NaN or infinite values.
    """
    import nibabel as nib
    from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

    try:
        volume = nib.load(path)
        array = np.asarray(volume.dataobj)
    except Exception as error:  # nibabel, gzip, zlib and OS errors all mean: unreadable
        raise DatasetDamaged(f"{path}: cannot be read as NIfTI ({error}); {what_to_do}") from error
    if array.ndim != 3:
        raise DatasetDamaged(f"{path}: wanted a 3D volume, found shape {array.shape}; {what_to_do}")
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise DatasetDamaged(f"{path}: {bad} voxels are NaN or infinite; {what_to_do}")
    turn = ornt_transform(io_orientation(volume.affine), axcodes2ornt(("I", "P", "L")))
    turned = volume.__class__(array, volume.affine, dtype=array.dtype).as_reoriented(turn)
    return np.ascontiguousarray(turned.dataobj), np.asarray(turned.affine)
