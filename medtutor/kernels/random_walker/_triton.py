"""The random walker's kernels for the GPU: one program a block of voxels, all labels in turn.

    (A x)_i = e_i x_i + sum over the six neighbours j of w_ij (x_i - x_j)

Arrays are float32 and lie flat between guards of one plane (see `_solve`); rows of `edges` and of
vectors are `row` apart. Sums: float32 in a block, then partial sums added in float64, no atomics.
`_launch` calls them; `_triton_edges` has the kernels of the edges.
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
