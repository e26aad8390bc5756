"""Many centres on the CPU: matrix products, and direct differences for pairs that are near."""

from __future__ import annotations

import torch
from torch import Tensor

from medtutor.kernels.threads import in_slabs

from . import NEAR
from . import _numba as loops


def forward(x: Tensor, centres: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """Squared distances (N, K) and which pairs are near; all inputs contiguous, of one type."""
    points, around = relative(x, centres)
    if weights is None:
        out = points @ (around * -2).T
        x_terms = x.new_empty(len(x))
        in_slabs(loops.lengths, len(x), points.numpy(), x_terms.numpy(), work=x.numel())
        c_terms = around.square().sum(1)
    else:
        out = points @ (around * weights * -2).T
        x_terms = points.square() @ weights.T
        c_terms = (around.square() * weights).sum(1)
    near = torch.empty(out.shape, dtype=torch.bool)
    part, most = (out.new_tensor(v).numpy()[()] for v in (NEAR, torch.finfo(out.dtype).max))
    inputs = (x, centres) if weights is None else (x, centres, weights)
    loop = loops.finish if weights is None else loops.finish_weighted
    arrays = [tensor.numpy() for tensor in (*inputs, x_terms, c_terms, out, near)]
    in_slabs(loop, len(x), part, most, *arrays, work=out.numel())
    return out, near


def backward(
    g: Tensor, x: Tensor, centres: Tensor, weights: Tensor | None, near: Tensor, needed: list[bool]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Products for the pairs that are not near, then the near ones one by one."""
    points, around = relative(x, centres)
    any_near = bool(near.numpy().any())      # stops at the first; torch's reads all
    far = g.masked_fill(near, 0) if any_near else g
    of_centre = far.sum(0)[:, None]                                      # (K, 1)
    dx = dc = dw = None
    if needed[0]:
        if weights is None:
            dx = (points * (far.sum(1, keepdim=True) * 2)).addmm_(far, around, alpha=-2)
        else:
            dx = (points * (far @ weights)).addmm_(far, around * weights, alpha=-1).mul_(2)
    if needed[1] or needed[2]:
        sums = far.T @ points                                            # (K, D)
    if needed[1]:
        dc = (around * of_centre - sums).mul_(2)
        if weights is not None:
            dc *= weights
    if needed[2]:
        dw = far.T @ points.square() - 2 * around * sums + around.square() * of_centre
    if any_near:
        made = [torch.zeros_like(like) if d is None else d
                for d, like in zip((dx, dc, dw), (x, centres, centres), strict=True)]
        arrays = [None if t is None else t.numpy() for t in (near, g * 2, x, centres, weights)]
        in_slabs(loops.near_gradients, x.shape[1], *arrays, *(t.numpy() for t in made),
                 work=int(near.sum()) * x.shape[1])
    return dx, dc, dw


def relative(x: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """Both less the mean of the centres, where that makes the centres much shorter; else as is."""
    mean = centres.mean(0)
    mean = torch.where(mean.isfinite(), mean, 0)
    around = centres - mean
    if mean.square().sum() * len(centres) > around.square().sum():
        return x - mean, around
    return x, centres
