"""The random walker's edges on the GPU: their weights, their sums on coarser grids, the residual.

    w_ij = exp(-factor |I_i - I_j|²) + 1e-10

Arrays lie as those of `_triton`; `_launch` calls these kernels.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _weight(image, channels, length, i, j, factor, real):
    """exp(-factor |difference|²) + 1e-10 where the edge is real, else 0."""
    square = tl.zeros_like(i).to(tl.float32)
    for c in range(channels):
        a = tl.load(image + c * length + i, mask=real, other=0.0)
        difference = a - tl.load(image + c * length + j, mask=real, other=0.0)
        square += difference * difference
    return tl.where(real, tl.exp(-factor * square) + 1e-10, 0.0)


@triton.jit
def edges_kernel(
    image, channels,            # (C, n) float32
    seeds,                      # (n,) int16: -1 outside, 0 unknown, else the label
    edges, row,                 # (4, row) float32, written
    f0, f1, f2,                 # factors of the squared difference along each axis
    length, guard, n0, n1, n2,
    BLOCK: tl.constexpr,
):
    # Weights of edges between unknown voxels, and the sum of each unknown voxel's edges to seeds.
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = i < length
    own = tl.load(seeds + i, mask=inside, other=-1)
    total = tl.zeros([BLOCK], tl.float32)
    for axis in tl.static_range(3):
        if axis == 0:
            s, factor, place, size = n1 * n2, f0, i // (n1 * n2), n0
        elif axis == 1:
            s, factor, place, size = n2, f1, i // n2 % n1, n1
        else:
            s, factor, place, size = 1, f2, i % n2, n2
        real = inside & (place + 1 < size)
        other = tl.load(seeds + i + s, mask=real, other=-1)
        w = _weight(image, channels, length, i, i + s, factor, real)
        tl.store(edges + axis * row + guard + i, tl.where((own == 0) & (other == 0), w, 0.0),
                 mask=inside)
        total += tl.where((own == 0) & (other > 0), w, 0.0)
        real = inside & (place > 0)
        other = tl.load(seeds + i - s, mask=real, other=-1)
        w = _weight(image, channels, length, i, i - s, factor, real)
        total += tl.where((own == 0) & (other > 0), w, 0.0)
    tl.store(edges + 3 * row + guard + i, total, mask=inside)


@triton.jit
def coarsen_kernel(
    fine, row,                  # (4, row)
    coarse, coarse_row,         # (4, coarse_row), written
    shrink, coarse_length, guard, coarse_guard, n0, n1, n2, c1, c2,
    BLOCK: tl.constexpr,
):
    # An edge between blocks is the sum of the edges across their common face, shrunk.
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < coarse_length
    i, j, k = place // (c1 * c2), place // c2 % c1, place % c2
    for axis in tl.static_range(4):
        total = tl.zeros([BLOCK], tl.float32)
        for corner in tl.static_range(8):
            a, h, c = corner // 4, corner // 2 % 2, corner % 2
            if (axis == 3) or (axis == 0 and a == 1) or (axis == 1 and h == 1) or (
                axis == 2 and c == 1
            ):
                u, v, t = 2 * i + a, 2 * j + h, 2 * k + c
                real = inside & (u < n0) & (v < n1) & (t < n2)
                total += tl.load(fine + axis * row + guard + (u * n1 + v) * n2 + t, mask=real,
                                 other=0.0)
        if axis < 3:
            total *= shrink
        tl.store(coarse + axis * coarse_row + coarse_guard + place, total, mask=inside)


@triton.jit
def residual_kernel(
    image, channels,            # (C, n) float32
    seeds,                      # (n,) int16
    x, r, row,                  # (labels - 1, row) float32; r written
    sums,                       # (programs, 2, labels) float64: r² and b²
    f0, f1, f2, labels, length, guard, n0, n1, n2,
    BLOCK: tl.constexpr,
):
    # r_i = sum of w_ij (x_j - x_i) in double precision, x_j = 1 or 0 at seeds; b_i = sum of w_ij
    # over the label's seeds. The last label's residual is minus the sum of the others'.
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = i < length
    own = tl.load(seeds + i, mask=inside, other=-1)
    inside = inside & (own == 0)
    last = tl.zeros([BLOCK], tl.float64)
    for m in range(labels):
        solved = inside & (i * 0 + m + 1 < labels)
        here = tl.load(x + m * row + guard + i, mask=solved, other=0.0).to(tl.float64)
        total = tl.zeros([BLOCK], tl.float64)
        right = tl.zeros([BLOCK], tl.float64)
        for side in tl.static_range(6):
            if side // 2 == 0:
                s, factor, place, size = n1 * n2, f0, i // (n1 * n2), n0
            elif side // 2 == 1:
                s, factor, place, size = n2, f1, i // n2 % n1, n1
            else:
                s, factor, place, size = 1, f2, i % n2, n2
            if side % 2 == 0:
                real, j = inside & (place + 1 < size), i + s
            else:
                real, j = inside & (place > 0), i - s
            other = tl.load(seeds + j, mask=real, other=-1)
            w = _weight(image, channels, length, i, j, factor, real & (other >= 0)).to(tl.float64)
            there = tl.load(x + m * row + guard + j, mask=real & solved, other=0.0).to(tl.float64)
            fixed = tl.where(other == m + 1, 1.0, 0.0).to(tl.float64)
            total += w * (tl.where(other > 0, fixed, there) - here)
            right += w * fixed
        if m + 1 < labels:
            tl.store(r + m * row + guard + i, total.to(tl.float32), mask=inside)
            last -= total
        else:
            total = last
        tl.store(sums + (tl.program_id(0) * 2) * labels + m, tl.sum(total * total))
        tl.store(sums + (tl.program_id(0) * 2 + 1) * labels + m, tl.sum(right * right))
