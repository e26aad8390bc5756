"""One item of a labelled set, the same for every reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Case:
    """An image with what is known about it.

    Attributes:
        id: its name in the set.
        image: (C, *S) float32: (1, H, W) grey and (3, H, W) colour in [0, 1]; (C, D, H, W) volumes
            in their own units, one C a sequence.
        mask: (*S) int64, 0 background; None where the set has none for this image.
        label: class of the whole image, an index into the set's ``classes``; None where unknown.
        metadata: whatever else the set says: age, sex, site, ...; values as in its tables.
        spacing: size of a pixel or voxel in mm along the axes of S; None where not stated.
        split: ``train``, ``valid`` or ``test`` as its owner divided the set; None where not.
    """

    id: str
    image: NDArray[np.float32] = field(repr=False)
    mask: NDArray[np.int64] | None = field(default=None, repr=False)
    label: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    spacing: tuple[float, ...] | None = None
    split: str | None = None
