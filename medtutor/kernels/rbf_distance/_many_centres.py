"""Many centres on the CPU: matrix products, and direct differences for pairs that are near.

Points are taken in blocks that stay in the cache between the passes over them: centring, lengths,
products, sums. So x is read once forward and once backward, and no copy of it is made.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from medtutor.kernels.threads import in_slabs

from . import NEAR
from . import _numba as loops

BLOCK = 1 << 19     # numbers of x: 2 MB in float32
Gradients = tuple[Tensor | None, Tensor | None, Tensor | None]


def forward(x: Tensor, centres: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """Squared distances (N, K) and which pairs are near; all inputs contiguous, of one type."""
    mean, around = relative(centres)
    factor = (around * -2 if weights is None else around * weights * -2).T           # (D, K)
    squares = around.square() if weights is None else around.square() * weights
    c_terms = squares.sum(1).numpy()                                                 # (K,)
    out = x.new_empty(len(x), len(centres))
    near = torch.empty(out.shape, dtype=torch.bool)
    part, most = (out.new_tensor(v).numpy()[()] for v in (NEAR, torch.finfo(out.dtype).max))
    for rows in blocks(x):
        points = x[rows] if mean is None else x[rows] - mean
        torch.mm(points, factor, out=out[rows])
        if weights is None:
            x_terms = x.new_empty(len(points))                                       # (n,)
            in_slabs(loops.lengths, len(points), points.numpy(), x_terms.numpy(),
                     work=points.numel())
            loop, inputs = loops.finish, (x[rows], centres)
        else:
            x_terms = points.square() @ weights.T                                    # (n, K)
            loop, inputs = loops.finish_weighted, (x[rows], centres, weights)
        arrays = [tensor.numpy() for tensor in inputs]
        in_slabs(loop, len(points), part, most, *arrays, x_terms.numpy(), c_terms,
                 out[rows].numpy(), near[rows].numpy(), work=out[rows].numel())
    return out, near


def backward(
    g: Tensor, x: Tensor, centres: Tensor, weights: Tensor | None, near: Tensor, needed: list[bool]
) -> Gradients:
    """Products for the pairs that are not near, then the near ones one by one."""
    mean, around = relative(centres)
    factor = around if weights is None else around * weights
    any_near = bool(near.numpy().any())          # stops at the first; torch's reads all
    far = g.masked_fill(near, 0) if any_near else g
    dx = torch.empty_like(x) if needed[0] else None
    sums, squares = torch.zeros_like(centres), torch.zeros_like(centres)
    for rows in blocks(x):
        points, part = x[rows] if mean is None else x[rows] - mean, far[rows]
        if needed[0]:
            scale = part.sum(1, keepdim=True) if weights is None else part @ weights
            torch.mul(points, scale.mul_(2), out=dx[rows])
            dx[rows].addmm_(part, factor, alpha=-2)
        if needed[1] or needed[2]:
            sums.addmm_(part.T, points)                                  # sum_n g x, (K, D)
        if needed[2]:
            squares.addmm_(part.T, points.square())
    of_centre = far.sum(0)[:, None]                                      # sum_n g, (K, 1)
    dc = dw = None
    if needed[1]:
        dc = (around * of_centre - sums).mul_(2)
        if weights is not None:
            dc *= weights
    if needed[2]:
        dw = squares - 2 * around * sums + around.square() * of_centre
    return add_near(g, x, centres, weights, near, (dx, dc, dw)) if any_near else (dx, dc, dw)


def add_near(
    g: Tensor, x: Tensor, centres: Tensor, weights: Tensor | None, near: Tensor, sums: Gradients
) -> Gradients:
    """The gradients with what the near pairs give; made where there were none."""
    made = tuple(torch.zeros_like(like) if tensor is None else tensor
                 for tensor, like in zip(sums, (x, centres, centres), strict=True))
    arrays = [None if t is None else t.numpy() for t in (near, g * 2, x, centres, weights, *made)]
    in_slabs(loops.near_gradients, x.shape[1], *arrays, work=int(near.sum()) * x.shape[1])
    return made


def blocks(x: Tensor) -> Iterator[slice]:
    """Rows of x, about `BLOCK` numbers at a time."""
    step = max(64, BLOCK // x.shape[1])
    return (slice(first, first + step) for first in range(0, len(x), step))


def relative(centres: Tensor) -> tuple[Tensor | None, Tensor]:
    """Mean of the centres and they less it, where that makes them much shorter; else as is."""
    mean = centres.mean(0).nan_to_num(0.0, 0.0, 0.0)
    around = centres - mean
    if mean.square().sum() * len(centres) > around.square().sum():
        return mean, around
    return None, centres
