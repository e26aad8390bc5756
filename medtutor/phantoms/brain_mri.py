"""Phantom: MRI of the head in five contrasts, healthy, with a tumour, or with MS lesions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from medtutor.phantoms.brain_mri_anatomy import ORDER, places_in_average_head, shares_of_tissue
from medtutor.phantoms.brain_mri_physics import (
    BLOOD_GADOLINIUM,
    CONTRASTS,
    NECROSIS_GADOLINIUM,
    OEDEMA_GADOLINIUM,
    SCANNERS,
    TISSUE_GADOLINIUM,
    TISSUES,
    Scanner,
    rician,
    t1_with_contrast,
)
from medtutor.phantoms.brain_mri_scenes import (
    ENHANCES,
    PLANES,
    SHADES,
    BrainScenes,
    draw_brain_mri,
)

__all__ = ["BrainMri", "BrainScenes", "brain_mri", "draw_brain_mri", "render_brain_mri"]

POINTS = 2**17  # places computed at a time, so that memory stays small
FINEST = 1.75  # mm: voxels larger than this are sampled at several places along each axis,
MOST_IN_VOLUMES = 3  # in volumes at no more than these
LABELS = (
    "none", "necrotic core", "oedema", "solid tumour", "enhancing tumour", "white-matter lesion",
)  # fmt: skip
BRAIN = ("outside", "csf", "grey matter", "white matter")


@dataclass(frozen=True)
class BrainMri:
    """Images, truth, and what they were made from.

    Attributes:
        images: (N, C, *S) float32, in units of the signal of the table's white matter in the same
            sequence on the same scanner; so white matter is about 1 in every contrast.
        labels: (N, *S) int64, LABELS: 0 nothing, 1 necrotic core, 2 oedema, 3 tumour that does not
            enhance, 4 enhancing tumour, 5 white-matter lesion (of MS or age); what fills half of
            the voxel. 1 to 4 are numbered as in BraTS up to 2016.
        tissues: (N, *S) int64, BRAIN: 0 outside the dura, 1 CSF (vessels too), 2 grey, 3 white
            matter; whatever is ill counts as what it replaced most: white matter.
        contrasts: names of the C channels.
        scenes: the factors.
        voxel: edge of a voxel, in mm.
    """

    images: np.ndarray
    labels: np.ndarray
    tissues: np.ndarray
    contrasts: tuple[str, ...]
    scenes: BrainScenes
    voxel: float

    def __len__(self) -> int:
        return len(self.images)

    def channel(self, contrast: str) -> np.ndarray:
        """(N, *S) images of one contrast."""
        if contrast not in self.contrasts:
            raise ValueError(f"contrast must be one of {self.contrasts}; got {contrast!r}")
        return self.images[:, self.contrasts.index(contrast)]


def brain_mri(
    count: int,
    *,
    size: Sequence[int] = (64, 64),
    contrasts: Sequence[str] = ("t1", "t2", "flair", "t1c"),
    plane: str | None = None,
    kinds: Mapping[str, float] | None = None,
    sites: Sequence[str] = ("a",),
    radius: Sequence[float] = (10.0, 32.0),
    deform: float = 2.0,
    field: float = 224.0,
    stripped: bool = False,
    seed: int = 0,
    first: int = 0,
) -> BrainMri:
    """Draw heads and scan them: `draw_brain_mri`, then `render_brain_mri`; arguments are theirs.

    `plane` is "axial" for two sides and "volume" for three, unless another slice is asked for.
    """
    if plane is None:
        plane = "volume" if len(size) == 3 else "axial"
    scenes = draw_brain_mri(
        count, plane=plane, kinds=kinds, sites=sites, radius=radius, deform=deform, seed=seed,
        first=first,
    )  # fmt: skip
    return render_brain_mri(
        scenes, size=size, contrasts=contrasts, field=field, stripped=stripped
    )


def render_brain_mri(
    scenes: BrainScenes,
    *,
    size: Sequence[int] = (64, 64),
    contrasts: Sequence[str] = ("t1", "t2", "flair", "t1c"),
    field: float = 224.0,
    stripped: bool = False,
    scanners: Mapping[str, Scanner] | None = None,
) -> BrainMri:
    """Scan scenes: tissue shares, signal equations, coil, noise.

        S(x) = sum_k share_k(x) S_k                  partial volume: shares of tissue mix signals
        S_k  = the sequence's equation of T1_k, T2_k, pd_k       (brain_mri_physics)
        T1_k' = 1 / (1 / T1_k + r1 C_k)              in "t1c" only: the agent is given last
        image = |S exp(shade) / S_white + sigma (n1 + i n2)|     Rician, sigma = `noise`

    One coil, so one shade for all contrasts; each contrast has its own noise. Nothing of the agent
    is in the other contrasts: what it shows is not in them to the last bit.

    Departures from a scanner: slices are infinitely thin; no motion, no flow, no chemical shift, no
    fading by T2*; the contrasts are aligned; face and neck are a lump of soft tissue; the tissue of
    a lesion is even inside, but for parts that do not leak; the agent has no effect on T2.

    Args:
        scenes: of `draw_brain_mri`; change its tables to ask what if, and render again.
        size: (H, W) for slices, (D, H, W) for volumes, each side from 16 to 512.
        contrasts: some of "t1", "t2", "pd", "flair", "t1c", in the wanted order.
        field: length of the longest side, in mm; voxels are cubes.
        stripped: leave only the brain, everything outside the dura 0.
        scanners: by name of site; default SCANNERS.

    Raises:
        ValueError: an argument out of range, or scenes drawn for another plane.
    """
    size, contrasts = _check(scenes, size, contrasts, field)
    known = dict(SCANNERS if scanners is None else scanners)
    if missing := set(scenes.factors["site"]) - set(known):
        raise ValueError(f"no scanner is given for the sites {sorted(missing)}: pass scanners="
                         f"{{name: Scanner(...)}}; given {sorted(known)}")  # fmt: skip
    count, voxel = len(scenes), field / max(size)
    images = np.empty((count, len(contrasts), *size), np.float32)
    labels, tissues = np.empty((2, count, *size), np.int64)
    finer = int(np.ceil(voxel / FINEST - 1e-9))
    if scenes.plane == "volume":
        finer = min(finer, MOST_IN_VOLUMES)
    points = int(np.prod(size)) * finer ** len(size)
    step, rows = max(1, POINTS // points), max(1, size[0] * POINTS // points)
    for start in range(0, count, step):
        part = slice(start, start + step)
        some = replace(scenes, factors=scenes.factors.iloc[part])
        for low in range(0, size[0], rows):
            slab = slice(low, min(low + rows, size[0]))
            shares = _voxel_shares(some, size, voxel, finer, slab)  # (n, *slab, T)
            labels[part, slab], tissues[part, slab] = _truth(shares, some.factors)
            images[part, :, slab] = _clean(shares, some.factors, contrasts, known)
        images[part] = _received(images[part], some.factors, contrasts, voxel)
    if stripped:
        images *= (tissues > 0)[:, None]
    return BrainMri(images, labels, tissues, contrasts, scenes, voxel)


def _voxel_shares(
    scenes: BrainScenes, size: tuple[int, ...], voxel: float, finer: int, slab: slice
) -> np.ndarray:
    """(N, *S, T) share of each tissue in each voxel, the mean over `finer` places along an axis.

    S is the size with only the rows of `slab` along its first axis.
    """
    axes: list[np.ndarray | None] = [
        (np.arange(side * finer) + 0.5 - side * finer / 2) * voxel / finer for side in size
    ]
    axes[0] = axes[0][slab.start * finer : slab.stop * finer]
    size = (slab.stop - slab.start, *size[1:])
    if scenes.plane != "volume":
        axes.insert(PLANES.index(scenes.plane), None)
    shares = shares_of_tissue(scenes, places_in_average_head(scenes, axes))
    for axis, side in enumerate(size):
        before = int(np.prod(size[:axis], dtype=int))
        after = int(np.prod(size[axis + 1 :], dtype=int)) * finer ** (len(size) - 1 - axis)
        shares = shares.reshape(len(scenes), before, side, finer, after, -1).mean(3)
    return shares.reshape(len(scenes), *size, -1)


def _truth(shares: np.ndarray, factors: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Labels and tissues from shares (N, *S, T)."""
    share = {name: shares[..., place] for name, place in ORDER.items()}
    ill = np.stack([
        share["necrosis"], share["oedema"], share["tumour"] + share["infiltrate"],
        share["ms"] + share["ms_active"],
    ], axis=-1)  # fmt: skip
    healthy = 1 - ill.sum(-1)
    enhancing = (factors["tumour_gadolinium_mmol_l"] >= ENHANCES).to_numpy()
    column = enhancing.reshape(-1, *[1] * (ill.ndim - 2))
    number = ill.argmax(-1)
    label = np.choose(number, (1, 2, np.where(column, 4, 3), 5))
    label = np.where(healthy < 0.5, label, 0)
    fluid, grey = share["csf"] + share["blood"], share["grey"]
    white = share["white"] + 1 - healthy
    tissue = np.stack([1 - fluid - grey - white, fluid, grey, white], axis=-1).argmax(-1)
    return label, tissue


