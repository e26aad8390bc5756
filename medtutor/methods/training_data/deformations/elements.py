"""Stiffness and mass of an elastic body, by finite elements between the control points."""

from __future__ import annotations

from itertools import product

import numpy as np

from .control_grid import ControlGrid


def element_matrices(grid: ControlGrid, poisson: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Assemble bilinear (2D, plane strain) or trilinear (3D) elements of unit modulus and density.

    Within an element the displacement is sum_c N_c q_c over its corners. The energy of a strain e
    is e' C e / 2 with Hooke's C, so K = integral B' C B, with B the strain of unit corner motions,
    and M = integral N' N. Integrated by two Gauss points along each axis, exact for a box.

    Args:
        grid: the control points; neighbours span one element.
        poisson: ratio of cross contraction, in [0, 0.5); soft tissue is close to 0.5.

    Returns:
        K and M, (d L, d L), ordered as a displacement vector.
    """
    if not 0 <= poisson < 0.5:
        raise ValueError(f"poisson must lie in [0, 0.5); got {poisson}: at 0.5 nothing compresses")
    dim, edge = grid.dim, np.array([a[1] - a[0] for a in grid.axes])
    corners = np.array(list(product((0, 1), repeat=dim)))               # (2^d, d)
    pairs = [(a, b) for a in range(dim) for b in range(a, dim)]         # components of the strain
    shear, first = 1 / (2 * (1 + poisson)), poisson / ((1 + poisson) * (1 - 2 * poisson))
    normal = np.array([a == b for a, b in pairs], dtype=float)
    hooke = np.diag(np.where(normal > 0, 2 * shear, shear)) + first * np.outer(normal, normal)

    stiff, mass = 0.0, 0.0
    for at in product(0.5 + np.array([-0.5, 0.5]) / np.sqrt(3), repeat=dim):
        along = np.where(corners == 1, at, 1 - np.array(at))            # (2^d, d)
        value = along.prod(axis=1)
        slope = np.where(corners == 1, 1, -1) / edge * (value[:, None] / along)
        strain = np.zeros((len(pairs), dim, len(corners)))
        for row, (a, b) in enumerate(pairs):
            strain[row, a] += slope[:, b] * (1.0 if a != b else 0.5)
            strain[row, b] += slope[:, a] * (1.0 if a != b else 0.5)
        flat = strain.reshape(len(pairs), -1)                           # (strains, d 2^d)
        stiff = stiff + flat.T @ hooke @ flat
        mass = mass + np.kron(np.eye(dim), np.outer(value, value))
    volume = edge.prod() / 2**dim

    stiffness, inertia = np.zeros((2, grid.length, grid.length))
    number = np.arange(grid.count).reshape(grid.points)
    for origin in product(*(range(c - 1) for c in grid.points)):
        local = number[tuple((corners + origin).T)]                     # (2^d,)
        rows = (np.arange(dim)[:, None] * grid.count + local).ravel()
        stiffness[np.ix_(rows, rows)] += volume * stiff
        inertia[np.ix_(rows, rows)] += volume * mass
    return stiffness, inertia
