"""What lies in the skin of the dermoscopy phantom: pigment and the structures of the criteria."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from medtutor.phantoms.dermoscopy_optics import Layers
from medtutor.phantoms.dermoscopy_shapes import (
    ANGLES,
    Grid,
    Lesion,
    lesion_of,
    smooth_noise,
    strokes,
)
from medtutor.phantoms.dermoscopy_vessels import vessels

STRUCTURES = ("network", "globules", "streaks", "veil", "regression", "vessels")
"""Order of the structures' maps: network, veil and regression as areas, the others as they are."""
MOST_GLOBULES, MOST_STREAKS = 48, 30
# Lattices of the noise: (number of fields, knots a side, mm between knots).
COARSE, MIDDLE, FINE = (3, 16, 1.4), (4, 32, 0.55), (2, 64, 0.24)
SKIN = ((2, 16, 2.2), (2, 32, 0.7))


@dataclass(frozen=True)
class Tissue:
    """Layers, the lesion's mask (N, H, W) bool, and a map of each of `STRUCTURES`, (N, 6, H, W)."""

    layers: Layers
    mask: np.ndarray
    maps: np.ndarray


def tissue(factors: pd.DataFrame, grid: Grid) -> Tissue:
    """The skin of each image with its lesion."""
    lesion = lesion_of(factors)
    share, turn, depth = lesion.own_frame(grid)
    mask = share < 1
    skin = [field for kind in SKIN for field in _noise(factors["skin_seed"], kind, grid)]
    coarse, middle, fine = (_noise(factors["lesion_seed"], kind, grid)
                            for kind in (COARSE, MIDDLE, FINE))  # fmt: skip
    column = lambda name: factors[name].to_numpy(np.float32)[:, None, None]  # noqa: E731
    level = lambda name, wanted: column(name) == wanted  # noqa: E731
    angle = turn * np.float32(2 * np.pi / ANGLES)
    u, v = share * np.cos(angle), share * np.sin(angle)

    def spot(name: str, far: np.ndarray, size: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Share of a ragged spot of the lesion, at a direction, a distance and of a size."""
        at = column(name)
        away = np.hypot(u - far * np.cos(at), v - far * np.sin(at)) / size
        return _smooth((1.0 - away + 0.3 * noise) * 1.6) * np.clip(depth / 0.4, 0, 1)

    # Pigment of the lesion: even, then its structures.
    radius = column("diameter_mm") / 2
    border = np.minimum(column("border_mm"), 0.7 * radius)
    retreat, streak = _streaks(factors, lesion, grid)
    back = 0.22 * radius * lesion.at_direction(retreat, turn)
    edge = _smooth((depth - back + 0.35 * border) / (1.35 * border))
    side = np.cos(angle - column("pigment_angle")) * np.minimum(share, 1)
    uneven = 0.32 * coarse[0] + 0.24 * middle[0] + column("unevenness") * side
    pigment = column("melanin") * np.exp(uneven) * edge
    network, lines = _network(factors, grid, coarse[1], middle[1:3], depth)
    pigment *= 1 - network + network * lines
    regular = level("pigmentation", 1) * np.clip((0.55 - share + 0.1 * coarse[2]) * 4, 0, 1)
    blotch = level("pigmentation", 2) * np.maximum(
        spot("blotch_angle", column("blotch_far"), np.float32(0.36), middle[3]),
        spot("pigment_angle", np.float32(0.6), np.float32(0.24), coarse[2]),
    )
    pigment *= 1 + 1.0 * regular + 1.8 * blotch
    globules = _globules(factors, lesion, grid) * mask
    dots = level("dots_and_globules", 2)
    pigment += globules * column("melanin") * np.where(dots, 1.8, 1.1)
    pigment += streak * column("melanin") * 1.6
    # What replaces pigment: veil, regression.
    veil = level("blue_whitish_veil", 1) * spot(
        "veil_angle", column("veil_far"), column("veil_size"), coarse[1]
    )
    scar = level("regression_structures", 1) * spot(
        "regression_angle", column("regression_far"), column("regression_size"), coarse[2]
    )
    scar = scar * (1 - veil)
    pigment *= (1 - 0.88 * veil) * (1 - 0.8 * scar)
    pepper = column("peppering") * scar * np.clip(fine[0] - 0.5, 0, 1)
    red, vessel = vessels(factors, lesion, grid)
    vessel *= mask
    # Healthy skin, and all together.
    freckle = column("freckles") * _smooth(0.6 * (skin[1] + 0.5 * skin[2] - 0.9)) * (share > 1)
    own = column("skin_melanin")
    patchy = 0.3 * np.sqrt(np.minimum(0.025 / own, 1))  # dark skin is more even
    healthy = own * np.exp(patchy * (skin[1] + 0.7 * skin[2])) + 0.10 * freckle
    mottled = column("skin_blood") * np.exp(column("mottling") * (skin[0] + 0.7 * skin[3]))
    scale = np.clip(column("keratin") * (0.1 + 0.35 * middle[3] + 0.25 * fine[1]), 0, 0.6)
    layers = Layers(
        melanin=np.minimum(healthy * (1 - 0.5 * scar) + pigment, 0.9),
        blood=mottled + column("blood") * edge * np.exp(0.3 * coarse[2]) + red * vessel,
        collagen=0.022 * veil + 0.018 * scar,
        deep=0.11 * veil * np.exp(0.5 * middle[0]) + 0.20 * pepper,
        keratin=scale * edge,
    )
    maps = np.stack([network > 0.5, globules > 0.4, streak * mask > 0.4, veil > 0.5, scar > 0.5,
                     vessel > 0.4], axis=1)  # fmt: skip
    return Tissue(layers, mask, maps)


def _network(
    factors: pd.DataFrame, grid: Grid, patches: np.ndarray, warp: np.ndarray, depth: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where the network is (a share), and its lines: how much pigment, 1 about the mean.

    A honeycomb, h = sum of three cosines at 120 degrees: light where h is high, lines between.
    Typical: even, fading towards the border. Atypical: bent, lines of unequal width, in patches
    that end abruptly.
    """
    column = lambda name: factors[name].to_numpy(np.float32)[:, None, None]  # noqa: E731
    level = column("pigment_network")
    odd = level == 2
    wander = np.where(odd, np.float32(0.20), np.float32(0.09))
    x = grid.x[:, None, :] + wander * warp[0]
    y = grid.y[:, :, None] + wander * warp[1]
    wave = np.float32(4 * np.pi / np.sqrt(3)) / column("network_mm")
    h = sum(
        np.cos(wave * (np.cos(a) * x + np.sin(a) * y))
        for a in (column("network_angle") + np.float32(2 * np.pi * k / 3) for k in range(3))
    )
    line = np.clip((0.9 + np.where(odd, 0.8, 0.35) * patches - h) / 1.6, 0, 1)
    there = np.where(odd, np.clip((patches + 0.7) * 3, 0, 1) * np.clip(depth / 0.2, 0, 1),
                     np.clip(depth / 1.0, 0, 1))  # fmt: skip
    lines = np.where(odd, 0.35 + 1.25 * line, 0.55 + 0.80 * line)
    return there * (level > 0), lines


def _globules(factors: pd.DataFrame, lesion: Lesion, grid: Grid) -> np.ndarray:
    """Share of each pixel under a globule.

    Regular: equal and evenly spread (a sunflower's order). Irregular: unequal, towards one side.
    """
    rows = np.flatnonzero(factors["dots_and_globules"] > 0)
    draw = _normal(factors["lesion_seed"], 11, (4, MOST_GLOBULES))
    number = factors["globule_number"].to_numpy()[:, None]
    k = np.arange(MOST_GLOBULES)
    even = (k * (3 - np.sqrt(5)) / 2 + 0.02 * draw[:, 0]) * ANGLES
    heap = factors["pigment_angle"].to_numpy()[:, None] * (ANGLES / (2 * np.pi))
    heaped = heap + 55 * draw[:, 0]
    irregular = (factors["dots_and_globules"] == 2).to_numpy()[:, None]
    share = np.where(irregular, np.clip(0.58 + 0.24 * draw[:, 1], 0.05, 0.92),
                     0.90 * np.sqrt((k + 0.5) / number) + 0.01 * draw[:, 1])  # fmt: skip
    x, y = lesion.on_skin(share, np.where(irregular, heaped, even))
    width = np.where(irregular, 0.16 * np.exp(0.45 * draw[:, 2]), 0.17 * np.exp(0.08 * draw[:, 2]))
    used = np.zeros(x.shape, bool)
    used[rows] = (k < number)[rows] & (share[rows] < 0.95)
    at = np.stack([x, y], axis=-1)[used]
    return strokes(np.nonzero(used)[0], at, at, np.minimum(width, 0.45)[used], grid)


def _streaks(
    factors: pd.DataFrame, lesion: Lesion, grid: Grid
) -> tuple[np.ndarray, np.ndarray]:
    """Where the even pigment draws back, (N, ANGLES) in [0, 1], and what stands there instead.

    That is the share of each pixel under streaks. Regular ones stand all round, irregular ones in
    a sector, of unequal length.
    """
    level = factors["streaks"].to_numpy()[:, None]
    draw = _normal(factors["lesion_seed"], 12, (3, MOST_STREAKS))
    middle = factors["streak_angle"].to_numpy()[:, None] * (ANGLES / (2 * np.pi))
    away = np.abs((np.arange(ANGLES) - middle + ANGLES / 2) % ANGLES - ANGLES / 2)
    half = 65.0  # degrees to each side of an irregular sector
    retreat = np.where(level == 2, np.clip((half + 12 - away) / 24, 0, 1), level > 0)
    even = (np.arange(MOST_STREAKS) + 0.15 * draw[:, 0]) * (ANGLES / MOST_STREAKS)
    turn = np.where(level == 2, middle + half * np.tanh(draw[:, 0]), even + middle)
    start = np.where(level == 2, 0.74 + 0.05 * draw[:, 1], 0.74)
    end = np.where(level == 2, np.clip(0.97 + 0.06 * draw[:, 2], start + 0.08, 0.99), 0.97)
    used = np.broadcast_to(level > 0, turn.shape) & (
        (np.arange(MOST_STREAKS) < 18) | (level == 1)
    )
    first = np.stack(lesion.on_skin(start, turn), axis=-1)[used]
    last = np.stack(lesion.on_skin(end, turn + np.where(level == 2, 3 * draw[:, 2], 0)), axis=-1)
    width = np.where(level == 2, 0.11 * np.exp(0.25 * draw[:, 1]), 0.10)
    return retreat, strokes(np.nonzero(used)[0], first, last[used], width[used], grid)


def _noise(seeds: pd.Series, kind: tuple[int, int, float], grid: Grid) -> list[np.ndarray]:
    """Fields of smooth noise, each (N, H, W), the same on the skin at any resolution."""
    fields, knots, cell = kind
    return list(smooth_noise(_normal(seeds, knots, (fields, knots, knots)), cell, grid))


def _normal(seeds: pd.Series, stream: int, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal numbers (N, *shape), each image's from its own seed."""
    return np.stack([
        np.random.default_rng((int(seed), stream)).standard_normal(shape, np.float32)
        for seed in seeds
    ])  # fmt: skip


def _smooth(ramp: np.ndarray) -> np.ndarray:
    """0 below 0, 1 above 1, without corners between."""
    t = np.clip(ramp, 0, 1)
    return t * t * (3 - 2 * t)
