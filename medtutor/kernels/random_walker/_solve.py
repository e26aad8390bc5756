"""The solver, the same on every device: conjugate gradients with a multigrid V-cycle.

`form` is a module of kernels: `_numba` on the CPU (numpy arrays), `_launch` on the GPU (tensors).
Everything lies flat: voxel (i, j, k) of a grid (n0, n1, n2) at guard + (i n1 + j) n2 + k, between
two guards of one plane of zeros. An edge that would leave the grid has weight 0, so one loop over
the flat array applies the stencil without looking where the border is.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

Array = Any
"""A numpy array or a tensor, as `form` has it."""

DAMPING = 0.85      # of the Jacobi smoother: eigenvalues of D^-1 A lie in (0, 2)
SHRINK = 0.9        # coarse edges: sums of fine edges overrate smooth functions by up to 2
BOTTOM = 100        # voxels: a grid this small is solved with its inverse
RESTARTS = 6


@dataclass
class Grid:
    """One level: its edges, and what the V-cycle needs there.

    Attributes:
        shape: (n0, n1, n2), singletons in front or in the middle for fewer axes.
        edges: (4, guard + n + guard), weights of the edges to the next voxel along the three axes,
            then the sum of the edges to seeds. Edges that touch a seed are only in that sum.
        vectors: three of (labels - 1, guard + n + guard): right side and two for the solution.
        inverse: of the whole matrix, on the coarsest level.
    """

    shape: tuple[int, int, int]
    edges: Array
    vectors: list[Array]
    inverse: Array | None = None

    @property
    def length(self) -> int:
        """Number of voxels."""
        return prod(self.shape)

    @property
    def guard(self) -> int:
        """Zeros before and after the voxels: one plane."""
        return self.shape[1] * self.shape[2]

    @property
    def strides(self) -> tuple[int, int, int]:
        """From a voxel to the next along each axis; 0 for axis 1 where it has one voxel."""
        return self.guard, self.shape[2] if self.shape[1] > 1 else 0, 1


def levels(form: ModuleType, finest: Grid, sides: int) -> list[Grid]:
    """The finest grid and ever coarser ones: blocks of 2 x 2 x 2 become one voxel."""
    grids = [finest]
    while grids[-1].length > BOTTOM:
        fine = grids[-1]
        shape = tuple((size + 1) // 2 for size in fine.shape)
        coarse = Grid(shape, None, [])
        coarse.edges = form.zeros(4, coarse, fine.edges)
        form.coarsen(fine, coarse, SHRINK)
        coarse.vectors = [form.zeros(sides, coarse, fine.edges) for _ in range(3)]
        grids.append(coarse)
    if len(grids) > 1:
        bottom = grids[-1]
        matrix = dense(form.to_numpy(bottom.edges), bottom)
        inverse = np.linalg.pinv(matrix, rcond=1e-14, hermitian=True)
        bottom.inverse = form.like(inverse, finest.edges)
    return grids


def dense(edges: np.ndarray, grid: Grid) -> np.ndarray:
    """The matrix of a small grid, in double precision."""
    inside = edges[:, grid.guard : grid.guard + grid.length].astype(np.float64)
    matrix = np.diag(inside[3])
    for weights, stride in zip(inside, grid.strides, strict=False):
        for i in np.flatnonzero(weights):
            j = i + stride
            matrix[[i, j], [i, j]] += weights[i]
            matrix[[i, j], [j, i]] -= weights[i]
    return matrix


def cycle(form: ModuleType, grids: list[Grid], depth: int, b: Array, x: Array, y: Array,
          alive: Array) -> tuple[Array, Array, Array]:
    """One V-cycle for A x = b, from x = damped D^-1 b: the solution, the other vector, b·x.

    One damped Jacobi step before and one after the coarse correction, so that the whole is
    symmetric and positive definite, as conjugate gradients ask of a preconditioner.
    """
    grid, coarse = grids[depth], grids[depth + 1]
    right, solution, other = coarse.vectors
    form.restrict(grid, b, x, coarse, right, alive)
    if coarse.inverse is not None:
        inside = slice(coarse.guard, coarse.guard + coarse.length)
        solution[:, inside] = right[:, inside] @ coarse.inverse
    else:
        form.start(coarse, right, solution, DAMPING, alive)
        solution, other, _ = cycle(form, grids, depth + 1, right, solution, other, alive)
    form.prolong(coarse, solution, grid, x, alive)
    product = form.smooth(grid, b, x, y, DAMPING, alive)
    return y, x, product


def conjugate_gradients(form: ModuleType, grids: list[Grid], x: Array, r: Array, limit: Array,
                        most: int) -> int:
    """Improve x until each squared residual is at most its limit; r is overwritten.

    A right side that has arrived is left alone. Returns the number of steps.
    """
    grid = grids[0]
    multigrid = len(grids) > 1
    damping = DAMPING if multigrid else 1.0
    p, q, z = (form.zeros(len(x), grid, grid.edges) for _ in range(3))
    alive = limit == limit
    product, square = form.start(grid, r, z, damping, alive)
    alive = square > limit
    before = product
    for step in range(most):
        if step % form.CHECK_EVERY == 0 and not bool(alive.any()):
            return step
        if multigrid:
            z, q, product = cycle(form, grids, 0, r, z, q, alive)
        form.direction(z, p, product / (before + (before == 0)), grid, alive)
        before = product
        curvature = form.multiply(grid, p, q, alive)
        length = product / (curvature + (curvature == 0))
        product, square = form.update(grid, p, q, x, r, z, length, damping, alive)
        alive = alive & (square > limit)
    return most


def solve(form: ModuleType, image: Array, seeds: Array, labels: int, scale: float,
          rates: tuple[float, float, float], tolerance: float, multigrid: bool, start: Array | None,
          most: int) -> tuple[Array, Grid, int, np.ndarray]:
    """Solve for the first labels - 1 labels.

    Args:
        form: the kernels.
        image: (C, n0, n1, n2).
        seeds: (n0 n1 n2), int32: -1 outside, 0 unknown, else the label.
        labels: how many.
        scale: weights are exp(-scale * squared difference) + 1e-10.
        rates: 1 / spacing² along each axis.
        tolerance: of the residual, relative to the right side.
        multigrid: or Jacobi.
        start: (labels - 1, n0 n1 n2), first guess.
        most: steps.

    Returns:
        Solutions (labels - 1, guard + n + guard), the grid, steps taken, and the relative residual
        of all labels in double precision.
    """
    shape = tuple(image.shape[1:])
    grid = Grid(shape, None, [])
    grid.edges = form.zeros(4, grid, image)
    form.write_edges(image, seeds, scale, rates, grid)
    sides = labels - 1
    x = form.zeros(sides, grid, image)
    r = form.zeros(sides, grid, image)
    if start is not None:
        form.begin(start, seeds, grid, x)
    grids = levels(form, grid, sides) if multigrid else [grid]
    aim, taken, last = 0.9 * tolerance, 0, np.inf
    for _ in range(RESTARTS + 1):
        square, size = form.residual(image, seeds, scale, rates, grid, x, r, labels)
        relative = np.sqrt(square / np.where(size > 0, size, 1.0))
        worst = relative.max()
        if worst <= tolerance or taken >= most or worst >= last:
            break
        if np.isfinite(last):
            # the last label has the residuals of all others, and may have a small right side
            aim = max(0.5 * tolerance / worst, 1e-3) * aim
        last = worst
        limit = form.double(aim**2 * size[:sides], grid.edges)
        taken += conjugate_gradients(form, grids, x, r, limit, most - taken)
    return x, grid, taken, relative
