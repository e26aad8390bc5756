"""Launch the random walker's kernels for the GPU: the functions that `_solve` calls there.

The host looks at the residual every few iterations only: each look waits for the device.
"""

from __future__ import annotations

import numpy as np
import torch
import triton
from torch import Tensor

from medtutor.kernels.random_walker._solve import Grid
from medtutor.kernels.random_walker._triton import (
    direction_kernel,
    multiply_kernel,
    prolong_kernel,
    restrict_kernel,
    smooth_kernel,
    start_kernel,
    update_kernel,
)
from medtutor.kernels.random_walker._triton_edges import (
    coarsen_kernel,
    edges_kernel,
    residual_kernel,
)

CHECK_EVERY = 4
BLOCK = 1024
SETUP_BLOCK = 512       # more registers a voxel
RESTRICT_BLOCK = 256    # each visits eight fine voxels


def zeros(rows: int, grid: Grid, like: Tensor) -> Tensor:
    """(rows, guard + n + guard) of zeros, float32."""
    shape = rows, grid.length + 2 * grid.guard
    return torch.zeros(shape, dtype=torch.float32, device=like.device)


def like(values: np.ndarray, of: Tensor) -> Tensor:
    """The values as float32 on a tensor's device."""
    return torch.from_numpy(values).to(of)


def double(values: np.ndarray, of: Tensor) -> Tensor:
    """The values as float64 on a tensor's device."""
    return torch.from_numpy(values).to(of.device)


def to_numpy(values: Tensor) -> np.ndarray:
    """On the host."""
    return values.cpu().numpy()


def _programs(grid: Grid) -> int:
    return triton.cdiv(grid.length, BLOCK)


def _sums(grid: Grid, count: int, labels: int) -> Tensor:
    return torch.empty((_programs(grid), count, labels), dtype=torch.float32,
                       device=grid.edges.device)


def multiply(grid, p, q, alive):
    """Write q = A p; return p·q."""
    sums = _sums(grid, 1, len(p))
    s0, s1, _ = grid.strides
    multiply_kernel[(_programs(grid),)](
        grid.edges, p, q, p.shape[1], alive.view(torch.uint8), sums, grid.length, grid.guard, s0,
        s1, len(p), BLOCK=BLOCK)
    return sums.sum(0, dtype=torch.float64)[0]


def update(grid, p, q, x, r, z, step, damping, alive):
    """Step: x += step p, r -= step q, z = damping D^-1 r; return r·z and r·r."""
    sums = _sums(grid, 2, len(p))
    s0, s1, _ = grid.strides
    update_kernel[(_programs(grid),)](
        grid.edges, p, q, x, r, z, p.shape[1], step, alive.view(torch.uint8), sums, damping,
        grid.length, grid.guard, s0, s1, len(p), BLOCK=BLOCK)
    return sums.sum(0, dtype=torch.float64)


def start(grid, b, x, damping, alive):
    """Write x = damping D^-1 b; return b·x and b·b."""
    sums = _sums(grid, 2, len(b))
    s0, s1, _ = grid.strides
    start_kernel[(_programs(grid),)](
        grid.edges, b, x, b.shape[1], alive.view(torch.uint8), sums, damping, grid.length,
        grid.guard, s0, s1, len(b), BLOCK=BLOCK)
    return sums.sum(0, dtype=torch.float64)


def smooth(grid, b, x, y, damping, alive):
    """Write y = x + damping D^-1 (b - A x); return b·y."""
    sums = _sums(grid, 1, len(b))
    s0, s1, _ = grid.strides
    smooth_kernel[(_programs(grid),)](
        grid.edges, b, x, y, b.shape[1], alive.view(torch.uint8), sums, damping, grid.length,
        grid.guard, s0, s1, len(b), BLOCK=BLOCK)
    return sums.sum(0, dtype=torch.float64)[0]


