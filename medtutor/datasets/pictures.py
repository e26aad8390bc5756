"""Reading 2D pictures and masks, and bringing them to one size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtutor.datasets.case import Case
from medtutor.datasets.labelled_set import LabelledSet
from medtutor.datasets.places import DatasetDamaged
from medtutor.datasets.scan import Arrays


class PictureSet(LabelledSet[Case]):
    """A labelled set of 2D pictures whose items are cases."""

    def _case(
        self, name: str, picture: Path, mask: Path | None, metadata: Mapping[str, Any]
    ) -> Case:
        """The case of a picture and its black and white mask, with its class and part."""
        image = read_picture(picture, self.fix)
        return Case(
            id=name,
            image=image,
            mask=None if mask is None else read_mask(mask, self.fix, image.shape[1:]),
            label=self.labels.get(name),
            metadata=metadata,
            split=self.official.get(name),
        )

    def arrays(self, size: int = 64, ids: Iterable[str] | None = None) -> Arrays:
        """Pictures as squares of one size: longer side scaled to ``size``, the rest zeros.

        The image is smoothed before it is made smaller; the mask takes the nearest pixel. A
        structure smaller than a pixel of the result can vanish.

        Args:
            size: side of the square in pixels.
            ids: which pictures, in this order; all those with a mask by default.

        Returns:
            images (N, C, size, size) float32, masks (N, size, size) int64, ids.
        """
        if size < 1:
            raise ValueError(f"size wants a whole number > 0, given {size}")
        images, masks, names = [], [], []
        for name in self.ids if ids is None else ids:
            case = self[name]
            if case.mask is None:
                if ids is not None:
                    raise ValueError(f"{name} has no mask; leave it out of ids")
                continue
            images.append(np.stack([squared(channel, size) for channel in case.image]))
            masks.append(squared(case.mask, size))
            names.append(name)
        return Arrays(np.stack(images), np.stack(masks), names)


def files_by_stem(inside: Path, endings: Sequence[str], cut: str = "") -> dict[str, Path]:
    """Name -> file, for the files in a folder with one of the endings; hidden ones passed over.

    Args:
        inside: the folder; a missing one is empty.
        endings: as ``(".png", ".bmp")``, in any case.
        cut: what is cut from the end of each name (in any case); files without it are left out.
    """
    if not inside.is_dir():
        return {}
    found = {}
    for path in sorted(inside.iterdir()):
        if path.suffix.lower() in endings and not path.name.startswith("."):
            if path.stem.lower().endswith(cut.lower()):
                found[path.stem[: len(path.stem) - len(cut)]] = path
    return found


def read_picture(path: Path, what_to_do: str, mode: str = "RGB") -> NDArray[np.float32]:
    """A picture as (C, H, W) float32 in [0, 1]; C is 3 for mode RGB and 1 for mode L.

    Raises:
        DatasetDamaged: the file cannot be read as a picture.
    """
    values = np.asarray(_opened(path, what_to_do, mode), np.float32) / 255
    return np.ascontiguousarray(np.moveaxis(np.atleast_3d(values), -1, 0))


def read_mask(path: Path, what_to_do: str, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """A black and white mask as (H, W) int64, 1 where it is brighter than half.

    Args:
        path: the file.
        what_to_do: said where it is damaged.
        shape: (H, W) of its picture, which it must have.

    Raises:
        DatasetDamaged: the file cannot be read, or has another size than its picture.
    """
    mask = (np.asarray(_opened(path, what_to_do, "L")) > 127).astype(np.int64)
    if mask.shape != tuple(shape):
        raise DatasetDamaged(
            f"{path}: its size {mask.shape} differs from that of the picture, {tuple(shape)}; "
            f"{what_to_do}"
        )
    return mask


def squared(array: NDArray, size: int) -> NDArray:
    """The picture (H, W) in the middle of a square: aspect kept, integers by nearest pixel."""
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


def _opened(path: Path, what_to_do: str, mode: str):
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return picture.convert(mode)
    except Exception as error:  # a broken file shows as OSError, SyntaxError or ValueError
        raise DatasetDamaged(
            f"{path}: cannot be read as a picture ({error}); {what_to_do}"
        ) from error
