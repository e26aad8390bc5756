"""The tissue of the gland phantom: where glands, lumens, nuclei and fibres lie, before any stain.

Lengths in micrometres, 0 in the middle of the field; x to the right, y down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.ndimage import distance_transform_edt, gaussian_filter

from medtutor.phantoms.organ_shapes import harmonics

FIELD = 400.0
"""Length of the longest side of the field."""
WOBBLE = np.array([1.0, 1.0, 0.8, 0.8, 0.6, 0.6, 0.45, 0.45])  # of the outline, by harmonic
MOST_LUMENS = 5
WALL = 6.0  # least thickness of the epithelium between a lumen and what is outside its gland


@dataclass(frozen=True)
class Tissue:
    """One image's tissue, each (H, W).

    Attributes:
        instances: 0 outside glands, 1.. the number of the gland.
        regions: 0 stroma, 1 epithelium, 2 lumen.
        nuclei: share of each pixel that nuclei cover.
        haematoxylin, eosin: amounts of stain bound, 1 in a nucleus and about 0.5 in fibres.
    """

    instances: np.ndarray
    regions: np.ndarray
    nuclei: np.ndarray
    haematoxylin: np.ndarray
    eosin: np.ndarray


def draw_glands_of(rng: np.random.Generator, atypia: float) -> pd.DataFrame:
    """The glands of one image, placed on a jittered lattice: the more atypia, the less order."""
    radius = rng.uniform(34, 46) * (1 + 0.25 * atypia)
    step = 2.25 * radius
    turn, half = rng.uniform(0, np.pi / 3), FIELD / 2 + radius
    shift = rng.uniform(0, step, 2)
    count = int(np.ceil(1.5 * FIELD / step)) + 1
    i, j = np.meshgrid(*[np.arange(-count, count + 1)] * 2, indexing="ij")
    u, v = step * (i + 0.5 * (j % 2)).ravel() + shift[0], 0.87 * step * j.ravel() + shift[1]
    normal, even = rng.normal(size=(u.size, 11)), rng.random((u.size, 7))
    jitter = normal[:, :2] * step * (0.05 + 0.14 * atypia)
    x = np.cos(turn) * u - np.sin(turn) * v + jitter[:, 0]
    y = np.sin(turn) * u + np.cos(turn) * v + jitter[:, 1]
    bend = np.clip(normal[:, 2:10], -2, 2) * WOBBLE * (0.04 + 0.16 * atypia)
    # One lumen; more where the gland is cribriform.
    several = even[:, 1] < 0.9 * max(atypia - 0.45, 0)
    columns = {
        "x": x, "y": y, "radius": radius * np.exp(normal[:, 10] * (0.06 + 0.22 * atypia)),
        "aspect": 1 + 1.6 * even[:, 3] * (0.25 + 0.75 * atypia), "angle": np.pi * even[:, 4],
        "lumens": 1 + several * (1 + (3 * even[:, 2]).astype(int)),
        "lumen": 0.26 + 0.16 * even[:, 5] + 0.10 * atypia,
        "mucin": np.maximum((0.55 + 0.4 * even[:, 6]) * (1 - 1.5 * atypia), 0),
        **{f"wobble_{h}": bend[:, h] for h in range(len(WOBBLE))},
    }  # fmt: skip
    kept = (np.maximum(abs(x), abs(y)) < half) & (even[:, 0] > 0.05 + 0.25 * atypia)
    return pd.DataFrame(columns)[kept]


def tissue(factors: pd.Series, glands: pd.DataFrame, size: tuple[int, int], cells: int) -> Tissue:
    """The tissue of one image; `cells` is the number from which cells and fibres are drawn."""
    pixel = FIELD / max(size)
    rows, columns = ((np.arange(side) + 0.5 - side / 2) * pixel for side in size)
    best = np.full(size, -np.inf)
    instances = np.zeros(size, np.int64)
    lumen, mucin = np.zeros(size), np.zeros(size)
    basal = []  # (x, y, angle) of epithelial nuclei
    for gland in glands.itertuples():
        rng = np.random.default_rng((cells, int(gland.gland)))
        window, away, share = _inside(gland, rows, columns)
        basal.append(_basal_nuclei(gland, rng, float(factors["atypia"])))
        if not window:
            continue
        depth = (1 - share) * gland.radius
        mine = (depth > 0) & (depth > best[window])
        best[window] = np.maximum(best[window], depth)
        instances[window][mine] = gland.gland
        hollow = _lumens(gland, rng, away, share, pixel)
        lumen[window] = np.where(mine, hollow, lumen[window])
        mucin[window] = np.where(mine, _mucin(gland, rng, away, share, pixel), mucin[window])
    lumen *= _wall(instances, pixel)
    rng = np.random.default_rng((cells, 0))
    regions = np.where(instances > 0, np.where(lumen > 0.5, 2, 1), 0)
    stroma = _soften(instances == 0, pixel)
    cover = _epithelial_cover(basal, instances, lumen, size, pixel, factors)
    loose, round_cells = _stromal_nuclei(rng, factors, size, pixel)
    nuclei = np.maximum(cover, np.maximum(loose, round_cells) * (instances == 0))
    fibres = _fibres(rng, rows, columns, float(factors["fibre_angle"]))
    tears = _tears(rng, rows, columns, float(factors["tears"])) * stroma
    inside = 1 - stroma
    hollow = inside * np.maximum(lumen, 0.85 * mucin)
    eosin = stroma * (0.20 + 0.32 * fibres) + inside * (0.42 + 0.10 * factors["atypia"])
    eosin = eosin * (1 - hollow) * (1 - tears) * (1 - 0.5 * nuclei) + 0.03
    blue = inside * (0.16 + 0.14 * factors["atypia"]) + 0.05 * stroma
    haematoxylin = (blue * (1 - nuclei) + nuclei) * (1 - tears * (nuclei < 0.3))
    haematoxylin = haematoxylin * (1 - hollow * (1 - nuclei)) + 0.01
    return Tissue(instances, regions, nuclei, haematoxylin, eosin)


def _inside(
    gland: object, rows: np.ndarray, columns: np.ndarray
) -> tuple[tuple[slice, slice] | None, np.ndarray, np.ndarray]:
    """A window around the gland; offsets there in its own frame; distance over outline."""
    reach = 1.9 * gland.radius * np.sqrt(gland.aspect)
    spans = []
    for axis, at in ((rows, gland.y), (columns, gland.x)):
        first, last = np.searchsorted(axis, [at - reach, at + reach])
        spans.append(slice(int(first), int(last)))
    if any(span.stop <= span.start for span in spans):
        return None, np.empty(0), np.empty(0)
    dy, dx = np.meshgrid(rows[spans[0]] - gland.y, columns[spans[1]] - gland.x, indexing="ij")
    away = _own_frame(gland, dx, dy)
    return tuple(spans), away, np.hypot(*away) / (gland.radius * _bend(gland, away))


def _own_frame(gland: object, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """Offsets turned and squeezed so that the gland's ellipse is a circle of its radius."""
    along = np.cos(gland.angle) * dx + np.sin(gland.angle) * dy
    across = np.cos(gland.angle) * dy - np.sin(gland.angle) * dx
    root = np.sqrt(gland.aspect)
    return np.stack([across * root, along / root])


