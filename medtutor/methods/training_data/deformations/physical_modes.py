"""Vibrational modes of the control points: what a body would do, known without any example."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from .control_grid import ControlGrid
from .elements import element_matrices

STIFFNESSES = ("spring", "fem", "paper_code")


def direction_products(points: np.ndarray) -> np.ndarray:
    """Products of the unit directions between all pairs of points.

    Entry [a, i, b, j] is n_a n_b, with n the unit vector from point i to point j; 0 for i = j.

    Args:
        points: (L, d), no two at one place.

    Returns:
        (d, L, d, L).
    """
    between = points[None] - points[:, None]                            # (L, L, d)
    distance = np.linalg.norm(between, axis=-1)
    np.fill_diagonal(distance, 1.0)
    if (distance < 1e-12).any():
        first, second = np.argwhere(distance < 1e-12)[0]
        raise ValueError(
            f"control points {first} and {second} lie at one place: a spring needs a length; "
            "take fewer control points or a larger image"
        )
    unit = between / distance[..., None]
    return np.einsum("ija,ijb->aibj", unit, unit)


def spring_matrix(points: np.ndarray, joined: np.ndarray | None = None) -> np.ndarray:
    """Stiffness of unit springs between control points.

    A spring along the unit vector n pulls with n n' times the difference of its ends:

        K_ij = - n n'   for joined i != j,      K_ii = sum over j of n n'

    K is symmetric, has no negative eigenvalue, and is zero on rigid motions: 3 in 2D, 6 in 3D.

    Args:
        points: (L, d), positions.
        joined: (L, L) bool, which pairs a spring joins; None joins all.

    Returns:
        (d L, d L), ordered as a displacement vector.
    """
    count, dim = points.shape
    pull = direction_products(points)                                   # (d, L, d, L)
    if joined is not None:
        pull = pull * joined[None, :, None, :]
    stiffness = -pull
    here = np.arange(count)
    stiffness[:, here, :, here] += np.moveaxis(pull.sum(axis=3), 1, 0)  # (L, d, d)
    return stiffness.reshape(dim * count, dim * count)


def paper_code_matrix(points: np.ndarray) -> np.ndarray:
    """The matrix of the released tool, which is not a stiffness: the same products, other signs.

        K_ij = + n n'   for all i != j,         K_ii = identity

    Off-diagonal blocks have the wrong sign and the diagonal does not balance them, so about a third
    of the eigenvalues are negative. Kept to show what follows from it.

    Args:
        points: (L, d), positions.

    Returns:
        (d L, d L).
    """
    count, dim = points.shape
    return direction_products(points).reshape(dim * count, -1) + np.eye(dim * count)


def near_pairs(grid: ControlGrid) -> np.ndarray:
    """(L, L) bool: neighbours on the grid, diagonal ones too (8 in 2D, 26 in 3D)."""
    index = np.stack(np.unravel_index(np.arange(grid.count), grid.points), axis=1)
    steps = np.abs(index[:, None] - index[None]).max(axis=-1)
    return steps == 1


@dataclass(frozen=True)
class VibrationalModes:
    """Modes of free vibration without the rigid ones, smoothest first.

    Attributes:
        vectors: (d L, k), with vectors' M vectors = I.
        squared_frequencies: (k,), w^2; negative ones occur for stiffness="paper_code" only.
        rigid: (d L, r), the dropped modes with w = 0.
    """

    vectors: np.ndarray
    squared_frequencies: np.ndarray
    rigid: np.ndarray

    @property
    def variances(self) -> np.ndarray:
        """(k,) variance of each mode at equal energy, 1 / |w^2|.

        The absolute value acts on stiffness="paper_code" only, whose tool takes singular values.
        """
        return 1 / np.abs(self.squared_frequencies)

    @property
    def covariance(self) -> np.ndarray:
        """(d L, d L) physical covariance Phi diag(1 / w^2) Phi'."""
        return (self.vectors * self.variances) @ self.vectors.T


def vibrational_modes(
    grid: ControlGrid,
    *,
    stiffness: str = "spring",
    neighbours: str = "near",
    masses: np.ndarray | None = None,
    tolerance: float = 1e-8,
) -> VibrationalModes:
    """Solve the generalised eigenproblem of a vibrating mesh, K phi = w^2 M phi.

    M q'' + K q = 0 with q = phi exp(i w t) leads there. Low w: smooth, global change of shape. A
    mode excited to the same energy as the others moves by 1 / w, so its variance is 1 / w^2. Rigid
    motions (w = 0) would have infinite variance and are dropped.

    Args:
        grid: the control points.
        stiffness: "spring" (unit springs), "fem" (elastic elements with their own mass matrix), or
            "paper_code" (the released tool's matrix, indefinite).
        neighbours: "near" joins grid neighbours, "all" joins every pair; springs only.
        masses: (L,) positive, mass of each control point; None means 1 (for "fem": the elements').
        tolerance: |w^2| below this share of the largest counts as rigid.

    Returns:
        The modes, by increasing |w^2|.
    """
    if stiffness not in STIFFNESSES or neighbours not in ("near", "all"):
        raise ValueError(
            f'stiffness must be one of {STIFFNESSES} and neighbours "near" or "all"; '
            f"got {stiffness!r} and {neighbours!r}"
        )
    weight = np.ones(grid.count) if masses is None else np.asarray(masses, dtype=np.float64)
    if weight.shape != (grid.count,) or not (weight > 0).all():
        raise ValueError(
            f"masses must be ({grid.count},), one positive number for each control point; "
            f"got shape {weight.shape}, smallest {weight.min() if weight.size else 'none'}"
        )
    mass = np.diag(np.tile(weight, grid.dim))
    if stiffness == "spring":
        joined = near_pairs(grid) if neighbours == "near" else None
        matrix = spring_matrix(grid.coordinates, joined)
    elif stiffness == "fem":
        matrix, inertia = element_matrices(grid)
        mass = inertia if masses is None else mass
    else:
        matrix = paper_code_matrix(grid.coordinates)
    squared, vectors = eigh(matrix, mass)
    order = np.argsort(np.abs(squared), kind="stable")
    squared, vectors = squared[order], vectors[:, order]
    is_rigid = np.abs(squared) < tolerance * np.abs(squared).max()
    return VibrationalModes(vectors[:, ~is_rigid], squared[~is_rigid], vectors[:, is_rigid])
