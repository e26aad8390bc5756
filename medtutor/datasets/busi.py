"""BUSI: breast ultrasound pictures with lesion masks; benign, malignant, normal."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medtutor.datasets.case import Case
from medtutor.datasets.duplicates import similar_groups
from medtutor.datasets.labelled_set import LabelledSet, natural
from medtutor.datasets.pictures import read_mask, read_picture, squared
from medtutor.datasets.places import DatasetDamaged
from medtutor.datasets.scan import Arrays

CLASSES = ("normal", "benign", "malignant")
FIX = "put the set in place again: medtutor data get busi"


@dataclass(frozen=True)
class BusiPicture:
    """One ultrasound picture.

    Attributes:
        id: file name without ending, as ``benign (15)``.
        image: (H, W) float32 in [0, 1].
        label: (H, W) int64, 1 in any of the picture's lesions.
        diagnosis: index into ``CLASSES``: 0 normal, 1 benign, 2 malignant.
        lesions: how many mask files were merged.
    """

    id: str
    image: NDArray[np.float32] = field(repr=False)
    label: NDArray[np.int64] = field(repr=False)
    diagnosis: int
    lesions: int

    def as_case(self) -> Case:
        """The picture as every reader gives it."""
        known = {"lesions": self.lesions}
        return Case(self.id, self.image[None], self.label, self.diagnosis, known)


class Busi(LabelledSet[BusiPicture]):
    """The pictures as a sequence, sorted by id, each read when it is asked for.

    The official set holds pictures twice, some with two diagnoses: ``groups`` joins pictures that
    look alike, and ``split`` keeps a group on one side. Patients are not named.

    Args:
        root: the folder that holds ``benign/``, ``malignant/`` and ``normal/``; found through
            ``$MEDTUTOR_DATA`` by default.

    Raises:
        DatasetAbsent: it is not on this machine; the message says how to get it.
        DatasetDamaged: a picture without a mask, or a mask without its picture.
    """

    name = "busi"
    classes = CLASSES
    fix = FIX

    def _open(self) -> None:
        self._files: dict[str, tuple[Path, tuple[Path, ...]]] = {}
        self.labels = {}
        for diagnosis, name in enumerate(CLASSES):
            for picture, masks in _pairs(self.root / name).items():
                self._files[picture] = (self.root / name / f"{picture}.png", masks)
                self.labels[picture] = diagnosis
        self.ids = sorted(self._files, key=natural)

    def _read(self, name: str) -> BusiPicture:
        masks = self._files[name][1]
        image = self._grey(name)
        label = np.zeros(image.shape, np.int64)
        for mask in masks:
            label |= read_mask(mask, FIX, image.shape)
        return BusiPicture(name, image, label, self.labels[name], len(masks))

    def _grey(self, name: str) -> NDArray[np.float32]:
        return read_picture(self._files[name][0], FIX, "L")[0]

    @property
    def diagnoses(self) -> dict[str, str]:
        """Id -> normal, benign or malignant."""
        return {name: CLASSES[self.labels[name]] for name in self.ids}

    @cached_property
    def groups(self) -> dict[str, int]:
        """Id -> number of its group of near-identical pictures (most groups hold one)."""
        return similar_groups({name: self._grey(name) for name in self.ids})

    def arrays(self, size: int = 64, ids: Iterable[str] | None = None) -> Arrays:
        """Pictures as squares of one size: longer side scaled to ``size``, the rest zeros.

        The image is smoothed before it is made smaller; the mask takes the nearest pixel, so it
        stays 0 and 1. A lesion smaller than a pixel of the result can vanish.

        Args:
            size: side of the square in pixels.
            ids: which pictures, in this order; all by default.

        Returns:
            images (N, 1, size, size) float32 in [0, 1], labels (N, size, size) int64, ids.
        """
        if size < 1:
            raise ValueError(f"size wants a whole number > 0, given {size}")
        names = self.ids if ids is None else list(ids)
        pictures = [self[name] for name in names]
        images = [squared(p.image, size)[None] for p in pictures]
        labels = [squared(p.label, size) for p in pictures]
        return Arrays(np.stack(images), np.stack(labels), names)


def _pairs(inside: Path) -> dict[str, tuple[Path, ...]]:
    """Picture name -> its mask files, in one class folder."""
    if not inside.is_dir():
        raise DatasetDamaged(f"{inside}: wanted a folder of pictures, found none; {FIX}")
    files = sorted(p for p in inside.glob("*.png") if not p.name.startswith("."))
    masks: dict[str, list[Path]] = {}
    pictures = []
    for path in files:
        if mask := re.fullmatch(r"(.+)_mask(_\d+)?", path.stem):
            masks.setdefault(mask[1], []).append(path)
        else:
            pictures.append(path.stem)
    alone = sorted(set(pictures) ^ set(masks))
    if alone:
        raise DatasetDamaged(
            f"{inside}: pictures and masks do not pair; alone: {', '.join(alone[:5])}; {FIX}"
        )
    return {name: tuple(masks[name]) for name in pictures}
