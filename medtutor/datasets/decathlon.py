"""Medical Segmentation Decathlon: what its tasks share, and the two of several MR sequences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar, TypeVar

from medtutor.datasets.case import Case
from medtutor.datasets.labelled_set import LabelledSet
from medtutor.datasets.volumes import read_labels, read_sequences, spacing_of, volume_files

_Item = TypeVar("_Item")


class Decathlon(LabelledSet[_Item]):
    """One task in the official layout, or a part of it: its labelled scans, sorted by id.

    The layout is ``imagesTr/`` and ``labelsTr/`` with equal names, and ``dataset.json`` with the
    number of scans, which is held against what is there; a part of the set comes without that
    file. Hidden files such as ``._hippocampus_001.nii.gz`` and the unlabelled ``imagesTs/`` are
    passed over. The releases number scans and do not say which belong to one person, so a split
    by scan is the finest that can be had.

    Args:
        root: the folder that holds ``imagesTr``; found through ``$MEDTUTOR_DATA`` by default.

    Raises:
        DatasetAbsent: it is not on this machine; the message says how to get it.
        DatasetDamaged: an image without its label, or the reverse, or fewer than announced.
    """

    sequences: ClassVar[tuple[str, ...]]
    """What the channels of an image are."""
    label_names: ClassVar[tuple[str, ...]]
    """What the numbers of a label map mean."""

    def _open(self) -> None:
        self._images = self._volumes("imagesTr")
        self._labels = self._volumes("labelsTr")
        self.ids = sorted(self._images)
        if alone := sorted(set(self._images) ^ set(self._labels)):
            self.damaged(
                self.root,
                f"{len(self._images)} images and {len(self._labels)} labels do not pair; "
                f"alone: {', '.join(alone[:5])}{', ...' if len(alone) > 5 else ''}",
            )
        if not self.ids:
            self.damaged(self.root, "no volumes (.nii, .nii.gz) in imagesTr")
        announced = self._announced()
        if announced is not None and announced != len(self.ids):
            self.damaged(
                self.root,
                f"dataset.json announces {announced} training scans, found {len(self.ids)}",
            )

    def _volumes(self, kind: str) -> dict[str, Path]:
        if not (self.root / kind).is_dir():
            self.damaged(self.root / kind, "wanted a folder of volumes, found none")
        return volume_files(self.root / kind)

    def _announced(self) -> int | None:
        """How many training scans dataset.json announces; None without that file."""
        path = self.root / "dataset.json"
        if not path.is_file():
            return None
        try:
            return int(json.loads(path.read_text(encoding="utf-8"))["numTraining"])
        except (ValueError, KeyError, TypeError) as error:
            self.damaged(path, f"wanted a number numTraining ({error})")


class DecathlonSequences(Decathlon[Case]):
    """A task whose files hold all sequences: images (C, D, H, W), one C a sequence."""

    def _read(self, name: str) -> Case:
        image, affine = read_sequences(self._images[name], self.fix, len(self.sequences))
        known = range(len(self.label_names))
        return Case(
            id=name,
            image=image,
            mask=read_labels(self._labels[name], self.fix, image.shape[1:], affine, known),
            metadata={
                "sequences": self.sequences, "label_names": self.label_names, "affine": affine
            },
            spacing=spacing_of(affine),
        )


class MsdBrainTumour(DecathlonSequences):
    """Task01: gliomas in four MR sequences, from BraTS 2016 and 2017.

    The label numbers differ from those of BraTS itself: here 1 is oedema. Tested on made files
    in this layout, not on the release.
    """

    name = "msd_brain_tumour"
    sequences = ("flair", "t1", "t1ce", "t2")
    label_names = ("background", "oedema", "non-enhancing tumour", "enhancing tumour")


class MsdProstate(DecathlonSequences):
    """Task05: the two zones of the prostate in T2 and apparent diffusion coefficient (ADC).

    Tested on made files in this layout, not on the release.
    """

    name = "msd_prostate"
    sequences = ("t2", "adc")
    label_names = ("background", "peripheral zone", "transition zone")