def _clean(
    shares: np.ndarray, table: pd.DataFrame, contrasts: tuple[str, ...],
    scanners: dict[str, Scanner],
) -> np.ndarray:  # fmt: skip
    """(N, C, *S) signal of shares (N, *S, T)."""
    signals = np.stack([
        _signals(head, contrasts, scanners[head["site"]]) for _, head in table.iterrows()
    ]).astype(np.float32)  # (N, C, T)  # fmt: skip
    flat = shares.reshape(len(table), -1, shares.shape[-1])
    # One contrast at a time: the rounding does not depend on which others are asked for.
    clean = [(flat @ signals[:, channel, :, None])[..., 0] for channel in range(len(contrasts))]
    return np.stack(clean, axis=1).reshape(len(table), len(contrasts), *shares.shape[1:-1])


def _received(
    clean: np.ndarray, table: pd.DataFrame, contrasts: tuple[str, ...], voxel: float
) -> np.ndarray:
    """(N, C, *S) images: the signal through the coil, with noise."""
    clean = clean * np.exp(_shade(table, clean.shape[2:], voxel))[:, None]
    seen = np.empty_like(clean)
    for row, (seed, sigma) in enumerate(zip(table["noise_seed"], table["noise"], strict=True)):
        for channel, contrast in enumerate(contrasts):
            # A generator a contrast: its noise does not depend on which others are asked for.
            rng = np.random.default_rng((int(seed), CONTRASTS.index(contrast)))
            noise = rng.standard_normal((2, *clean.shape[2:]), dtype=np.float32)
            seen[row, channel] = rician(clean[row, channel], sigma, noise)
    return seen