def direction(z, p, factor, grid, alive):
    """Write p = z + factor p."""
    direction_kernel[(_programs(grid),)](
        z, p, p.shape[1], factor, alive.view(torch.uint8), grid.length, grid.guard, len(p),
        BLOCK=BLOCK)


def restrict(grid, b, x, coarse, right, alive):
    """Write right = sums of b - A x over blocks."""
    s0, s1, _ = grid.strides
    restrict_kernel[(triton.cdiv(coarse.length, RESTRICT_BLOCK),)](
        grid.edges, b, x, b.shape[1], right, right.shape[1], alive.view(torch.uint8),
        coarse.length, grid.guard, coarse.guard, *grid.shape, *coarse.shape[1:], s0, s1, len(b),
        BLOCK=RESTRICT_BLOCK)


def prolong(coarse, solution, grid, x, alive):
    """Add to x the value of its block."""
    prolong_kernel[(_programs(grid),)](
        solution, solution.shape[1], x, x.shape[1], alive.view(torch.uint8), grid.length,
        grid.guard, coarse.guard, *grid.shape[1:], *coarse.shape[1:], len(x), BLOCK=BLOCK)


def write_edges(image: Tensor, seeds: Tensor, scale: float, rates: tuple, grid: Grid) -> None:
    """Fill the edges of the finest grid."""
    edges_kernel[(triton.cdiv(grid.length, SETUP_BLOCK),)](
        image, len(image), seeds, grid.edges, grid.edges.shape[1],
        *(scale * rate for rate in rates), grid.length, grid.guard, *grid.shape, BLOCK=SETUP_BLOCK)


def coarsen(fine: Grid, coarse: Grid, shrink: float) -> None:
    """Fill the edges of a coarse grid."""
    coarsen_kernel[(triton.cdiv(coarse.length, SETUP_BLOCK),)](
        fine.edges, fine.edges.shape[1], coarse.edges, coarse.edges.shape[1], shrink,
        coarse.length, fine.guard, coarse.guard, *fine.shape, *coarse.shape[1:], BLOCK=SETUP_BLOCK)


def residual(image: Tensor, seeds: Tensor, scale: float, rates: tuple, grid: Grid, x: Tensor,
             r: Tensor, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Write r = b - A x; squared norms of r and b, a label each, all in double precision."""
    programs = triton.cdiv(grid.length, SETUP_BLOCK)
    sums = torch.empty((programs, 2, labels), dtype=torch.float64, device=image.device)
    residual_kernel[(programs,)](
        image, len(image), seeds, x, r, grid.edges.shape[1], sums,
        *(scale * rate for rate in rates), labels, grid.length, grid.guard, *grid.shape,
        BLOCK=SETUP_BLOCK)
    square, size = sums.sum(0).cpu().numpy()
    return square, size


def begin(start: Tensor, seeds: Tensor, grid: Grid, x: Tensor) -> None:
    """A first guess: given where unknown, 0 elsewhere."""
    x[:, grid.guard : grid.guard + grid.length] = start * (seeds == 0)


def finish(x: Tensor, seeds: Tensor, grid: Grid, order: np.ndarray) -> tuple[Tensor, Tensor]:
    """Probabilities (labels, n) and labels (n,); `order` says which label each one was."""
    inside = slice(grid.guard, grid.guard + grid.length)
    unknown = seeds == 0
    probabilities = x.new_zeros((len(order), grid.length))
    for m, label in enumerate(order[:-1].tolist()):
        probabilities[label] = x[m, inside].clamp(0, 1) * unknown
    total = probabilities.sum(0)
    probabilities[int(order[-1])] = (1 - total).clamp(min=0) * unknown
    probabilities /= total.clamp(min=1)
    for m, label in enumerate(order.tolist()):
        probabilities[label] += seeds == m + 1
    found = torch.where(seeds >= 0, probabilities.argmax(0) + 1, -1)
    return probabilities, found
