"""Sets whose pictures have a class each: the pictures as one array beside their classes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medtutor.datasets.pictures import PictureSet, squared
from medtutor.datasets.scan import Arrays


class ClassArrays(NamedTuple):
    """Pictures and their classes as plain arrays, one entry a picture along the first axis."""

    images: NDArray[np.float32]
    """(N, C, *S)."""
    labels: NDArray[np.int64]
    """(N,)."""
    ids: list[str]


class ClassifiedSet(PictureSet):
    """A labelled set of 2D pictures where the class of the whole picture is known.

    Masks may be there too: then ``arrays`` gives pictures and masks, ``labelled`` pictures and
    classes.
    """

    def labelled(self, size: int = 64, ids: Iterable[str] | None = None) -> ClassArrays:
        """Pictures as squares of one size, with their classes.

        The longer side is scaled to ``size``, areas averaged; the rest is zeros. They take
        ``12 size**2`` bytes a picture: choose ``ids`` where a set is large.

        Args:
            size: side of the square in pixels.
            ids: which pictures, in this order; all those with a class by default.

        Returns:
            images (N, 3, size, size) float32 in [0, 1], labels (N,) int64, ids.
        """
        known = [name for name in self.ids if self.labels.get(name) is not None]
        names = known if ids is None else list(ids)
        if alone := [name for name in names if self.labels.get(name) is None]:
            raise ValueError(f"{alone[0]} has no class; leave it out of ids")
        if not names:
            raise ValueError(f"{self.root}: no picture has a class")
        images = np.stack([small(self[name].image, size) for name in names])
        return ClassArrays(images, np.array([self.labels[n] for n in names], np.int64), names)

    def arrays(self, size: int = 64, ids: Iterable[str] | None = None) -> Arrays:
        """Pictures and masks, as :meth:`PictureSet.arrays`; a ValueError where none has a mask."""
        if ids is None and not self._have_masks():
            raise ValueError(
                f"{self.root}: no masks here; labelled(size) gives the pictures with their classes"
            )
        return super().arrays(size, ids)

    def _have_masks(self) -> bool:
        return True


def small(image: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """A picture (C, H, W) in the middle of a square (C, size, size), its aspect kept.

    Large ones are first averaged over blocks of whole pixels, which is fast; what is cut off to
    have whole blocks is less than half a pixel of the result, at the right and the bottom.
    """
    if size < 1:
        raise ValueError(f"size wants a whole number > 0, given {size}")
    channels, height, width = image.shape
    block = max(height, width) // (2 * size)
    if 1 < block <= min(height, width):
        high, wide = height // block, width // block
        cut = image[:, : high * block, : wide * block]
        image = cut.reshape(channels, high, block, wide, block).mean((2, 4))
    return np.stack([squared(channel, size) for channel in image])