def _signals(head: pd.Series, contrasts: tuple[str, ...], scanner: Scanner) -> np.ndarray:
    """(C, T) signal of each tissue of one head, in units of the table's white matter."""
    own = {
        "grey": dict(t1=head["grey_t1_ms"]), "white": dict(t1=head["white_t1_ms"]),
        "tumour": dict(t1=head["tumour_t1_ms"], t2=head["tumour_t2_ms"]),
        "infiltrate": dict(t1=head["tumour_t1_ms"], t2=head["tumour_t2_ms"]),
        "oedema": dict(t2=head["oedema_t2_ms"]),
    }  # fmt: skip
    tissues = [replace(tissue, **own.get(name, {})) for name, tissue in TISSUES.items()]
    t1, t2, pd_ = np.array([(one.t1, one.t2, one.pd) for one in tissues]).T
    pd_ = pd_ * [scanner.fat if name in ("fat", "marrow") else 1 for name in TISSUES]
    agent = {
        "tumour": head["tumour_gadolinium_mmol_l"], 
        "ms_active": head["ms_gadolinium_mmol_l"],
        "infiltrate": TISSUE_GADOLINIUM, "necrosis": NECROSIS_GADOLINIUM,
        "oedema": OEDEMA_GADOLINIUM, "blood": BLOOD_GADOLINIUM, "grey": TISSUE_GADOLINIUM,
        "white": TISSUE_GADOLINIUM, "ms": TISSUE_GADOLINIUM, "muscle": 0.05,
    }  # fmt: skip
    later = t1_with_contrast(t1, np.array([agent.get(name, 0.0) for name in TISSUES]))
    white = TISSUES["white"]
    return np.stack([
        scanner.signal(one, later if one == "t1c" else t1, t2, pd_)
        / scanner.signal(one, np.array(white.t1), np.array(white.t2), np.array(white.pd))
        for one in contrasts
    ])  # fmt: skip


def _shade(table: pd.DataFrame, size: tuple[int, ...], voxel: float) -> np.ndarray:
    """(N, *S) logarithm of the coil's sensitivity: slopes and products of the axes, scaled."""
    axes = [(np.arange(side) + 0.5 - side / 2) * voxel / 100 for side in size]  # about -1 to 1
    grid = np.meshgrid(*axes, indexing="ij")
    terms = [*grid, *(g * g - 0.4 for g in grid)]
    terms += [1.5 * grid[a] * grid[b] for a in range(len(grid)) for b in range(a)]
    scores = table[[f"shade_{k + 1}" for k in range(SHADES)]].to_numpy()[:, : len(terms)]
    field = np.einsum("nk,k...->n...", scores, np.stack(terms)) / np.sqrt(len(terms) / 3)
    return (field * table["bias"].to_numpy().reshape(-1, *[1] * len(size))).astype(np.float32)


def _check(
    scenes: BrainScenes, size: Sequence[int], contrasts: Sequence[str], field: float
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    size = tuple(int(side) for side in size)
    if len(size) not in (2, 3) or not 16 <= min(size) <= max(size) <= 512:
        raise ValueError(f"size must be 2 or 3 sides from 16 to 512 voxels; got {size}")
    if (len(size) == 3) != (scenes.plane == "volume"):
        raise ValueError(f"scenes were drawn with plane={scenes.plane!r}, which does not go with "
                         f"size {size}: a slice has 2 sides, a volume 3")  # fmt: skip
    if isinstance(contrasts, str) or not contrasts or set(contrasts) - set(CONTRASTS):
        raise ValueError(f"contrasts must be some of {CONTRASTS}, as ('t1', 't2'); "
                         f"got {contrasts!r}")  # fmt: skip
    if not 100 <= field <= 400:
        raise ValueError(f"field must be from 100 to 400 mm, a head is 200 long; got {field}")
    return size, tuple(contrasts)
