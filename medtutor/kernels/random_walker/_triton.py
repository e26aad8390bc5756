"""The random walker's kernels for the GPU: one program a block of voxels, all labels in turn.

    (A x)_i = e_i x_i + sum over the six neighbours j of w_ij (x_i - x_j)

Arrays are float32 and lie flat between guards of one plane (see `_solve`); rows of `edges` and of
vectors are `row` apart. Sums: float32 in a block, then partial sums added in float64, no atomics.
`_launch` calls them.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _stencil(edges, row, p, at, s0, s1, inside):
    """A p and the diagonal of A at voxels `at`."""
    x = tl.load(p + at, mask=inside, other=0.0)
    e = tl.load(edges + 3 * row + at, mask=inside, other=0.0)
    total, diagonal = e * x, e
    for axis in tl.static_range(3):
        if axis == 0:
            s = s0
        elif axis == 1:
            s = s1
        else:
            s = 1
        w = tl.load(edges + axis * row + at, mask=inside, other=0.0)
        v = tl.load(edges + axis * row + at - s, mask=inside, other=0.0)
        total += w * (x - tl.load(p + at + s, mask=inside, other=0.0))
        total += v * (x - tl.load(p + at - s, mask=inside, other=0.0))
        diagonal += w + v
    return x, total, diagonal


@triton.jit
def _damped_inverse(edges, row, at, s0, s1, damping, inside):
    """Return damping / diagonal of A, 0 where a voxel has no edge."""
    diagonal = tl.load(edges + 3 * row + at, mask=inside, other=0.0)
    for axis in tl.static_range(3):
        if axis == 0:
            s = s0
        elif axis == 1:
            s = s1
        else:
            s = 1
        diagonal += tl.load(edges + axis * row + at, mask=inside, other=0.0)
        diagonal += tl.load(edges + axis * row + at - s, mask=inside, other=0.0)
    return tl.where(diagonal > 0, damping / tl.where(diagonal > 0, diagonal, 1.0), 0.0)


@triton.jit
def multiply_kernel(
    edges, p, q, row,           # (4, row), (M, row), (M, row)
    alive,                      # (M,) uint8
    sums,                       # (programs, M): p·q
    length, guard, s0, s1, labels,
    BLOCK: tl.constexpr,
):
    # q = A p and p·q. Moves 4 + 2 M volumes: the edges stay in the cache from label to label.
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < length
    at = guard + place
    for m in range(labels):
        total = 0.0
        if tl.load(alive + m) != 0:
            x, product, _ = _stencil(edges, row, p + m * row, at, s0, s1, inside)
            tl.store(q + m * row + at, product, mask=inside)
            total = tl.sum(x * product)
        tl.store(sums + tl.program_id(0) * labels + m, total)


@triton.jit
def update_kernel(
    edges, p, q, x, r, z, row,  # (4, row), then (M, row)
    step,                       # (M,) float64
    alive,                      # (M,) uint8
    sums,                       # (programs, 2, M): r·z and r·r
    damping, length, guard, s0, s1, labels,
    BLOCK: tl.constexpr,
):
    # x += step p, r -= step q, z = damping D^-1 r. Moves 4 + 7 M volumes.
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < length
    at = guard + place
    inverse = _damped_inverse(edges, row, at, s0, s1, damping, inside)
    for m in range(labels):
        product = 0.0
        square = 0.0
        if tl.load(alive + m) != 0:
            a = tl.load(step + m).to(tl.float32)
            here = m * row + at
            new = tl.load(x + here, mask=inside) + a * tl.load(p + here, mask=inside)
            tl.store(x + here, new, mask=inside)
            rest = tl.load(r + here, mask=inside, other=0.0)
            rest -= a * tl.load(q + here, mask=inside, other=0.0)
            tl.store(r + here, rest, mask=inside)
            tl.store(z + here, inverse * rest, mask=inside)
            product = tl.sum(inverse * rest * rest)
            square = tl.sum(rest * rest)
        tl.store(sums + (tl.program_id(0) * 2) * labels + m, product)
        tl.store(sums + (tl.program_id(0) * 2 + 1) * labels + m, square)


@triton.jit
def start_kernel(
    edges, b, x, row,           # (4, row), (M, row), (M, row)
    alive,                      # (M,) uint8
    sums,                       # (programs, 2, M): b·x and b·b
    damping, length, guard, s0, s1, labels,
    BLOCK: tl.constexpr,
):
    # x = damping D^-1 b. Moves 4 + 2 M volumes.
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < length
    at = guard + place
    inverse = _damped_inverse(edges, row, at, s0, s1, damping, inside)
    for m in range(labels):
        product = 0.0
        square = 0.0
        if tl.load(alive + m) != 0:
            right = tl.load(b + m * row + at, mask=inside, other=0.0)
            tl.store(x + m * row + at, inverse * right, mask=inside)
            product = tl.sum(inverse * right * right)
            square = tl.sum(right * right)
        tl.store(sums + (tl.program_id(0) * 2) * labels + m, product)
        tl.store(sums + (tl.program_id(0) * 2 + 1) * labels + m, square)


@triton.jit
def smooth_kernel(
    edges, b, x, y, row,        # (4, row), then (M, row)
    alive,                      # (M,) uint8
    sums,                       # (programs, M): b·y
    damping, length, guard, s0, s1, labels,
    BLOCK: tl.constexpr,
):
    # y = x + damping D^-1 (b - A x). Moves 4 + 3 M volumes.
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < length
    at = guard + place
    for m in range(labels):
        total = 0.0
        if tl.load(alive + m) != 0:
            old, product, diagonal = _stencil(edges, row, x + m * row, at, s0, s1, inside)
            right = tl.load(b + m * row + at, mask=inside, other=0.0)
            safe = tl.where(diagonal > 0, diagonal, 1.0)
            new = old + tl.where(diagonal > 0, damping * (right - product) / safe, 0.0)
            tl.store(y + m * row + at, new, mask=inside)
            total = tl.sum(right * new)
        tl.store(sums + tl.program_id(0) * labels + m, total)


@triton.jit
def direction_kernel(
    z, p, row,                  # (M, row)
    factor,                     # (M,) float64
    alive,                      # (M,) uint8
    length, guard, labels,
    BLOCK: tl.constexpr,
):
    # p = z + factor p. Moves 3 M volumes.
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < length
    for m in range(labels):
        if tl.load(alive + m) != 0:
            here = m * row + guard + place
            f = tl.load(factor + m).to(tl.float32)
            new = tl.load(z + here, mask=inside) + f * tl.load(p + here, mask=inside)
            tl.store(p + here, new, mask=inside)


@triton.jit
def restrict_kernel(
    edges, b, x, row,           # fine: (4, row), (M, row), (M, row)
    right, coarse_row,          # coarse: (M, coarse_row)
    alive,                      # (M,) uint8
    coarse_length, guard, coarse_guard, n0, n1, n2, c1, c2, s0, s1, labels,
    BLOCK: tl.constexpr,
):
    # right = sums of b - A x over blocks of 2 x 2 x 2; one coarse voxel an element.
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < coarse_length
    i, j, k = place // (c1 * c2), place // c2 % c1, place % c2
    for m in range(labels):
        if tl.load(alive + m) != 0:
            total = tl.zeros([BLOCK], tl.float32)
            for corner in range(8):
                a, h, c = 2 * i + corner // 4, 2 * j + corner // 2 % 2, 2 * k + corner % 2
                real = inside & (a < n0) & (h < n1) & (c < n2)
                at = guard + (a * n1 + h) * n2 + c
                _, product, _ = _stencil(edges, row, x + m * row, at, s0, s1, real)
                total += tl.load(b + m * row + at, mask=real, other=0.0) - product
            tl.store(right + m * coarse_row + coarse_guard + place, total, mask=inside)


@triton.jit
def prolong_kernel(
    solution, coarse_row,       # coarse: (M, coarse_row)
    x, row,                     # fine: (M, row)
    alive,                      # (M,) uint8
    length, guard, coarse_guard, n1, n2, c1, c2, labels,
    BLOCK: tl.constexpr,
):
    # x += the value of its block. Moves 2 M volumes, and the coarse one from the cache.
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < length
    i, j, k = place // (n1 * n2), place // n2 % n1, place % n2
    of = coarse_guard + (i // 2 * c1 + j // 2) * c2 + k // 2
    for m in range(labels):
        if tl.load(alive + m) != 0:
            here = m * row + guard + place
            new = tl.load(x + here, mask=inside)
            new += tl.load(solution + m * coarse_row + of, mask=inside)
            tl.store(x + here, new, mask=inside)


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
