"""The MNI152 head as the mean anatomy of the brain phantom, from the installed package nilearn.

Places are in mm from a point in the middle of the brain (MNI 0, -17, +11) along three axes: z down,
y backwards, x to the patient's left. So a picture is head up or nose up, right side at the left.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import distance_transform_edt, map_coordinates

from medtutor.datasets.places import folder

MIDDLE = (105, 115, 98)  # voxel of the maps at the point of origin
COARSE = 2  # mm, of the smooth maps: depth and the distance of the ventricles
CLOSED = 10.0  # mm: sulci narrower than twice this lie inside the dura
SURROUND = 2.0  # mm of fluid between the outermost grey matter and the dura
SHARPNESS = 2.0  # power that turns an average of many heads into one: a choice
FILES = "mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"


@dataclass(frozen=True)
class Template:
    """The average head.

    Attributes:
        grey: (189, 233, 197) uint8 at 1 mm, 255 is certainly grey matter.
        white: the same of white matter.
        depth: (95, 117, 99) float32 at 2 mm: mm below the dura, negative outside it.
        places: (P, 3) float32, mm: a grid of 3 mm of what is mostly white matter of the cerebrum.
        to_ventricle: (P,) float32, mm from each of them to the ventricles.
    """

    grey: np.ndarray
    white: np.ndarray
    depth: np.ndarray
    places: np.ndarray
    to_ventricle: np.ndarray


@lru_cache(maxsize=1)
def template() -> Template:
    """Read and prepare the maps, once a process; nilearn itself is not imported.

    Raises:
        DatasetAbsent: nilearn is not installed; the message says what to do.
    """
    where = folder("mni152")
    t1, grey, white = (_volume(str(where / FILES.format(name))) for name in ("t1", "gm", "wm"))
    some = slice(None, None, COARSE)
    brain = (t1[some, some, some] > 0) | (grey[some, some, some] > 76)
    grown = distance_transform_edt(~np.pad(brain, 10)) * COARSE <= CLOSED
    closed = distance_transform_edt(grown) * COARSE > CLOSED - SURROUND
    depth = (distance_transform_edt(closed) - distance_transform_edt(~closed)) * COARSE
    depth = depth[10:-10, 10:-10, 10:-10].astype(np.float32)

    fluid = (255.0 - grey[some, some, some] - white[some, some, some]) > 0.8 * 255
    away = distance_transform_edt(~(fluid & (depth > 28))) * COARSE
    every = tuple(slice(None, None, 3) for _ in range(3))
    at = np.argwhere(white[every] > 0.8 * 255) * 3.0 - np.array(MIDDLE)
    at = at[(at[:, 0] < 20) & ((at[:, 0] < 5) | (at[:, 1] < 30))]  # neither cerebellum nor stem
    at = at.astype(np.float32)
    return Template(grey, white, depth, at, _lookup(away.astype(np.float32), at, COARSE))


def tissue_shares(
    at: np.ndarray, atrophy: np.ndarray, sulci: np.ndarray, cortex: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares of CSF, grey and white matter of one head at given places of the average head.

    The maps hold the share p of many heads in which a place is of a tissue. One head is sharper and
    its sulci lie elsewhere; the odds say so:

        share_k = p_k^2 exp(o_k) / sum_j p_j^2 exp(o_j)

    with o = atrophy + sulci for CSF, cortex for grey matter, 0 for white matter. The power and this
    way of making an individual are choices of this phantom.

    Args:
        at: (N, P, 3), mm.
        atrophy: (N,), log odds: 1 widens ventricles and sulci, -1 narrows them.
        sulci: (N, P), log odds.
        cortex: (N, P), log odds.

    Returns:
        Three arrays (N, P) that sum to 1.
    """
    maps = template()
    grey = _lookup(maps.grey, at, 1) / 255
    white = _lookup(maps.white, at, 1) / 255
    fluid = np.maximum(1 - grey - white, 0)
    fluid = fluid**SHARPNESS * np.exp(atrophy[:, None] + sulci)
    grey = grey**SHARPNESS * np.exp(cortex)
    white = white**SHARPNESS
    total = fluid + grey + white + 1e-6
    fluid += 1e-6
    return fluid / total, grey / total, white / total


def depth_below_dura(at: np.ndarray) -> np.ndarray:
    """Depth in mm at places (..., 3) in mm: above 0 inside the dura, below 0 in bone and skin."""
    return _lookup(template().depth, at, COARSE)


def _lookup(volume: np.ndarray, at: np.ndarray, step: int) -> np.ndarray:
    """Linear interpolation at places in mm; beyond the edge the last voxel goes on."""
    index = (np.moveaxis(at, -1, 0) + np.array(MIDDLE).reshape(3, *[1] * (at.ndim - 1))) / step
    return map_coordinates(volume, index, np.float32, order=1, mode="nearest")


def _volume(path: str) -> np.ndarray:
    """A stored volume, its axes turned to down, backwards, left."""
    import nibabel as nib

    stored = nib.load(path)
    turn = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(stored.affine),
        nib.orientations.axcodes2ornt(("I", "P", "L")),
    )
    return np.ascontiguousarray(stored.as_reoriented(turn).dataobj)
