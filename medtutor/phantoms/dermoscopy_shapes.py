"""Geometry of the dermoscopy phantom: the lesion's own coordinates, smooth noise, thin strokes.

Lengths in mm on the skin, 0 in the middle of the field; x to the right, y down. Arrays are float32
and hold all images of a batch: (N, H, W).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from medtutor.phantoms.dermoscopy_scenes import ORDERS

_FRAME = ("centre_x_mm", "centre_y_mm", "angle", "aspect", "bend", "bend_angle",
          "diameter_mm")
WAVES = np.float32(1.5 * np.pi)
ANGLES = 360
"""Directions in which an outline is tabulated; between them it is linear."""


@dataclass(frozen=True)
class Grid:
    """Where the pixels' centres lie: x (N, W), y (N, H), and the pixels' size (N,), all in mm."""

    x: np.ndarray
    y: np.ndarray
    pixel: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int]:
        """(N, H, W)."""
        return (len(self.pixel), self.y.shape[1], self.x.shape[1])


def grid_of(field_mm: np.ndarray, size: tuple[int, int]) -> Grid:
    """Pixels of images whose longest side is `field_mm` (N,) on the skin."""
    pixel = field_mm / max(size)
    y, x = ((np.arange(side) + 0.5 - side / 2) * pixel[:, None] for side in size)
    return Grid(x.astype(np.float32), y.astype(np.float32), pixel)


@dataclass(frozen=True)
class Lesion:
    """Outlines of a batch, and what turns their own frame into the skin's.

    `outline` (N, ANGLES) is r(t) in mm for each of `ANGLES` directions. In the own frame (u, v) the
    lesion is r < r(t). On the skin it is stretched, bent and turned:

        along = u sqrt(q),  across = v / sqrt(q) - b R sin(3 pi/2 u / R + p),

    q `aspect`, b `bend`, p `bend_angle`, R half of `diameter_mm`, along and across at `angle` to
    the skin's axes. None of this changes the area, pi R^2. With b = 0 the outline is star-shaped
    about the centre.
    """

    outline: np.ndarray
    factors: pd.DataFrame

    def own_frame(self, grid: Grid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Share, direction and depth of each pixel, (N, H, W).

        Share is r over r(t), 0 in the centre and 1 on the outline; the direction is a place in the
        table; the depth is in mm, r(t) - r, above 0 inside.
        """
        column = self._columns
        dx = grid.x[:, None, :] - column("centre_x_mm")
        dy = grid.y[:, :, None] - column("centre_y_mm")
        cos, sin = np.cos(column("angle")), np.sin(column("angle"))
        q, b, radius = column("aspect"), column("bend"), column("diameter_mm") / 2
        u = (cos * dx + sin * dy) / np.sqrt(q)
        across = cos * dy - sin * dx
        if b.any():
            across += b * radius * np.sin(WAVES * u / radius + column("bend_angle"))
        v = across * np.sqrt(q)
        turn = np.arctan2(v, u) * np.float32(ANGLES / (2 * np.pi)) % ANGLES
        distance = np.hypot(u, v)
        out = self.at_direction(self.outline, turn)
        return distance / out, turn, out - distance

    def at_direction(self, table: np.ndarray, turn: np.ndarray) -> np.ndarray:
        """A table (N, ANGLES) read at directions (N, ...) in [0, ANGLES), linear between."""
        table = np.concatenate([table, table[:, :2]], axis=1).astype(np.float32)
        low = turn.astype(np.int32)
        part = turn - low
        row = np.arange(len(table), dtype=np.int32) * table.shape[1]
        flat, low = table.ravel(), low + row.reshape(-1, *[1] * (turn.ndim - 1))
        left = flat[low]
        return left + part * (flat[low + 1] - left)

    def on_skin(self, share: np.ndarray, turn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where points (N, M) lie, x and y in mm, by share and direction as in `own_frame`."""
        turn = turn % ANGLES
        r = share * self.at_direction(self.outline, turn)
        angle = turn * (2 * np.pi / ANGLES)
        column = {name: self.factors[name].to_numpy()[:, None] for name in _FRAME}.__getitem__
        q, b, radius = column("aspect"), column("bend"), column("diameter_mm") / 2
        u = r * np.cos(angle)
        along = u * np.sqrt(q)
        wave = np.sin(WAVES * u / radius + column("bend_angle"))
        across = r * np.sin(angle) / np.sqrt(q) - b * radius * wave
        cos, sin = np.cos(column("angle")), np.sin(column("angle"))
        return (column("centre_x_mm") + cos * along - sin * across,
                column("centre_y_mm") + sin * along + cos * across)  # fmt: skip

    def _columns(self, name: str) -> np.ndarray:
        return self.factors[name].to_numpy(np.float32)[:, None, None]


def lesion_of(factors: pd.DataFrame) -> Lesion:
    """Outlines r(t) = R exp(sum_h c_h cos(h t) + s_h sin(h t)) / norm, of area pi R^2."""
    angle = np.arange(ANGLES) * (2 * np.pi / ANGLES)
    basis = np.stack([f(h * angle) for h in ORDERS for f in (np.cos, np.sin)])  # (2 H, ANGLES)
    weights = factors[[f"wobble_{h}" for h in range(len(basis))]].to_numpy()
    bend = np.exp(weights @ basis)
    radius = factors["diameter_mm"].to_numpy()[:, None] / 2
    return Lesion(radius * bend / np.sqrt((bend**2).mean(1, keepdims=True)), factors)


def smooth_noise(lattice: np.ndarray, cell_mm: float, grid: Grid) -> np.ndarray:
    """Noise of unit variance and zero mean on the skin: a cubic B-spline with random coefficients.

    Args:
        lattice: (N, F, n, n) standard normal coefficients of F fields, repeated periodically.
        cell_mm: distance of the knots: the noise is smooth over about twice this length.
        grid: where it is wanted.

    Returns:
        (F, N, H, W).
    """
    knots = lattice.shape[-1]
    rows, columns = (_spline(axis / np.float32(cell_mm), knots) for axis in (grid.y, grid.x))
    fields = lattice.astype(np.float32, copy=False).swapaxes(0, 1)
    # The mean of the sum of a spline's squared weights is 0.4794 along each axis.
    return rows @ fields @ columns.transpose(0, 2, 1) / np.float32(0.4794)


def _spline(at: np.ndarray, knots: int) -> np.ndarray:
    """Weights (N, P, knots) of the periodic cubic B-spline at places (N, P), in cells."""
    weights = np.zeros((*at.shape, knots), np.float32)
    below = np.floor(at)
    t = at - below  # in [0, 1) from the knot below
    left = 1 - t
    four = (left * left * left / 6, 2 / 3 - t * t * (1 - t / 2),
            2 / 3 - left * left * (1 - left / 2), t * t * t / 6)  # fmt: skip
    for k, weight in enumerate(four):
        place = (below.astype(np.int64) + (k - 1)) % knots
        np.put_along_axis(weights, place[..., None], weight[..., None], axis=-1)
    return weights


def strokes(
    image: np.ndarray, start: np.ndarray, end: np.ndarray, radius: np.ndarray, grid: Grid
) -> np.ndarray:
    """Share of each pixel covered by round-ended strokes, (N, H, W) float32; dots where ends meet.

    A ramp one pixel wide around the edge; a stroke thinner than a pixel keeps its area: at distance
    d from its middle line it covers clip(r - d + 1/2, 0, 1), times 2 r / (r + 1/2)^2 where
    r < 1/2, which integrates to its width 2 r. Where strokes cross the larger share counts.

    Args:
        image: (M,) the image each stroke lies in.
        start: (M, 2) x and y of one end, in mm.
        end: (M, 2) of the other.
        radius: (M,) half of the width, in mm.
        grid: of the images.
    """
    count, height, width = grid.shape
    cover = np.zeros(count * height * width, np.float32)
    if not len(image):
        return cover.reshape(grid.shape)
    pixel = grid.pixel[image][:, None]
    middle = np.array([width / 2 - 0.5, height / 2 - 0.5])
    a, b, r = start / pixel + middle, end / pixel + middle, radius / pixel[:, 0]
    half = np.abs(b - a).max(1) / 2
    centre = np.round((a + b) / 2)
    reach = np.ceil(half + r + 1).astype(int)
    out = (centre < -reach[:, None]) | (centre > np.array([width, height]) - 1 + reach[:, None])
    kept = ~out.any(1)
    # Strokes of about equal length together, so that short ones do not pay for long ones.
    for size in np.unique(reach[kept]):
        some = kept & (reach == size)
        offset = np.arange(-size, size + 1, dtype=np.float32)
        ends, step = a[some], (b - a)[some]
        corner = centre[some]
        x = corner[:, :1] + offset  # (m, w)
        y = corner[:, 1:] + offset
        px = (x - ends[:, :1]).astype(np.float32)[:, None, :]
        py = (y - ends[:, 1:]).astype(np.float32)[:, :, None]
        ex, ey = (step[:, k].astype(np.float32)[:, None, None] for k in (0, 1))
        along = np.clip((px * ex + py * ey) / np.maximum(ex**2 + ey**2, 1e-9), 0, 1)
        distance = np.hypot(px - along * ex, py - along * ey)
        rr = r[some].astype(np.float32)[:, None, None]
        thin = np.minimum(rr, 0.5)
        share = np.clip(rr - distance + 0.5, 0, 1) * (2 * thin / (thin + 0.5) ** 2)
        inside = (x >= 0)[:, None, :] & (x < width)[:, None, :]
        inside = inside & ((y >= 0) & (y < height))[:, :, None] & (share > 0)
        place = (image[some][:, None, None] * height + y[:, :, None]) * width + x[:, None, :]
        np.maximum.at(cover, place[inside].astype(np.int64), share[inside])
    return cover.reshape(grid.shape)
