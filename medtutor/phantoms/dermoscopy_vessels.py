"""Vessels and hairs of the dermoscopy phantom: curves drawn as chains of strokes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from medtutor.phantoms.dermoscopy_shapes import ANGLES, Grid, Lesion, strokes

# Each kind: how many in a lesion, segments, length of a segment in mm, mean and deviation of the
# turn from one segment to the next in radian, half width in mm, blood in it (volume fraction).
KINDS: dict[str, tuple[int, int, float, float, float, float, float]] = {
    "arborizing": (5, 8, 0.40, 0.00, 0.25, 0.085, 0.06),
    "comma": (14, 4, 0.16, 0.35, 0.10, 0.075, 0.05),
    "hairpin": (12, 7, 0.16, 0.45, 0.05, 0.055, 0.05),
    "dotted": (34, 1, 0.00, 0.00, 0.00, 0.100, 0.05),
    "linear": (9, 6, 0.26, 0.00, 0.60, 0.060, 0.05),
}
"""Sizes are choices, larger than life so that 64 pixels show them."""
MOST = max(kind[0] for kind in KINDS.values())
LONGEST = max(kind[1] for kind in KINDS.values())
HAIRS, HAIR_SEGMENTS, HAIR_REACH_MM = 48, 12, 14.0
"""Most hairs, on a square of twice the reach; `hair_number` is how many of them fall on 16 mm."""


def vessels(factors: pd.DataFrame, lesion: Lesion, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Blood fraction of each image's vessels (N, 1, 1), and the share of pixels they cover."""
    cover = np.zeros(grid.shape, np.float32)
    red = np.zeros((len(factors), 1, 1), np.float32)
    seen = factors["vascular_structures"].to_numpy() > 0
    for name, (number, segments, step, bend, spread, width, blood) in KINDS.items():
        rows = np.flatnonzero(seen & (factors["vessel_kind"] == name).to_numpy())
        if not len(rows):
            continue
        draw = _draw(factors["lesion_seed"].iloc[rows], 13, (4, MOST))[:, :, :number]
        wiggle = _draw(factors["lesion_seed"].iloc[rows], 14, (MOST, LONGEST))
        own = Lesion(lesion.outline[rows], factors.iloc[rows])
        # Regular kinds lie all over the lesion, irregular ones about one place.
        middle = factors["vessel_angle"].to_numpy()[rows, None] * (ANGLES / (2 * np.pi))
        loose = 140.0 if name in ("arborizing", "comma", "hairpin") else 50.0
        turn = middle + loose * draw[:, 0]
        x, y = own.on_skin(np.clip(0.5 + 0.2 * draw[:, 1], 0.05, 0.9), turn)
        side = np.where(draw[:, 3] > 0, 1, -1)[..., None]
        heading = 2 * np.pi * draw[:, 2, :, None] + np.cumsum(
            side * bend + spread * wiggle[:, :number, :segments], axis=2
        )
        path = _path(x, y, heading, step)  # (R, number, segments + 1, 2)
        image = np.broadcast_to(rows[:, None, None], path.shape[:2] + (segments,))
        radius = np.full(image.shape, width)
        if name == "arborizing":  # trunks grow thinner and send a branch from their middle
            radius = width * np.broadcast_to(np.linspace(1.1, 0.45, segments), image.shape)
            root = path[:, :, segments // 2]
            away = heading[..., segments // 2 :] + 0.8 * side
            twig = _path(root[..., 0], root[..., 1], away, 0.7 * step)
            _add(cover, image[..., : away.shape[-1]], twig, np.full(away.shape, 0.5 * width), grid)
        _add(cover, image, path, radius, grid)
        red[rows] = blood
    return red, cover


def hairs(factors: pd.DataFrame, grid: Grid) -> np.ndarray:
    """Share of each pixel under hair, (N, H, W)."""
    cover = np.zeros(grid.shape, np.float32)
    rows = np.flatnonzero(factors["hair"] > 0)
    if not len(rows):
        return cover
    seeds, some = factors["artefact_seed"].iloc[rows], factors.iloc[rows]
    place = np.stack([
        np.random.default_rng((int(seed), 20)).uniform(-1, 1, (2, HAIRS)) for seed in seeds
    ])  # fmt: skip
    draw = _draw(seeds, 21, (4, HAIRS))
    x, y = place[:, 0] * HAIR_REACH_MM, place[:, 1] * HAIR_REACH_MM
    lean = 2 * np.pi * draw[:, 3, :1]
    curl = (0.07 * draw[:, 1])[..., None] * np.arange(HAIR_SEGMENTS)
    heading = (lean + 0.7 * draw[:, 0])[..., None] + curl
    step = 0.55 * np.exp(0.35 * draw[:, 2])
    path = _path(x, y, heading, step[..., None])
    number = some["hair_number"].to_numpy()[:, None] * (2 * HAIR_REACH_MM / 16) ** 2
    used = np.arange(HAIRS) < number
    image = np.broadcast_to(rows[:, None, None], used.shape + (HAIR_SEGMENTS,))
    radius = np.broadcast_to(some["hair_mm"].to_numpy()[:, None, None], image.shape)
    _add(cover, image[used], path[used], radius[used], grid)
    return cover


def _draw(seeds: pd.Series, stream: int, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal numbers (N, *shape), each image's from its own seed."""
    return np.stack([
        np.random.default_rng((int(seed), stream)).standard_normal(shape) for seed in seeds
    ])  # fmt: skip


def _path(
    x: np.ndarray, y: np.ndarray, heading: np.ndarray, step: float | np.ndarray
) -> np.ndarray:
    """Corners (..., S + 1, 2) of the way from (x, y) along S headings."""
    moves = np.stack([np.cos(heading), np.sin(heading)], axis=-1) * np.asarray(step)[..., None]
    start = np.stack([x, y], axis=-1)[..., None, :]
    return np.concatenate([start, start + np.cumsum(moves, axis=-2)], axis=-2)


def _add(
    cover: np.ndarray, image: np.ndarray, path: np.ndarray, radius: np.ndarray, grid: Grid
) -> None:
    """Draw chains into the cover."""
    drawn = strokes(image.ravel(), path[..., :-1, :].reshape(-1, 2),
                    path[..., 1:, :].reshape(-1, 2), radius.ravel(), grid)  # fmt: skip
    np.maximum(cover, drawn, out=cover)
