"""The polar form on the CPU: sixteen rays side by side in the lanes of a vector, as octants are."""

from __future__ import annotations

import math

import numba
import numpy as np
import torch
from torch import Tensor

from .. import threads
from . import _op
from ._numba import JIT, LANES, _march_all, _march_gated, as_labels


@numba.njit(**JIT)
def _sample(picture, labels, gated, ray, lane, s, y, e, corner, part):
    """One ray into its lane: s bilinearly, y nearest, e = w |y - s|; where the pixels are."""
    height, width = picture.shape
    number = picture.dtype.type
    row, column, down, right, step, area = ray
    for i in range(len(s)):
        radius = (i + 0.5) * step
        at, along = row + radius * down, column + radius * right
        nearest = (min(max(int(math.floor(at + 0.5)), 0), height - 1) * width
                   + min(max(int(math.floor(along + 0.5)), 0), width - 1))
        at, along = min(max(at, 0.0), height - 1.0), min(max(along, 0.0), width - 1.0)
        top, left = int(at), int(along)
        bottom, far = min(top + 1, height - 1), min(left + 1, width - 1)
        fy, fx = number(at - top), number(along - left)
        corner[0, i, lane], corner[1, i, lane] = top, left
        part[0, i, lane], part[1, i, lane] = fy, fx
        above = picture[top, left] * (1 - fx) + picture[top, far] * fx
        below = picture[bottom, left] * (1 - fx) + picture[bottom, far] * fx
        value = above * (1 - fy) + below * fy
        wrong = number(1)
        if gated:
            y[i, lane] = labels[nearest]
            wrong = abs(value - y[i, lane])
        s[i, lane] = value
        e[i, lane] = number(area * radius) * wrong


@numba.njit(**JIT)
def _spread(out, lane, slope, corner, part):
    """The gradient of a ray's samples to the four pixels of each."""
    height, width = out.shape
    for i in range(len(slope)):
        top, left = corner[0, i, lane], corner[1, i, lane]
        bottom, far = min(top + 1, height - 1), min(left + 1, width - 1)
        fy, fx = part[0, i, lane], part[1, i, lane]
        below, above = slope[i, lane] * fy, slope[i, lane] * (1 - fy)
        out[top, left] += above * (1 - fx)
        out[top, far] += above * fx
        out[bottom, left] += below * (1 - fx)
        out[bottom, far] += below * fx


@numba.njit(**JIT)
def _rays(first, last, prob, centre, target, directions, density, floor, scratch, value, gradient):
    """Images first..last: sample sixteen rays, all pairs on each, the gradient back to the pixels.

    L = Σ_rays Σ_i e_i a_i, a_i = Σ_{j<i} B |s_i - s_j|, e_i = w_i |y_i - s_i|. Moves four pixels in
    and out a sample, and in the cache two loads and a store a sixteen pairs.
    """
    height, width = prob.shape[1:]
    gated = target.size > 0
    s, y, e, a, slope = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    radii = len(s)
    part = scratch[5:7]
    corner = np.empty((2, radii, LANES), np.int32)
    start = np.arange(radii)
    ray = np.empty(6)
    for image in range(first, last):
        labels = target[image] if gated else target[0]
        row, column = centre[image]
        gradient[image] = 0
        for group in range(0, len(directions), LANES):
            lanes = min(LANES, len(directions) - group)
            e[:] = 0
            slope[:] = 0
            for lane in range(lanes):
                down, right = directions[group + lane]
                length = min((height - 0.5 - row if down > 0 else row + 0.5) / abs(down),
                             (width - 0.5 - column if right > 0 else column + 0.5) / abs(right))
                step = length / radii
                area = density[group + lane] * (2 * math.pi / len(directions)) * step * step
                ray[:] = row, column, down, right, step, area
                _sample(prob[image], labels, gated, ray, lane, s, y, e, corner, part)
            for i in range(1, radii):
                if gated:
                    _march_gated(s, y, e, a, slope, start, i, 0, 0, floor)
                else:
                    _march_all(s, y, e, a, slope, start, i, 0, 0, floor)
            for lane in range(lanes):
                for i in range(1, radii):
                    value[image] += np.float64(e[i, lane]) * a[i, lane]
            if gated:                     # the gradient of e: sign(s - y) w, where it is not 0
                for i in range(1, radii):
                    for lane in range(lanes):
                        off = s[i, lane] - y[i, lane]
                        if off != 0:
                            slope[i, lane] += a[i, lane] * (e[i, lane] / off)
            for lane in range(lanes):
                _spread(gradient[image], lane, slope, corner, part)


def star_polar_numba(
    prob: Tensor, centre: Tensor, target: Tensor | None, rays: int, radii: int, one_sided: bool
) -> tuple[Tensor, Tensor]:
    """Value (B,) and gradient (B, H, W)."""
    s = prob.detach().contiguous().numpy()
    y = as_labels(target, len(s))
    directions, density = (table.numpy() for table in _op.ray_directions(rays, prob.device))
    floor = s.dtype.type(0 if one_sided else -np.inf)
    value, gradient = np.zeros(len(s)), torch.empty(prob.shape, dtype=prob.dtype)

    def with_scratch(first: int, last: int) -> None:
        scratch = torch.zeros(7, radii, LANES, dtype=prob.dtype).numpy()
        _rays(first, last, s, centre.double().contiguous().numpy(), y, directions, density, floor,
              scratch, value, gradient.numpy())

    threads.in_slabs(with_scratch, len(s), work=len(s) * rays * radii * radii // 2)
    return torch.from_numpy(value).to(prob.dtype), gradient
