"""From label maps to displacement vectors: which point of one shape is which point of another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import map_coordinates

from .control_grid import ControlGrid
from .physical_modes import near_pairs, spring_matrix


def ray_directions(count: int, dim: int) -> np.ndarray:
    """(count, d) unit vectors spread evenly on the circle, or on the sphere by a golden spiral."""
    if dim == 2:
        angle = 2 * np.pi * np.arange(count) / count
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)
    height = 1 - 2 * (np.arange(count) + 0.5) / count
    angle = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    radius = np.sqrt(1 - height**2)
    return np.stack([height, radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def boundary_points(label: np.ndarray, value: int, rays: int = 32) -> np.ndarray:
    """Boundary points of one organ, numbered by their direction from its centre.

    The choice of correspondence: point k lies on ray k from the centroid, where the ray leaves the
    organ for the last time. Point k of one subject is then taken to be point k of any other. Sound
    for shapes that the centre sees whole; a strongly bent organ needs a registration instead.

    Args:
        label: (*size), whole numbers.
        value: the organ.
        rays: number of directions.

    Returns:
        (rays, d), in voxels.
    """
    organ = np.asarray(label) == value
    if not organ.any():
        raise ValueError(f"label holds no voxel of value {value}: leave this subject or organ out")
    centre = np.argwhere(organ).mean(axis=0)
    along = np.arange(0, np.linalg.norm(organ.shape), 0.25)             # (T,), voxels
    at = centre[:, None, None] + ray_directions(rays, organ.ndim).T[:, :, None] * along
    inside = map_coordinates(organ.astype(float), at, order=1, cval=0.0) >= 0.5     # (rays, T)
    last = np.where(inside.any(axis=1), len(along) - 1 - inside[:, ::-1].argmax(axis=1), 0)
    return centre + ray_directions(rays, organ.ndim) * along[last][:, None]


def fit_displacement(
    grid: ControlGrid, new: np.ndarray, old: np.ndarray, *, stiffness: float = 0.5
) -> np.ndarray:
    """Spline that pulls points of the reference onto those of an example, as bent as need be.

    Minimises  sum_k |new_k + u(new_k) - old_k|^2 + stiffness d' K d  over the control displacements
    d, with K the spring matrix: where no point speaks, the grid moves as rigidly as it can.

    Args:
        grid: control points.
        new: (N, d), points of the example.
        old: (N, d), the same points in the reference.
        stiffness: weight of the springs, above 0.

    Returns:
        (d L,), displacement u in voxels; Warp(grid, u) makes the reference look like the example.
    """
    if np.shape(new) != np.shape(old) or not stiffness > 0:
        raise ValueError(
            f"new and old must be (N, d) of one shape and stiffness above 0; got {np.shape(new)}, "
            f"{np.shape(old)} and {stiffness}"
        )
    weights = grid.point_weights(new)                                   # (N, L)
    data = np.kron(np.eye(grid.dim), weights.T @ weights)               # (d L, d L)
    springs = spring_matrix(grid.coordinates, near_pairs(grid))
    wanted = (weights.T @ (np.asarray(old) - new)).T.ravel()            # (d L,)
    return np.linalg.solve(data + stiffness * springs, wanted)


def displacements_to(
    reference: np.ndarray,
    examples: Sequence[np.ndarray],
    grid: ControlGrid,
    *,
    rays: int = 32,
    stiffness: float = 0.5,
) -> np.ndarray:
    """Displacement vectors that make a labelled reference take the shape of each example.

    Args:
        reference: (*size), label map of the one labelled image.
        examples: label maps of the same size; no images are needed.
        grid: control points.
        rays: boundary points of each organ.
        stiffness: see fit_displacement.

    Returns:
        (N, d L), one vector for each example, in voxels.
    """
    values = [int(v) for v in np.unique(reference) if v]
    if not values:
        raise ValueError("reference is empty: it holds no organ to follow")
    for number, label in enumerate(examples):
        if np.shape(label) != np.shape(reference):
            raise ValueError(
                f"example {number} has size {np.shape(label)}, the reference {reference.shape}"
            )
    old = np.concatenate([boundary_points(reference, v, rays) for v in values])
    fitted = []
    for label in examples:
        new = np.concatenate([boundary_points(label, v, rays) for v in values])
        fitted.append(fit_displacement(grid, new, old, stiffness=stiffness))
    return np.stack(fitted)
