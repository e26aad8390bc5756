"""Where pixels and samples lie: what the kernels of `_triton.py` share."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def sign(x):
    return tl.where(x > 0, 1.0, 0.0) - tl.where(x < 0, 1.0, 0.0)


@triton.jit
def start_of_row(n, columns):
    """Where row n of an octant begins: rows have min(n, columns) + 1 pixels."""
    cut = tl.maximum(n - columns - 1, 0)
    whole = n - cut
    return whole * (whole + 1) // 2 + cut * (columns + 1)


@triton.jit
def octant_of(centre, lane, there, height, width):
    """Of octant `lane % 8` about each centre: place of the centre, strides, extents, ownership."""
    row = tl.load(centre + 2 * (lane // 8), mask=there, other=0).to(tl.int32)
    column = tl.load(centre + 2 * (lane // 8) + 1, mask=there, other=0).to(tl.int32)
    along_rows = lane % 8 < 4
    forth, right = lane // 2 % 2 == 0, lane % 2 == 0
    vertical = tl.where(tl.where(along_rows, forth, right), height - 1 - row, row)
    horizontal = tl.where(tl.where(along_rows, right, forth), width - 1 - column, column)
    rows = tl.where(there, tl.where(along_rows, vertical, horizontal), -1)
    columns = tl.where(along_rows, horizontal, vertical)
    down = tl.where(along_rows, width, 1) * tl.where(forth, 1, -1)
    across = tl.where(along_rows, 1, width) * tl.where(right, 1, -1)
    return row * width + column, down, across, rows, columns, right, along_rows


@triton.jit
def steps_by(down, right, i, j):
    """Whether the pixel at (down, right) from the centre has its next pixel (i, j) from itself."""
    far = tl.maximum(tl.abs(down), tl.abs(right))
    vertical = tl.where((2 * tl.abs(down) > far), tl.where(down > 0, -1, 1), 0)
    horizontal = tl.where((2 * tl.abs(right) > far), tl.where(right > 0, -1, 1), 0)
    return (far > 0) & (vertical == i) & (horizontal == j)


@triton.jit
def ray_samples(
    prob, target, row, column, down, right, step, i, there, height, width, GATED: tl.constexpr
):
    """Samples i of a ray: s bilinearly, y nearest; the pixel above left, the ways on, fractions."""
    radius = step * (i + 0.5)
    at, along = row + radius * down, column + radius * right
    y = tl.zeros_like(radius)
    if GATED:
        y_row = tl.minimum(tl.maximum(tl.floor(at + 0.5).to(tl.int32), 0), height - 1)
        y_column = tl.minimum(tl.maximum(tl.floor(along + 0.5).to(tl.int32), 0), width - 1)
        y = tl.load(target + y_row * width + y_column, mask=there, other=0).to(tl.float32)
    at = tl.minimum(tl.maximum(at, 0.0), height - 1.0)
    along = tl.minimum(tl.maximum(along, 0.0), width - 1.0)
    top, left = tl.floor(at).to(tl.int32), tl.floor(along).to(tl.int32)
    to_bottom = tl.where(top + 1 < height, width, 0)
    to_far = tl.where(left + 1 < width, 1, 0)
    fy, fx = at - top, along - left
    corner = top * width + left
    s00 = tl.load(prob + corner, mask=there, other=0).to(tl.float32)
    s01 = tl.load(prob + corner + to_far, mask=there, other=0).to(tl.float32)
    s10 = tl.load(prob + corner + to_bottom, mask=there, other=0).to(tl.float32)
    s11 = tl.load(prob + corner + to_bottom + to_far, mask=there, other=0).to(tl.float32)
    above, below = s00 * (1 - fx) + s01 * fx, s10 * (1 - fx) + s11 * fx
    return above * (1 - fy) + below * fy, y, corner, to_bottom, to_far, fy, fx