def _bend(gland: object, away: np.ndarray) -> np.ndarray:
    """The outline's radius over its mean in each direction."""
    weights = np.array([getattr(gland, f"wobble_{h}") for h in range(len(WOBBLE))])
    direction = away / (np.hypot(*away) + 1e-9)
    return np.exp(np.tensordot(weights, harmonics(direction), 1))


def _lumens(
    gland: object, rng: np.random.Generator, away: np.ndarray, share: np.ndarray, pixel: float
) -> np.ndarray:
    """1 in the cavities: one in the middle that follows the outline, or several apart."""
    if gland.lumens == 1:
        return _edge((gland.lumen - share) * gland.radius, pixel)
    angle = rng.uniform(0, 2 * np.pi) + np.linspace(0, 2 * np.pi, gland.lumens, endpoint=False)
    size = gland.radius * gland.lumen * rng.uniform(0.45, 0.75, MOST_LUMENS)
    out = np.zeros(share.shape)
    for a, r in zip(angle, size, strict=False):
        middle = 0.45 * gland.radius * np.array([np.sin(a), np.cos(a)])
        out = np.maximum(out, _edge(r - np.hypot(*(away - middle[:, None, None])), pixel))
    return out


def _wall(instances: np.ndarray, pixel: float) -> np.ndarray:
    """0 at the border of each gland, where its epithelium must be closed, and 1 inside."""
    border = np.zeros(instances.shape, bool)
    for axis in (0, 1):
        differs = np.diff(instances, axis=axis) != 0
        border |= np.insert(differs, 0, False, axis) | np.insert(
            differs, differs.shape[axis], False, axis
        )
    inward = distance_transform_edt(~border)  # in pixels
    return np.clip(inward - max(WALL / pixel, 1.5) + 0.5, 0, 1)


