"""MSD Task04 hippocampus: real 3D MR crops, labels 1 anterior and 2 posterior hippocampus."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from medtutor.datasets.labelled_set import LabelledSet
from medtutor.datasets.places import DatasetDamaged
from medtutor.datasets.scan import Arrays, Scan, centred, read_volume, standardised

LABELS = ("background", "anterior", "posterior")
FIX = "delete the data set's folder and run: medtutor data get msd_hippocampus"


class MsdHippocampus(LabelledSet[Scan]):
    """The labelled scans as a sequence, sorted by id, each read when it is asked for.

    Knows the official layout (``imagesTr/``, ``labelsTr/``, ``dataset.json``) and parts of it;
    hidden files such as ``._hippocampus_001.nii.gz`` are passed over. Pairing is checked here,
    the content of a scan when it is read. The release numbers scans and does not say which belong
    to one person, so a split by scan is the finest that can be had.

    Args:
        root: the folder that holds ``imagesTr``; found through ``$MEDTUTOR_DATA`` by default.

    Raises:
        DatasetAbsent: it is not on this machine; the message says how to get it.
        DatasetDamaged: an image without its label, or the reverse, or fewer than announced.
    """

    name = "msd_hippocampus"
    fix = FIX

    def _open(self) -> None:
        self._images = _volumes(self.root / "imagesTr")
        self._labels = _volumes(self.root / "labelsTr")
        self.ids = sorted(self._images)
        alone = sorted(set(self._images) ^ set(self._labels))
        if alone:
            self.damaged(
                self.root,
                f"{len(self._images)} images and {len(self._labels)} labels do not pair; "
                f"alone: {', '.join(alone[:5])}{', ...' if len(alone) > 5 else ''}",
            )
        if not self.ids:
            self.damaged(self.root, "no volumes (.nii, .nii.gz) in imagesTr")
        announced = _announced(self.root / "dataset.json")
        if announced is not None and announced != len(self.ids):
            self.damaged(
                self.root,
                f"dataset.json announces {announced} training scans, found {len(self.ids)}",
            )

    def _read(self, name: str) -> Scan:
        return _read(name, self._images[name], self._labels[name])

    def arrays(
        self, size: Sequence[int] = (40, 56, 40), ids: Iterable[str] | None = None
    ) -> Arrays:
        """Volumes of one size: standardised, then cropped or padded about the centre.

        Args:
            size: (D, H, W); the default leaves little of any scan outside.
            ids: which scans, in this order; all by default.

        Returns:
            images (N, 1, D, H, W) float32, labels (N, D, H, W) int64, ids.
        """
        names = self.ids if ids is None else list(ids)
        scans = [self[name] for name in names]
        images = [centred(standardised(scan.image), size)[None] for scan in scans]
        return Arrays(np.stack(images), np.stack([centred(s.label, size) for s in scans]), names)

    def slices(
        self,
        size: Sequence[int] = (40, 56),
        axis: int = 2,
        ids: Iterable[str] | None = None,
        per_scan: int = 1,
    ) -> Arrays:
        """The middle plane(s) of each scan, for small 2D networks.

        Args:
            size: (h, w) of a plane.
            axis: the axis cut through; 2, sagittal, shows both labels in every scan's middle.
            ids: which scans, in this order; all by default.
            per_scan: how many neighbouring planes about the middle.

        Returns:
            images (N, 1, h, w) float32, labels (N, h, w) int64, and for each plane its scan's id.
        """
        names = self.ids if ids is None else list(ids)
        images, labels, owners = [], [], []
        for name in names:
            scan = self[name]
            scan = Scan(name, standardised(scan.image), scan.label, scan.spacing, scan.affine)
            first = scan.image.shape[axis] // 2 - per_scan // 2
            for index in range(first, first + per_scan):
                image, label = scan.slice_2d(axis, index, size)
                images.append(image[None])
                labels.append(label)
                owners.append(name)
        return Arrays(np.stack(images), np.stack(labels), owners)


def _read(name: str, image_path: Path, label_path: Path) -> Scan:
    image, affine = read_volume(image_path, FIX)
    label, grid = read_volume(label_path, FIX)
    if image.shape != label.shape:
        raise DatasetDamaged(
            f"{label_path}: its shape {label.shape} differs from that of the image, "
            f"{image.shape} (axes D, H, W); {FIX}"
        )
    if not np.allclose(affine, grid, atol=1e-3):
        raise DatasetDamaged(
            f"{label_path}: its voxels lie elsewhere in the patient than those of the image "
            f"(the affines in the two headers differ); {FIX}"
        )
    strange = sorted(set(np.unique(label).tolist()) - {0, 1, 2})
    if strange:
        raise DatasetDamaged(f"{label_path}: labels wanted 0, 1, 2, found {strange[:5]}; {FIX}")
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(0))
    return Scan(
        id=name,
        image=image.astype(np.float32),
        label=label.astype(np.int64),
        spacing=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
        affine=affine,
        label_names=LABELS,
    )


def _volumes(inside: Path) -> dict[str, Path]:
    """Id -> file for the volumes in a folder; other and hidden files are passed over."""
    if not inside.is_dir():
        raise DatasetDamaged(f"{inside}: wanted a folder of volumes, found none; {FIX}")
    return {
        path.name.split(".")[0]: path
        for path in inside.iterdir()
        if path.name.endswith((".nii", ".nii.gz")) and not path.name.startswith(".")
    }


def _announced(path: Path) -> int | None:
    """How many training scans dataset.json announces; None without that file."""
    if not path.is_file():
        return None
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["numTraining"])
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetDamaged(f"{path}: wanted a number numTraining ({error}); {FIX}") from error
