"""BUSI: breast ultrasound pictures with lesion masks; benign, malignant, normal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medtutor.datasets.duplicates import similar_groups
from medtutor.datasets.places import DatasetDamaged, folder
from medtutor.datasets.registry import facts
from medtutor.datasets.scan import Arrays
from medtutor.datasets.split import Split, split_by_group

CLASSES = ("normal", "benign", "malignant")
FIX = "put the set in place again: python data_scripts/get_busi.py Dataset_BUSI_with_GT.zip"


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


class Busi(Sequence[BusiPicture]):
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

    def __init__(self, root: str | Path | None = None):
        self.root = Path(root) if root is not None else folder("busi")
        self._files: dict[str, tuple[Path, tuple[Path, ...], int]] = {}
        for diagnosis, name in enumerate(CLASSES):
            for picture, masks in _pairs(self.root / name).items():
                self._files[picture] = (self.root / name / f"{picture}.png", masks, diagnosis)
        if not self._files:
            raise DatasetDamaged(f"{self.root}: no pictures (.png) found; {FIX}")
        self.ids = sorted(self._files, key=_natural)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, which: int | str) -> BusiPicture:  # type: ignore[override]
        """The picture at a position, or of an id."""
        name = self.ids[which] if isinstance(which, (int, np.integer)) else which
        if name not in self._files:
            raise KeyError(f"no picture {name!r}; ids run from {self.ids[0]} to {self.ids[-1]}")
        path, masks, diagnosis = self._files[name]
        image = _grey(path)
        return BusiPicture(name, image, _merged(image.shape, masks), diagnosis, len(masks))

    def __repr__(self) -> str:
        about = facts("busi")
        return (
            f"Busi({len(self)} pictures of {about.counts}; {self.root})\n"
            f"  licence: {about.licence}\n  cite: {about.citation}, doi:{about.doi}"
        )

    @property
    def diagnoses(self) -> dict[str, str]:
        """Id -> normal, benign or malignant."""
        return {name: CLASSES[self._files[name][2]] for name in self.ids}

    @cached_property
    def groups(self) -> dict[str, int]:
        """Id -> number of its group of near-identical pictures (most groups hold one)."""
        return similar_groups({name: _grey(self._files[name][0]) for name in self.ids})

    def split(self, seed: int, fractions: Sequence[float] = (0.6, 0.2, 0.2)) -> Split:
        """Ids for train, valid and test; alike pictures together, alike shares of each class."""
        return split_by_group(self.groups, seed=seed, fractions=fractions, classes=self.diagnoses)

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


def squared(array: NDArray, size: int) -> NDArray:
    """The picture in the middle of a square: aspect kept, integers by nearest pixel."""
    from skimage.transform import resize

    scale = size / max(array.shape)
    shape = tuple(max(1, round(n * scale)) for n in array.shape)
    if array.dtype.kind == "f":
        small = resize(array, shape, order=1, anti_aliasing=scale < 1).clip(0, 1)
    else:
        small = resize(array, shape, order=0, anti_aliasing=False, preserve_range=True)
    out = np.zeros((size, size), array.dtype)
    top, left = ((size - n) // 2 for n in shape)
    out[top : top + shape[0], left : left + shape[1]] = small
    return out


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


def _grey(path: Path) -> NDArray[np.float32]:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("L"), np.float32) / 255
    except Exception as error:  # a broken file shows as OSError, SyntaxError or ValueError
        raise DatasetDamaged(f"{path}: cannot be read as a picture ({error}); {FIX}") from error


def _merged(shape: tuple[int, ...], masks: tuple[Path, ...]) -> NDArray[np.int64]:
    label = np.zeros(shape, np.int64)
    for mask in masks:
        grey = _grey(mask)
        if grey.shape != shape:
            raise DatasetDamaged(
                f"{mask}: its size {grey.shape} differs from that of the picture, {shape}; {FIX}"
            )
        label[grey > 0.5] = 1
    return label


def _natural(name: str) -> list[int | str]:
    """Sort key that puts ``benign (2)`` before ``benign (10)``."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
