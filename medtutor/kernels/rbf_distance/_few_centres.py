"""Few centres on the CPU: every difference taken directly, the points read once."""

from __future__ import annotations

import torch
from torch import Tensor

from medtutor.kernels.threads import in_slabs

from . import _numba as loops

BLOCKS = 64     # at most: each keeps its own gradient of the centres, summed at the end


def forward(x: Tensor, centres: Tensor, weights: Tensor | None) -> Tensor:
    """Squared distances (N, K); all inputs contiguous, of one type."""
    out = x.new_empty(x.shape[0], centres.shape[0])
    in_slabs(loops.distances, len(x), *_arrays(x, centres, weights, out),
             work=x.numel() * len(centres), least=1 << 20)
    return out


def backward(
    g: Tensor, x: Tensor, centres: Tensor, weights: Tensor | None, needed: list[bool]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """All gradients in one pass over the points, in blocks that depend on their number only."""
    rows = max(128, -(-len(x) // BLOCKS))
    blocks = -(-len(x) // rows)
    h = g * 2
    dx, dc = torch.empty_like(x), x.new_zeros(blocks, *centres.shape)
    work = dict(work=x.numel() * len(centres), least=1 << 20)
    if weights is None:
        arrays = _arrays(h, h.T.contiguous(), x, centres, dx, dc)
        in_slabs(loops.gradients, blocks, rows, *arrays, **work)
        return dx, dc.sum(0), None
    dw = torch.zeros_like(dc)
    arrays = _arrays(h, x, centres, weights, dx, dc, dw)
    in_slabs(loops.weighted_gradients, blocks, rows, *arrays, **work)
    return dx, dc.sum(0), dw.sum(0)


def _arrays(*tensors: Tensor | None) -> list:
    return [None if tensor is None else tensor.detach().numpy() for tensor in tensors]