def _mucin(
    gland: object, rng: np.random.Generator, away: np.ndarray, share: np.ndarray, pixel: float
) -> np.ndarray:
    """Pale goblet cells between the basal nuclei and the lumen: drops along a ring."""
    count = max(6, int(2 * np.pi * 0.55 * gland.radius / 13.0))
    angle = np.arctan2(*away) * count / (2 * np.pi) + rng.random()
    drop = np.abs(angle - np.round(angle)) * 13.0
    middle = (gland.lumen + 0.78) / 2
    length = (0.78 - gland.lumen) / 2 * gland.radius
    along = np.abs(share - middle) * gland.radius / max(length, 1e-6)
    full = rng.random(count) < gland.mucin
    has = full[np.mod(np.round(angle).astype(int), count)]
    return has * _edge((1 - np.hypot(drop / 5.2, along)) * 5.0, pixel)


def _basal_nuclei(gland: object, rng: np.random.Generator, atypia: float) -> np.ndarray:
    """(M, 4) of nuclei along the outline: x, y, angle of the long axis, layer (0 basal)."""
    spacing = 7.5 - 1.5 * atypia
    count = max(8, int(2 * np.pi * gland.radius * np.sqrt(gland.aspect) / spacing))
    layers = 1 + (rng.random(count) < 0.9 * atypia) + (rng.random(count) < 0.5 * atypia)
    theta = np.repeat(2 * np.pi * (np.arange(count) + 0.5 * rng.random(count)) / count, layers)
    layer = np.concatenate([np.arange(n) for n in layers])
    theta = theta + rng.normal(size=theta.size) * 0.3 * atypia / count * 2 * np.pi
    direction = np.stack([np.sin(theta), np.cos(theta)])
    depth = 5.5 + 8.0 * layer + rng.normal(size=theta.size) * (0.6 + 3.0 * atypia)
    away = direction * np.maximum(gland.radius * _bend(gland, direction) - depth, 0)
    root = np.sqrt(gland.aspect)
    across, along = away[0] / root, away[1] * root
    x = gland.x + np.cos(gland.angle) * along - np.sin(gland.angle) * across
    y = gland.y + np.sin(gland.angle) * along + np.cos(gland.angle) * across
    long = np.arctan2(y - gland.y, x - gland.x) + rng.normal(size=theta.size) * 0.9 * atypia
    return np.stack([x, y, long, np.full(theta.size, gland.gland)], axis=1)


def _epithelial_cover(
    basal: list[np.ndarray], instances: np.ndarray, lumen: np.ndarray, size: tuple[int, int],
    pixel: float, factors: pd.Series,
) -> np.ndarray:  # fmt: skip
    """Share of each pixel under an epithelial nucleus; nuclei stay in their own gland."""
    if not basal:
        return np.zeros(size)
    nuclei = np.concatenate(basal)
    scale = 1 + 0.45 * factors["atypia"]
    row, column = (np.floor(nuclei[:, a] / pixel + size[1 - a] / 2).astype(int) for a in (1, 0))
    there = (row >= 0) & (row < size[0]) & (column >= 0) & (column < size[1])
    at_home = np.zeros(len(nuclei), bool)
    at_home[there] = instances[row[there], column[there]] == nuclei[there, 3]
    at_home |= ~there
    kept = nuclei[at_home]
    cover = ellipses(kept[:, 0], kept[:, 1], 4.4 * scale, 2.6 * scale, kept[:, 2], size, pixel)
    return cover * (instances > 0) * (1 - 0.9 * lumen)


