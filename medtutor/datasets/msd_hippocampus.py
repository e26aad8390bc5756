"""MSD Task04 hippocampus: real 3D MR crops, labels 1 anterior and 2 posterior hippocampus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from medtutor.datasets.decathlon import Decathlon
from medtutor.datasets.scan import Arrays, Scan, centred, read_volume, standardised
from medtutor.datasets.volumes import read_labels, spacing_of


class MsdHippocampus(Decathlon[Scan]):
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
    sequences = ("t1",)
    label_names = ("background", "anterior", "posterior")

    def _read(self, name: str) -> Scan:
        image, affine = read_volume(self._images[name], self.fix)
        known = range(len(self.label_names))
        return Scan(
            id=name,
            image=image.astype(np.float32),
            label=read_labels(self._labels[name], self.fix, image.shape, affine, known),
            spacing=spacing_of(affine),
            affine=affine,
            label_names=self.label_names,
        )

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
