"""Numbers by which phantoms and real images are compared, and how far two samples lie apart.

Each ``..._numbers`` takes one image with its truth, real or made, and measures what the eye would:
the share of the picture, contrast, the outline, hue. `compare` then holds sample to sample.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.ndimage import binary_dilation, gaussian_filter, label
from scipy.stats import ks_2samp

LUMA = np.array([0.2126, 0.7152, 0.0722])
"""Share of red, green and blue in how bright a colour looks (Rec. 709, taken on stored values)."""
ALIKE, APART = 0.2, 0.5
"""Kolmogorov-Smirnov distances up to which samples are called nearly alike, and far apart."""


def lesion_numbers(image: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Measure a picture of a lesion.

    With L the brightness, and skin the ring around the lesion:

        area          share of the picture
        contrast      1 - mean L of the lesion / mean L of the skin
        irregularity  perimeter^2 / (4 pi area): 1 for a disc
        asymmetry     1 - overlap with its mirror image, over the better of its two main axes
        lesion hue, skin hue    degrees: 0 red, 30 orange, -30 towards violet
        unevenness    standard deviation of L in the lesion / mean L of the skin

    Args:
        image: (3, H, W) in [0, 1], or (1, H, W): then without hues.
        mask: (H, W), above 0 in the lesion.
    """
    inside, ring = np.asarray(mask) > 0, around(mask)
    _check(image, inside)
    bright = brightness(image)
    skin = _mean(bright, ring)
    found = {
        "area": float(inside.mean()),
        "contrast": 1 - _mean(bright, inside) / skin if skin > 0 else np.nan,
        "irregularity": irregularity(inside),
        "asymmetry": asymmetry(inside),
        "unevenness": float(bright[inside].std() / skin) if inside.any() and skin > 0 else np.nan,
    }
    if len(image) == 3:
        found |= {"lesion hue": hue(image, inside), "skin hue": hue(image, ring)}
    return found


def gland_numbers(image: np.ndarray, mask: np.ndarray, microns: float) -> dict[str, float]:
    """Measure a picture of glands; glands that touch count as one, as in masks without numbers.

    The image is (3, H, W) in [0, 1], the mask (H, W), a pixel's side `microns`.

    Returns:
        ``gland area`` (share), ``diameter`` (of a disc of the same area, median over the glands
        that lie inside the picture, micrometres), ``irregularity`` (median), ``glands`` and
        ``stroma`` (mean optical density, -ln of the brightness), ``gland hue``, ``stroma hue``
        (degrees; pink is near -30, violet near -80).
    """
    inside = np.asarray(mask) > 0
    _check(image, inside)
    density = -np.log(np.clip(brightness(image), 1 / 255, 1))
    pieces, count = label(inside)
    edge = np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]])
    whole = [pieces == k for k in range(1, count + 1) if k not in edge]
    whole = [piece for piece in whole if piece.sum() >= 30]
    diameters = [2 * microns * np.sqrt(piece.sum() / np.pi) for piece in whole]
    return {
        "gland area": float(inside.mean()),
        "diameter": float(np.median(diameters)) if whole else np.nan,
        "irregularity": float(np.median([irregularity(p) for p in whole])) if whole else np.nan,
        "glands": _mean(density, inside),
        "stroma": _mean(density, ~inside),
        "gland hue": hue(image, inside),
        "stroma hue": hue(image, ~inside),
    }


def chest_numbers(image: np.ndarray) -> dict[str, float]:
    """Measure a chest radiograph (1, H, W), dense tissue bright; no truth is needed.

    Returns:
        ``symmetry`` (correlation with its mirror image), ``mediastinum`` (how much brighter the
        middle is than the lungs beside it, in standard deviations of the picture), ``lower edge``
        (the bottom tenth of the lungs' columns over their middle, likewise), ``detail`` (standard
        deviation of what is finer than 1/64 of the width, likewise), ``dark share`` (below the
        middle between darkest and brightest percentile).
    """
    grey = np.asarray(image, float)[0]
    height, width = grey.shape
    spread = max(float(grey.std()), 1e-9)
    rows = slice(round(0.3 * height), round(0.65 * height))
    columns = np.arange(width) / width
    lungs = ((columns > 0.2) & (columns < 0.38)) | ((columns > 0.62) & (columns < 0.8))
    middle = grey[rows][:, (columns > 0.45) & (columns < 0.55)].mean()
    low, high = np.percentile(grey, [1, 99])
    fine = grey - gaussian_filter(grey, width / 64)
    return {
        "symmetry": float(np.corrcoef(grey.ravel(), grey[:, ::-1].ravel())[0, 1]),
        "mediastinum": float((middle - grey[rows][:, lungs].mean()) / spread),
        "lower edge": float(
            (grey[round(0.9 * height) :, lungs].mean() - grey[rows][:, lungs].mean()) / spread
        ),
        "detail": float(fine.std() / spread),
        "dark share": float((grey < (low + high) / 2).mean()),
    }


