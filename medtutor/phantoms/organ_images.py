"""Images of organ shapes: tissue, texture, shading, blur and noise."""

from __future__ import annotations

import numpy as np
import pandas as pd

from medtutor.phantoms.organ_shapes import RIM, OrganShapes, harmonics

TISSUE, FAT, BONE = 0.40, 0.62, 0.85
# Organs lie above and below the tissue in turn, in units of the contrast.
LEVELS = (1.0, -0.9, 1.5, 0.7, -0.6, 1.2)


def draw_images(
    shapes: OrganShapes,
    size: tuple[int, ...],
    generators: list[np.random.Generator],
    contrast: float,
    noise: float,
    texture: float,
    bias: float,
    blur: float,
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Images (N, *S), labels (N, *S) and factors of these shapes."""
    dim, count, organs = len(size), len(generators), shapes.radii.shape[1]
    grid = _grid(size)  # (dim, V)
    unit = float(np.mean(size))  # voxels in one unit of length
    depth = _depths(shapes, grid) * unit  # (N, K, V), voxels outside each outline
    labels = np.where(depth.min(1) < 0, depth.argmin(1) + 1, 0).astype(np.int64)
    rows = np.arange(count)
    for k in range(organs):  # an organ smaller than a voxel keeps the one nearest to its centre
        empty = ~(labels == k + 1).any(1)
        labels[rows[empty], depth[empty, k].argmin(1)] = k + 1

    jitter = np.stack([g.normal(size=organs) for g in generators])
    level = contrast * np.resize(LEVELS, organs) * (1 + 0.12 * np.clip(jitter, -2, 2))
    intensity = TISSUE + level  # (N, K)
    image = _body(shapes, grid, unit, blur)  # (N, V)
    for k in range(organs):
        cover = _cover(depth[:, k], blur)
        image += cover * (intensity[:, k, None] - image)

    shape = (count, *size)
    white = np.stack([g.standard_normal(size, dtype=np.float32) for g in generators])
    grain = np.stack([g.standard_normal(size, dtype=np.float32) for g in generators])
    slope = np.stack([g.normal(size=dim + 2) for g in generators]).astype(np.float32)
    tissue = np.minimum(image / TISSUE, 1).reshape(shape)
    image = image.reshape(shape) + texture * tissue * _smooth(white)
    image *= 1 + bias * _shading(slope, grid).reshape(shape)
    image += noise * grain

    table = _factors(labels, intensity, shapes.scores, size)
    table["noise"], table["bias"] = float(noise), float(bias)
    return image.astype(np.float32), labels.reshape(shape), table


def _grid(size: tuple[int, ...]) -> np.ndarray:
    """Voxel centres, (dim, V), in units of the mean side, 0 in the middle."""
    axes = [(np.arange(side) + 0.5 - side / 2) / np.mean(size) for side in size]
    return np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")]).astype(np.float32)


def _depths(shapes: OrganShapes, grid: np.ndarray) -> np.ndarray:
    """Distance along the ray from the centre to the outline, negative inside; (N, K, V)."""
    n, k, terms = shapes.weights.shape
    depth = np.empty((n, k, grid.shape[1]), np.float32)
    for organ in range(k):
        away = grid[:, None] - shapes.centres[:, organ].T[..., None].astype(np.float32)
        distance = np.sqrt((away * away).sum(0)) + 1e-6  # (N, V)
        basis = harmonics(away / distance)  # (H, N, V)
        bend = np.einsum("hnv,nh->nv", basis, shapes.weights[:, organ].astype(np.float32))
        depth[:, organ] = distance - shapes.radii[:, organ, None].astype(np.float32) * np.exp(bend)
    return depth


def _cover(depth: np.ndarray, blur: float) -> np.ndarray:
    """Share of a voxel inside an edge at this depth, blurred: a logistic close to a Gaussian."""
    return 1 / (1 + np.exp(np.clip(1.7 * depth / max(blur, 0.15), -30, 30)))


def _body(shapes: OrganShapes, grid: np.ndarray, unit: float, blur: float) -> np.ndarray:
    """Air, fat under the skin, soft tissue, and a spine at the back; (N, V)."""
    across, axes = grid[-2:, None], shapes.body.T[..., None].astype(np.float32)
    radius = np.sqrt(((across / axes) ** 2).sum(0))  # 1 on the skin
    thick = axes.mean(0) * unit
    image = FAT * _cover((radius - 1) * thick, blur)
    image += _cover((radius - 1 + RIM[len(grid)]) * thick, blur) * (TISSUE - image)
    spine = np.sqrt((across[0] - 0.80 * axes[0]) ** 2 + across[1] ** 2) - 0.055
    return (image + _cover(spine * unit, blur) * (BONE - image)).astype(np.float32)


def _smooth(white: np.ndarray) -> np.ndarray:
    """White noise to smooth grain of standard deviation 1: a Gaussian filter, 1.2 voxels wide."""
    axes = tuple(range(1, white.ndim))
    squares = [np.fft.fftfreq(side) ** 2 for side in white.shape[1:-1]]
    squares.append(np.fft.rfftfreq(white.shape[-1]) ** 2)
    total = sum(np.meshgrid(*squares, indexing="ij"))
    low = np.exp(-2 * (np.pi * 1.2) ** 2 * total)
    full = np.exp(-2 * (np.pi * 1.2) ** 2 * sum(
        np.meshgrid(*[np.fft.fftfreq(side) ** 2 for side in white.shape[1:]], indexing="ij")
    ))  # fmt: skip
    low /= np.sqrt((full**2).mean())
    return np.fft.irfftn(np.fft.rfftn(white, axes=axes) * low, s=white.shape[1:], axes=axes)


def _shading(slope: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """A slow field in [-1, 1]: a slope and two products of axes; (N, V)."""
    y, x = 2 * grid[-2], 2 * grid[-1]
    terms = np.stack([*(2 * axis for axis in grid), x * y, x * x - y * y])  # (dim + 2, V)
    return np.tanh(0.6 * slope @ terms)


def _factors(
    labels: np.ndarray, intensity: np.ndarray, scores: np.ndarray, size: tuple[int, ...]
) -> pd.DataFrame:
    """What was drawn, a row an image; areas and centres as counted in the labels (N, V)."""
    places = np.indices(size).reshape(len(size), -1).T.astype(float)  # (V, dim), in voxels
    columns: dict[str, np.ndarray] = {}
    for k in range(1, intensity.shape[1] + 1):
        mask = (labels == k).astype(float)
        columns[f"area_{k}"] = mask.mean(1)
        centre = mask @ places / mask.sum(1, keepdims=True)  # (N, dim)
        for axis, name in enumerate("zyx"[-len(size) :]):
            columns[f"centre_{k}_{name}"] = centre[:, axis]
        columns[f"intensity_{k}"] = intensity[:, k - 1]
    for m in range(scores.shape[1]):
        columns[f"mode_{m + 1}"] = scores[:, m]
    return pd.DataFrame(columns)
