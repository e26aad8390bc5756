"""Masks whose numbers are single objects (a gland, a nucleus): 0 background, then 1, 2, ..."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtutor.datasets.pictures import read_mask
from medtutor.datasets.places import DatasetDamaged

NUMBERED = ("1", "L", "P", "I", "I;16", "I;16B")
"""Pillow's modes in which a pixel is one number; of a palette it is the place, not the colour."""


def read_instances(path: Path, what_to_do: str, shape: Sequence[int]) -> NDArray[np.int64]:
    """The numbers of a picture as they are stored, (H, W) int64.

    Args:
        path: a picture with one number a pixel.
        what_to_do: said where it is damaged.
        shape: (H, W) of its image, which it must have.

    Raises:
        DatasetDamaged: the file cannot be read, is in colour, or has another size than its image.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:
            mode, numbers = picture.mode, np.asarray(picture)
    except Exception as error:  # a broken file shows as OSError, SyntaxError or ValueError
        raise DatasetDamaged(
            f"{path}: cannot be read as a picture ({error}); {what_to_do}"
        ) from error
    if mode not in NUMBERED:
        raise DatasetDamaged(
            f"{path}: wanted one number a pixel, found a picture of mode {mode}; {what_to_do}"
        )
    if numbers.shape != tuple(shape):
        raise DatasetDamaged(
            f"{path}: its size {numbers.shape} differs from that of the picture, {tuple(shape)}; "
            f"{what_to_do}"
        )
    return numbers.astype(np.int64)


def merged(paths: Sequence[Path], what_to_do: str, shape: Sequence[int]) -> NDArray[np.int64]:
    """One file an object -> one mask, (H, W) int64, numbered in the order of the files.

    Where two overlap, the pixel stays with the first.

    Raises:
        DatasetDamaged: a file cannot be read, has another size than its image, or marks nothing.
    """
    numbers = np.zeros(tuple(shape), np.int64)
    for number, path in enumerate(paths, 1):
        inside = read_mask(path, what_to_do, tuple(shape)) > 0
        if not inside.any():
            raise DatasetDamaged(f"{path}: wanted one object, found none; {what_to_do}")
        numbers[inside & (numbers == 0)] = number
    return numbers


def parted(mask: NDArray[Any], smallest: int = 1) -> NDArray[np.int64]:
    """The connected pieces of a mask, numbered; touching objects stay one piece.

    Pixels that touch at an edge or a corner are connected.

    Args:
        mask: (H, W), above 0 inside.
        smallest: pieces with fewer pixels become background.
    """
    from scipy.ndimage import label

    pieces, count = label(mask > 0, np.ones((3, 3)))
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    kept = np.flatnonzero(sizes >= smallest)
    new = np.zeros(count + 1, np.int64)
    new[kept[kept > 0]] = np.arange(1, (kept > 0).sum() + 1)
    return np.asarray(new[pieces])