def region_numbers(image: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Measure a grey picture (1, H, W) with one region, where the mask (H, W) is above 0.

    Returns:
        ``area``, ``irregularity``, ``asymmetry``, and ``contrast to noise``: the difference of the
        means of the region and of the ring around it, in standard deviations of the ring.
    """
    inside, ring = np.asarray(mask) > 0, around(mask)
    _check(image, inside)
    grey = np.asarray(image, float)[0]
    spread = grey[ring].std() if ring.any() else 0.0
    step = _mean(grey, inside) - _mean(grey, ring)
    return {
        "area": float(inside.mean()),
        "irregularity": irregularity(inside),
        "asymmetry": asymmetry(inside),
        "contrast to noise": float(step / spread) if spread > 0 else np.nan,
    }


def brightness(image: np.ndarray) -> np.ndarray:
    """(3, H, W) or (1, H, W) to (H, W)."""
    image = np.asarray(image, float)
    return np.tensordot(LUMA, image, 1) if len(image) == 3 else image[0]


def hue(image: np.ndarray, where: np.ndarray) -> float:
    """Hue of the mean colour of some pixels, degrees from -180 to 180, 0 red; NaN where grey."""
    if not where.any():
        return np.nan
    red, green, blue = np.asarray(image, float)[:, where].mean(1)
    across, along = np.sqrt(3) * (green - blue), 2 * red - green - blue
    if abs(across) + abs(along) < 1e-6:
        return np.nan
    return float(np.degrees(np.arctan2(across, along)))


def irregularity(mask: np.ndarray) -> float:
    """Perimeter^2 / (4 pi area) of the largest piece; NaN for nothing.

    The perimeter is counted by how often lines in four directions cross the border (Crofton), which
    is right for curved outlines and rounds straight ones: 1.13 for an upright square, not 1.27.
    """
    from skimage.measure import perimeter_crofton

    pieces, count = label(mask)
    if count == 0:
        return np.nan
    largest = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
    return float(perimeter_crofton(np.pad(largest, 1), 4) ** 2 / (4 * np.pi * largest.sum()))


def asymmetry(mask: np.ndarray) -> float:
    """1 - overlap (intersection over union) of a mask and its mirror image; 0 is symmetric.

    Mirrored at each of the two main axes through the centre of mass; the smaller value counts.
    """
    points = np.argwhere(mask).astype(float)
    if len(points) < 3:
        return np.nan
    centred = points - points.mean(0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    size, found = np.array(mask.shape), []
    for axis in axes.T:
        mirrored = centred - 2 * np.outer(centred @ axis, axis) + points.mean(0)
        place = np.rint(mirrored).astype(int)
        there = ((place >= 0) & (place < size)).all(1)
        shared = np.asarray(mask)[tuple(place[there].T)].astype(bool).sum()
        found.append(1 - shared / (2 * len(points) - shared))
    return float(min(found))


def around(mask: np.ndarray) -> np.ndarray:
    """The ring around a region: from 2 % to 12 % of the longer side away from it."""
    inside = np.asarray(mask) > 0
    side = max(inside.shape)
    near, far = (_grown(inside, max(1, round(share * side))) for share in (0.02, 0.12))
    return far & ~near


def compare(real: pd.DataFrame, made: pd.DataFrame) -> pd.DataFrame:
    """Hold two samples of numbers to each other, column by column.

    The Kolmogorov-Smirnov distance is the largest gap between the shares of the two samples below
    a value: 0 for the same distribution, 1 where all of one lies below all of the other. Two
    samples of n and m from one distribution stay below 1.36 sqrt((n + m) / (n m)) in 95 of 100
    draws: what is below is no difference seen.

    Args:
        real: a row an image.
        made: a row an image, with the same columns, or more.

    Returns:
        A row a number: medians with the middle half of each sample, distance, what chance alone
        would do, and the difference in words, which are computed.
    """
    rows = {}
    for name in real.columns:
        one, other = (table[name].dropna().to_numpy(float) for table in (real, made))
        if not len(one) or not len(other):
            rows[name] = {"in words": "not measured"}
            continue
        distance = float(ks_2samp(one, other, method="asymp").statistic)
        chance = 1.36 * float(np.sqrt((len(one) + len(other)) / (len(one) * len(other))))
        rows[name] = {
            "real": _quartiles(one), "made": _quartiles(other), "distance": round(distance, 2),
            "by chance": round(chance, 2), "in words": in_words(one, other, distance, chance),
        }  # fmt: skip
    columns = ["real", "made", "distance", "by chance", "in words"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def in_words(real: np.ndarray, made: np.ndarray, distance: float, chance: float) -> str:
    """How the made sample differs: higher or lower, more or less varied, near or far."""
    if distance <= chance:
        return "no difference seen"
    above = (np.searchsorted(np.sort(real), made, "left").mean()
             + np.searchsorted(np.sort(real), made, "right").mean()) / (2 * len(real))  # fmt: skip
    widths = [np.subtract(*np.quantile(x, [0.75, 0.25])) for x in (real, made)]
    ratio = widths[1] / widths[0] if widths[0] > 0 else np.inf
    parts = []
    if abs(above - 0.5) > 0.08:
        parts.append("higher" if above > 0.5 else "lower")
    if not 0.75 <= ratio <= 1.33:
        parts.append("more varied" if ratio > 1 else "less varied")
    strength = "nearly alike: slightly" if distance <= ALIKE else "far apart:" * (distance > APART)
    return f"{strength} {' and '.join(parts) or 'of another shape'}".strip()


def reduced(image: np.ndarray, mask: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Image and mask with a longer side of `side` pixels, smoothed first; in both all is kept.

    A pixel of the result is in the mask where more than half of what it stands for is.

    Args:
        image: (C, H, W).
        mask: (H, W), above 0 in the region.
        side: of the result, in pixels.
    """
    from skimage.transform import resize

    image, cover = np.asarray(image, np.float32), (np.asarray(mask) > 0).astype(np.float32)[None]
    share = side / max(cover.shape)
    shape = tuple(max(1, round(share * n)) for n in cover.shape[1:])
    # Whole blocks are averaged first: quick, and the rest is no more than about a halving.
    block = max(1, int(0.5 / share))
    image, cover = (_blocks(part, block) for part in (image, cover))
    small, cover = (
        resize(part, (len(part), *shape), anti_aliasing=share < 1) for part in (image, cover)
    )
    return small, cover[0] > 0.5


def table(rows: list[Mapping[str, float]]) -> pd.DataFrame:
    """Numbers of several images, a row an image."""
    return pd.DataFrame(list(rows))


def _quartiles(values: np.ndarray) -> str:
    low, middle, high = (f"{v:.3g}" for v in np.quantile(values, [0.25, 0.5, 0.75]))
    return f"{middle} ({low} to {high})"


def _grown(mask: np.ndarray, steps: int) -> np.ndarray:
    """All that lies within so many pixels, in turns of a cross and a square: nearly a disc."""
    for step in range(steps):
        mask = binary_dilation(mask, np.ones((3, 3), bool) if step % 2 else None)
    return mask


def _blocks(image: np.ndarray, block: int) -> np.ndarray:
    """(C, H, W) averaged over blocks of pixels; what fills no block at the end is left out."""
    channels, height, width = len(image), *(n // block for n in image.shape[1:])
    cut = image[:, : height * block, : width * block]
    return cut.reshape(channels, height, block, width, block).mean((2, 4))


def _mean(values: np.ndarray, where: np.ndarray) -> float:
    return float(values[where].mean()) if where.any() else np.nan


def _check(image: np.ndarray, mask: np.ndarray) -> None:
    if np.ndim(image) != 3 or len(image) not in (1, 3) or np.shape(image)[1:] != mask.shape:
        raise ValueError(
            "wanted an image (1, H, W) or (3, H, W) and a mask (H, W) of the same size; got "
            f"{np.shape(image)} and {mask.shape}"
        )
