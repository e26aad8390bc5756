"""The neighbour form on the CPU: along a row of the image the step to the neighbour seldom changes.

With d = p - c the neighbour towards the centre is p - (sign d_row, 0), (0, sign d_column) or both:
the axis of the shorter distance steps along where that is more than half the longer. A row of the
image so has at most five stretches with one step each, and each is a plain loop over two rows.
"""

from __future__ import annotations

import numba
import numpy as np
import torch
from torch import Tensor

from .. import threads
from ._numba import as_labels

JIT = {
    "nogil": True, "cache": True, "error_model": "numpy",
    "fastmath": {"contract", "reassoc", "nsz"},
}


@numba.njit(**JIT)
def _stretch(s_p, s_q, y_p, y_q, floor, slope, out_p):
    """One stretch of a row: d = max(s_p - s_q, floor) into the sum, and its gradients.

    Σ B e |d|; p gets B (e sign(d) + sign(s_p - y_p) |d|), q gets -slope, slope = B e sign(d).
    Reads s twice (once from the cache), writes slope and out_p.
    """
    zero, one = floor * 0, floor * 0 + 1
    total = zero
    gated = len(y_p) > 0
    for i in range(len(s_p)):
        d = s_p[i] - s_q[i]
        if d < floor:
            d = floor
        sign = one if d > 0 else (-one if d < 0 else zero)
        if gated:
            same = one if y_p[i] == y_q[i] else zero
            above = s_p[i] - y_p[i]
            side = one if above > 0 else (-one if above < 0 else zero)
            slope[i] = same * abs(above) * sign
            out_p[i] += slope[i] + same * side * abs(d)
            total += same * abs(above) * abs(d)
        else:
            slope[i] = sign
            out_p[i] += sign
            total += abs(d)
    return total


@numba.njit(**JIT)
def _neighbours(first, last, prob, centre, target, floor, value, gradient):
    """Images first..last: L and its gradient; reads s, writes the gradient, all else is cached."""
    height, width = prob.shape[1:]
    gated = target.size > 0
    slope = np.empty(width, prob.dtype)
    for image in range(first, last):
        s, out = prob[image], gradient[image]
        out[:] = 0
        for row in range(height):
            down = row - centre[image, 0]
            back = -1 if down > 0 else (1 if down < 0 else 0)        # the row towards the centre
            far, column = abs(down), centre[image, 1]
            # columns at which the step changes: |d_column| = 2 far, far / 2, far / 2, 2 far
            outer = max(2 * far, 1)
            inner = far // 2
            edges = (0, column - outer + 1, column - inner, column + inner + 1, column + outer,
                     width)
            for part in range(5):
                left = min(max(edges[part], 0), width)
                right = min(max(edges[part + 1], 0), width)
                rows = 0 if part == 0 or part == 4 else back
                columns = 1 if part < 2 else (-1 if part > 2 else 0)
                if right <= left or (rows == 0 and columns == 0):
                    continue
                q_row, q = row + rows, slice(left + columns, right + columns)
                if gated:
                    y_p, y_q = target[image, row, left:right], target[image, q_row, q]
                else:
                    y_p, y_q = target[0, 0, 0:0], target[0, 0, 0:0]
                value[image] += _stretch(s[row, left:right], s[q_row, q], y_p, y_q, floor,
                                         slope, out[row, left:right])
                place = out[q_row, q]
                for i in range(right - left):
                    place[i] -= slope[i]


def star_neighbour_numba(
    prob: Tensor, centre: Tensor, target: Tensor | None, one_sided: bool
) -> tuple[Tensor, Tensor]:
    """Value (B,) and gradient (B, H, W)."""
    s = prob.detach().contiguous().numpy()
    y = as_labels(target, len(s)).reshape(*(s.shape if target is not None else (1, 1, 0)))
    floor = s.dtype.type(0 if one_sided else np.finfo(s.dtype).min)
    value, gradient = np.zeros(len(s)), torch.empty(prob.shape, dtype=prob.dtype)
    threads.in_slabs(
        _neighbours, len(s), s, centre.long().contiguous().numpy(), y, floor, value,
        gradient.numpy(), work=prob.numel())
    return torch.from_numpy(value).to(prob.dtype), gradient