def _stromal_nuclei(
    rng: np.random.Generator, factors: pd.Series, size: tuple[int, int], pixel: float
) -> tuple[np.ndarray, np.ndarray]:
    """Long nuclei of fibroblasts, along the fibres, and round ones of lymphocytes."""
    out = []
    for density, a, b, spread in (
        (factors["fibroblasts"], 6.0, 1.6, 0.35), (factors["lymphocytes"], 2.9, 2.7, 3.0),
    ):  # fmt: skip
        count = int(rng.poisson(density * (FIELD / 100) ** 2))
        x, y = rng.uniform(-FIELD / 2, FIELD / 2, (2, count))
        angle = factors["fibre_angle"] + rng.normal(size=count) * spread
        out.append(ellipses(x, y, a, b, angle, size, pixel))
    return out[0], out[1]


def ellipses(
    x: np.ndarray, y: np.ndarray, a: float, b: float, angle: np.ndarray, size: tuple[int, int],
    pixel: float,
) -> np.ndarray:  # fmt: skip
    """Share of each pixel covered by ellipses of half axes a and b: a ramp one pixel wide."""
    image = np.zeros(size[0] * size[1])
    reach = int(np.ceil(max(a, b) / pixel + 1))
    row, column = y / pixel + size[0] / 2 - 0.5, x / pixel + size[1] / 2 - 0.5
    offsets = np.arange(-reach, reach + 1)
    i = np.round(row).astype(int)[:, None, None] + offsets[:, None]
    j = np.round(column).astype(int)[:, None, None] + offsets[None, :]
    dy, dx = (i - row[:, None, None]) * pixel, (j - column[:, None, None]) * pixel
    c, s = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    distance = np.hypot((c * dx + s * dy) / a, (c * dy - s * dx) / b)
    thin = min(a, b)
    cover = np.clip((1 - distance) * thin / pixel + 0.5, 0, 1) * min(1.0, 2 * thin / pixel)
    fits = (i >= 0) & (i < size[0]) & (j >= 0) & (j < size[1]) & (cover > 0)
    i, j = np.broadcast_to(i, cover.shape)[fits], np.broadcast_to(j, cover.shape)[fits]
    np.maximum.at(image, i * size[1] + j, cover[fits])
    return image.reshape(size)


def _fibres(
    rng: np.random.Generator, rows: np.ndarray, columns: np.ndarray, angle: float
) -> np.ndarray:
    """A wavy pattern from 0 to 1, long along `angle` and 8 to 20 micrometres across."""
    y, x = np.meshgrid(rows, columns, indexing="ij")
    along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    total = np.zeros(x.shape)
    for _ in range(5):
        bend = 6 * np.sin(2 * np.pi * along / rng.uniform(90, 200) + rng.uniform(0, 6.28))
        total += np.sin(2 * np.pi * (across + bend) / rng.uniform(8, 20) + rng.uniform(0, 6.28))
    return np.clip(0.5 + 0.25 * total, 0, 1)


def _tears(
    rng: np.random.Generator, rows: np.ndarray, columns: np.ndarray, amount: float
) -> np.ndarray:
    """White clefts that look like lumen and are none."""
    y, x = np.meshgrid(rows, columns, indexing="ij")
    total = sum(
        np.sin(2 * np.pi * (np.cos(a) * x + np.sin(a) * y) / w + p)
        for a, w, p in zip(rng.uniform(0, np.pi, 6), rng.uniform(60, 150, 6),
                           rng.uniform(0, 6.28, 6), strict=True)
    )  # fmt: skip
    return np.clip((np.abs(total / 6) < 0.035 * amount) * 1.0, 0, 1)


def _edge(depth: np.ndarray, pixel: float) -> np.ndarray:
    """Share of a pixel inside an edge at this depth: a ramp one pixel wide."""
    return np.clip(depth / pixel + 0.5, 0, 1)


def _soften(mask: np.ndarray, pixel: float) -> np.ndarray:
    """The mask with its edge spread over about 2 micrometres."""
    return gaussian_filter(mask.astype(float), 1.0 / pixel + 0.3)
