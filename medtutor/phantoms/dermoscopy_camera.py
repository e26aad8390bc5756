"""Between skin and picture of the dermoscopy phantom: hair, instruments, lens, sensor.

And a camera without a dermatoscope.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from medtutor.phantoms.dermoscopy_shapes import Grid, grid_of, smooth_noise, strokes
from medtutor.phantoms.dermoscopy_vessels import hairs

DARK_HAIR, FAIR_HAIR = np.array([0.035, 0.025, 0.02]), np.array([0.42, 0.30, 0.16])
BUBBLES = 14


def covered(light: np.ndarray, factors: pd.DataFrame, grid: Grid) -> np.ndarray:
    """Light of the skin (N, 3, H, W) under hair."""
    cover = hairs(factors, grid)[:, None]
    dark = factors["hair_dark"].to_numpy()[:, None]
    colour = (dark * DARK_HAIR + (1 - dark) * FAIR_HAIR).astype(np.float32)[:, :, None, None]
    return light + cover * (colour - light)


def instruments(light: np.ndarray, factors: pd.DataFrame, grid: Grid) -> np.ndarray:
    """With gel bubbles, a ruler, a colour sticker and the dark corners of a round tube."""
    half = factors["field_mm"].to_numpy() / 2
    light = light.copy()
    rows = np.flatnonzero(factors["bubbles"] > 0)
    if len(rows):
        light += _bubbles(factors, grid, rows, half)[:, None]
    rows = np.flatnonzero(factors["ruler"] > 0)
    if len(rows):
        mark = _ruler(factors.iloc[rows], _rows(grid, rows), half[rows])[:, None]
        light[rows] += mark * (np.float32(0.03) - light[rows])
    rows = np.flatnonzero(factors["sticker"] > 0)
    if len(rows):
        some, part = factors.iloc[rows], _rows(grid, rows)
        far, angle = some["sticker_far"].to_numpy() * half[rows], some["sticker_angle"].to_numpy()
        x = part.x[:, None, :] - (far * np.cos(angle))[:, None, None]
        y = part.y[:, :, None] - (far * np.sin(angle))[:, None, None]
        inside = 0.45 * half[rows][:, None, None] - np.hypot(x, y)
        share = np.clip(inside / part.pixel[:, None, None] + 0.5, 0, 1)[:, None]
        hue = some["sticker_hue"].to_numpy()[:, None] + np.array([0, 1 / 3, 2 / 3])
        colour = (0.32 + 0.28 * np.cos(2 * np.pi * hue))[:, :, None, None]
        light[rows] += share * (colour - light[rows])
    rows = np.flatnonzero(factors["corners"] > 0)
    if len(rows):
        part = _rows(grid, rows)
        radius = np.hypot(part.x[:, None, :], part.y[:, :, None]) / half[rows][:, None, None]
        dark = np.clip((radius - factors["corner_far"].to_numpy()[rows, None, None]) / 0.08, 0, 1)
        light[rows] *= 1 - 0.97 * dark[:, None]
    return light


def photographed(light: np.ndarray, factors: pd.DataFrame, grid: Grid) -> np.ndarray:
    """Through lens and sensor: (N, 3, H, W) float32 in [0, 1].

        v = clip((e L_c (1 - a r^2 / r_corner^2) I_c) * lens, 0, 1)^(1 / gamma) + n

    with e `exposure`, L `light_...`, a `vignette`, lens a Gaussian of `blur_mm`, and n white noise,
    each image's from its own seed.
    """
    column = lambda name: factors[name].to_numpy(np.float32)[:, None, None]  # noqa: E731
    far = grid.x[:, None, :] ** 2 + grid.y[:, :, None] ** 2
    fall = column("exposure") * (1 - column("vignette") * far / far.max((1, 2), keepdims=True))
    out = np.empty_like(light)
    for i in range(len(light)):
        gain = factors[["light_red", "light_green", "light_blue"]].to_numpy(np.float32)[i]
        width = factors["blur_mm"].to_numpy()[i] / grid.pixel[i]
        seen = gaussian_filter(light[i] * (gain[:, None, None] * fall[i]), (0, width, width),
                               mode="nearest", truncate=3.0)  # fmt: skip
        out[i] = np.clip(seen, 0, 1)
    out **= 1 / column("gamma")[:, None]
    noise = np.stack([
        np.random.default_rng((int(seed), 30)).standard_normal(out.shape[1:], np.float32)
        for seed in factors["noise_seed"]
    ])  # fmt: skip
    return np.clip(out + column("noise")[:, None] * noise, 0, 1)


def from_afar(
    light: np.ndarray, mask: np.ndarray, depth: np.ndarray, factors: pd.DataFrame, grid: Grid
) -> tuple[np.ndarray, np.ndarray]:
    """Skin as a camera sees it that neither touches it nor filters its gloss; image and mask.

    The lesion is raised by its elevation, lit from the side (Lambert's cosine) and glossy
    (Blinn-Phong), all of the surface returns a share of white light (Fresnel), and the skin is
    tilted: its point (x, y), y along the tilt, is seen at (x, y) / (1 - t y), and what is nearer
    is larger; then all is enlarged by 1 / (1 - sqrt(2) t), so that the corners stay in the field.

    Args:
        light: (N, 3, H, W) from below the surface.
        mask: (N, H, W) bool, the lesion.
        depth: (N, H, W), 1 in the lesion's centre falling to 0 at the outline and outside.
        factors: `elevation`, `tilt`, `tilt_angle`, `glare`, `field_mm`.
        grid: of the clinical view.
    """
    column = lambda name: factors[name].to_numpy(np.float32)[:, None, None]  # noqa: E731
    height = factors["elevation"].map({"flat": 0.0, "palpable": 0.5, "nodular": 1.6})
    rise = height.to_numpy(np.float32)[:, None, None] * np.sqrt(np.clip(depth, 0, 1) + 0.02)
    rise += 0.05 * _relief(factors, grid)
    pixel = grid.pixel.astype(np.float32)[:, None, None]
    gy, gx = np.gradient(gaussian_filter(rise, (0, 0.7, 0.7)), axis=(1, 2))
    gy, gx = gy / pixel, gx / pixel
    norm = np.sqrt(1 + gx**2 + gy**2)
    side = column("tilt_angle")
    toward = np.stack([0.5 * np.cos(side), 0.5 * np.sin(side), np.full_like(side, 0.87)])
    cosine = (toward[2] - gx * toward[0] - gy * toward[1]) / norm
    halfway = toward + np.array([0, 0, 1], np.float32)[:, None, None, None]
    halfway = halfway / np.sqrt((halfway**2).sum(0))
    gloss = np.clip((halfway[2] - gx * halfway[0] - gy * halfway[1]) / norm, 0, 1) ** 30
    across = grid.x[:, None, :] * toward[0] + grid.y[:, :, None] * toward[1]
    across /= np.abs(across).max((1, 2), keepdims=True)
    shade = (np.clip(cosine / toward[2], 0.3, 1.5) * (1 - 0.25 * across))[:, None]
    seen = light * shade + (0.03 + column("glare") * 0.5 * gloss)[:, None]
    return _tilted(seen, mask, factors, grid)


def _relief(factors: pd.DataFrame, grid: Grid) -> np.ndarray:
    """Fine unevenness of the skin's surface, of unit variance: it makes gloss glint."""
    lattice = np.stack([
        np.random.default_rng((int(seed), 40)).standard_normal((1, 32, 32), np.float32)
        for seed in factors["skin_seed"]
    ])  # fmt: skip
    return smooth_noise(lattice, 0.9, grid)[0]


def _tilted(
    seen: np.ndarray, mask: np.ndarray, factors: pd.DataFrame, grid: Grid
) -> tuple[np.ndarray, np.ndarray]:
    """Seen in perspective: each pixel's place on the skin, and the four pixels around it."""
    column = lambda name: factors[name].to_numpy(np.float32)[:, None, None]  # noqa: E731
    count, _, rows, columns = seen.shape
    half = column("field_mm") * np.float32(CLINICAL_FIELD / 2)
    cos, sin = np.cos(column("tilt_angle")), np.sin(column("tilt_angle"))
    x, y = grid.x[:, None, :], grid.y[:, :, None]
    scale = 1 / (1 + column("tilt") / half * (cos * x + sin * y))
    scale *= 1 - np.float32(np.sqrt(2)) * column("tilt")  # the corners stay in the field
    pixel = grid.pixel.astype(np.float32)[:, None, None]
    i = np.clip(y * scale / pixel + (rows - 1) / 2, 0, rows - 1.001)
    j = np.clip(x * scale / pixel + (columns - 1) / 2, 0, columns - 1.001)
    top, left = i.astype(np.int64), j.astype(np.int64)
    down, right = (i - top)[:, None], (j - left)[:, None]
    stack = np.concatenate([seen, mask[:, None].astype(np.float32)], axis=1)
    stack = np.moveaxis(stack, 1, 3)  # (N, H, W, 4): the four channels of a pixel lie together
    n = np.arange(count)[:, None, None]
    corner = lambda a, b: np.moveaxis(stack[n, top + a, left + b], 3, 1)  # noqa: E731
    upper = corner(0, 0) * (1 - right) + corner(0, 1) * right
    lower = corner(1, 0) * (1 - right) + corner(1, 1) * right
    warped = upper * (1 - down) + lower * down
    return np.ascontiguousarray(warped[:, :3]), warped[:, 3] > 0.5


CLINICAL_FIELD = 2.6
"""Field of the clinical view in fields of the dermoscopic one, before the tilt cuts its sides."""


def clinical_grid(factors: pd.DataFrame, size: tuple[int, int]) -> Grid:
    """Pixels of the clinical view."""
    return grid_of(factors["field_mm"].to_numpy() * CLINICAL_FIELD, size)


def _rows(grid: Grid, rows: np.ndarray) -> Grid:
    return Grid(grid.x[rows], grid.y[rows], grid.pixel[rows])


def _bubbles(
    factors: pd.DataFrame, grid: Grid, rows: np.ndarray, half: np.ndarray
) -> np.ndarray:
    """Light that bubbles add: a bright rim and a highlight."""
    draw = np.stack([
        np.random.default_rng((int(seed), 22)).random((3, BUBBLES))
        for seed in factors["artefact_seed"].iloc[rows]
    ])  # fmt: skip
    used = np.arange(BUBBLES) < factors["bubble_number"].to_numpy()[rows, None]
    at = (2 * draw[:, :2] - 1) * half[rows, None, None]
    at = np.moveaxis(at, 1, 2)[used]
    radius = (0.15 + 0.55 * draw[:, 2] ** 2)[used]
    image = np.broadcast_to(rows[:, None], used.shape)[used]
    outer = strokes(image, at, at, radius, grid)
    inner = strokes(image, at, at, 0.72 * radius, grid)
    spot = at - 0.35 * radius[:, None]
    shine = strokes(image, spot, spot, 0.28 * radius, grid)
    return np.float32(0.22) * np.clip(outer - inner, 0, 1) + np.float32(0.6) * shine


def _ruler(factors: pd.DataFrame, grid: Grid, half: np.ndarray) -> np.ndarray:
    """Share of each pixel under the marks of a ruler: a line, a tick each mm, long ones each 5."""
    angle = factors["ruler_angle"].to_numpy(np.float32)[:, None, None]
    x, y = grid.x[:, None, :], grid.y[:, :, None]
    pixel = grid.pixel.astype(np.float32)[:, None, None]
    across = np.cos(angle) * x + np.sin(angle) * y - (
        factors["ruler_far"].to_numpy() * half
    ).astype(np.float32)[:, None, None]  # fmt: skip
    along = np.cos(angle) * y - np.sin(angle) * x
    reach = (0.6 * half).astype(np.float32)[:, None, None]

    def bar(distance: np.ndarray, width: float) -> np.ndarray:
        r = width / 2 / pixel
        thin = np.minimum(r, 0.5)
        share = np.clip(r - np.abs(distance) / pixel + 0.5, 0, 1)
        return share * (2 * thin / (thin + 0.5) ** 2)

    nearest = np.round(along)
    long = np.where(nearest % 5 == 0, np.float32(1.1), np.float32(0.6))
    tick = bar(along - nearest, 0.12) * ((across > 0) & (across < long))
    return np.maximum(tick, bar(across, 0.12)) * (np.abs(along) < reach)
