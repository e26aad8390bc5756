"""Warp on the GPU: one voxel a lane; formula and gradients as in `__init__`, sums in float32.

A grid's control points are first mixed along z and y, to G vectors a line (`mix_kernel`; plain
float32, which a matrix product need not be here), and each voxel mixes those of its line: the
dense field is nowhere. The gradient to the image is a scatter by atomics, added up in no fixed
order, so that its last bits vary; all other sums are made in a fixed order.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ._triton_geometry import (
    add_corners,
    corners,
    displacement_at,
    locate,
    nearest,
    place_of,
    slope_of_voxels,
)

COUNTS = ["channels", "images", "groups", "labels", "each", "points"]   # one binary for any


def warp(image: Tensor, displacement: Tensor, label: Tensor, zero: bool,
         new: Tensor, moved: Tensor) -> None:
    """Fill `new` and `moved`; all tensors contiguous, `label` empty where there is none."""
    _warp(image, displacement, None, label, zero, new, moved)


def warp_by_grid(image: Tensor, control: Tensor, weights: list[Tensor], label: Tensor, zero: bool,
                 new: Tensor, moved: Tensor) -> None:
    """Fill `new` and `moved`, with weights (S_a, G_a) of the control points along each axis."""
    _warp(image, _line_points(control, weights), _rows(weights), label, zero, new, moved)


def of_displacement(grad: Tensor, image: Tensor, displacement: Tensor, zero: bool) -> Tensor:
    """(B, d, *S), the gradient to a dense displacement."""
    found, n = torch.empty_like(displacement), image.shape[2:].numel()
    blocks = triton.cdiv(n, _block(n))
    with torch.cuda.device_of(image):
        slope_kernel[(blocks * len(displacement),)](
            grad, image, displacement, found, *image.shape[2:], n, blocks, image.shape[1],
            len(image), len(grad) // len(displacement),
            SOLID=displacement.shape[1] == 3, ZERO=zero, BLOCK=_block(n))
    return found


def of_control(grad: Tensor, image: Tensor, control: Tensor, weights: list[Tensor],
               zero: bool) -> Tensor:
    """(B, d, *G), the gradient to the displacements of control points; no atomics."""
    groups, axes, *size = control.shape
    depth, height, width = image.shape[2:]
    points, rows = _line_points(control, weights), _rows(weights)
    found = torch.empty_like(points)                                  # (B, D, H, d, G_x)
    most = max(1, min(triton.next_power_of_2(size[2]), 32))
    chunks = triton.cdiv(size[2], most)
    with torch.cuda.device_of(image):
        line_slope_kernel[(groups * depth * height * chunks,)](
            grad, image, points, rows, found, depth, height, width, depth * height * width, chunks,
            image.shape[1], len(image), len(grad) // groups, size[2],
            SOLID=axes == 3, ZERO=zero, LINE=min(128, triton.next_power_of_2(width)), POINTS=most)
    z, y = (w.t().contiguous() for w in weights[:2])
    found = _mixed(found.view(groups * depth, height, -1), y)         # (B D, G_y, d G_x)
    found = _mixed(found.view(groups, depth, -1), z)                  # (B, G_z, G_y d G_x)
    return found.view(groups, *size[:2], axes, size[2]).permute(0, 3, 1, 2, 4).contiguous()


def of_image(grad: Tensor, image: Tensor, displacement: Tensor, zero: bool) -> Tensor:
    """(B, C, *S), the gradient to the image, under a dense displacement."""
    return _of_image(grad, image, displacement, None, zero)


def of_image_by_grid(grad: Tensor, image: Tensor, control: Tensor, weights: list[Tensor],
                     zero: bool) -> Tensor:
    """(B, C, *S), the gradient to the image, under control points."""
    return _of_image(grad, image, _line_points(control, weights), _rows(weights), zero)


def _block(n: int, lanes: int = 128) -> int:
    """Voxels a program: one a thread for the gradients, which spares registers."""
    return min(65536, triton.next_power_of_2(n)) if triton.knobs.runtime.interpret else lanes


def _rows(weights: list[Tensor]) -> Tensor:
    """Weights along the lines, (G_x, W): neighbouring voxels read neighbouring numbers."""
    return weights[2].t().contiguous()


def _line_points(control: Tensor, weights: list[Tensor]) -> Tensor:
    """Control (B, d, G_z, G_y, G_x) mixed along z and y: (B, D, H, d, G_x)."""
    (groups, axes, *size), (depth, height) = control.shape, (len(w) for w in weights[:2])
    points = control.permute(0, 2, 3, 1, 4).contiguous().view(groups, size[0], -1)
    points = _mixed(points, weights[0].contiguous()).view(groups * depth, size[1], -1)
    return _mixed(points, weights[1].contiguous()).view(groups, depth, height, axes, size[2])


def _mixed(source: Tensor, weights: Tensor) -> Tensor:
    """sum_n weights[m, n] source[:, n]: (O, N, R) and (M, N) to (O, M, R)."""
    (outer, terms, inner), rows = source.shape, len(weights)
    found = source.new_empty(outer, rows, inner)
    tall, wide = (64, 256) if triton.knobs.runtime.interpret else (8, 32)
    down, across = triton.cdiv(rows, tall), triton.cdiv(inner, wide)
    with torch.cuda.device_of(source):
        mix_kernel[(outer * down * across,)](
            source, weights, found, terms, rows, inner, down, across, ROWS=tall, INNER=wide,
            num_warps=1)
    return found


def _warp(image, vectors, rows, label, zero, new, moved):
    n, given = image.shape[2:].numel(), label.numel() > 0
    blocks, axes = triton.cdiv(n, _block(n, 256)), vectors.shape[1 if rows is None else 3]
    with torch.cuda.device_of(image):
        warp_kernel[(blocks * len(new),)](
            image, vectors, vectors if rows is None else rows, label, new, moved,
            *image.shape[2:], n, blocks, image.shape[1], len(image), len(vectors), len(label),
            0 if rows is None else len(rows),
            SOLID=axes == 3, ZERO=zero, GRID=rows is not None, LABEL=given, BLOCK=_block(n, 256))


def _of_image(grad, image, vectors, rows, zero):
    found = torch.zeros_like(image, dtype=torch.float32)
    n = image.shape[2:].numel()
    blocks, axes = triton.cdiv(n, _block(n)), vectors.shape[1 if rows is None else 3]
    with torch.cuda.device_of(image):
        scatter_kernel[(blocks * len(grad),)](
            grad, vectors, vectors if rows is None else rows, found, *image.shape[2:], n, blocks,
            image.shape[1], len(image), len(vectors), 0 if rows is None else len(rows),
            SOLID=axes == 3, ZERO=zero, GRID=rows is not None, BLOCK=_block(n))
    return found.to(image.dtype)


@triton.jit(do_not_specialize=COUNTS)
def warp_kernel(
    image,      # (B or 1, C, n), n = depth height width
    vectors,    # u or mixed control points, float32, and `along_x`: see `displacement_at`
    along_x,
    label,      # (B or 1, n) integers of any width, or anything
    new,        # (B, C, n) out
    moved,      # (B, n) out, as label
    depth, height, width, n, blocks, channels, images, groups, labels, points,
    SOLID: tl.constexpr, ZERO: tl.constexpr, GRID: tl.constexpr, LABEL: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Each voxel: new = sum over corners of weight old, and the nearest label.

    Reads and writes image and label once, 2 n (C + 1) numbers, and 3 n of a dense displacement; the
    corners come from the caches, and so does a grid (4 G_x loads a voxel).
    """
    item = tl.program_id(0) // blocks
    voxel = tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK)
    there = (voxel >= 0) & (voxel < n)                   # below 0 where it passes 2^31
    z, y, x = place_of(voxel, height, width)
    uz, uy, ux = displacement_at(vectors, along_x, item % groups, voxel, x, there, n, width, points,
                                 SOLID, GRID)
    _, near_z, z0, z1, lz, hz = locate(uz, z, depth, ZERO)
    _, near_y, y0, y1, ly, hy = locate(uy, y, height, ZERO)
    _, near_x, x0, x1, lx, hx = locate(ux, x, width, ZERO)
    if LABEL:
        near, inside = nearest(near_z, near_y, near_x, depth, height, width, there, ZERO)
        taken = tl.load(label + (item % labels).to(tl.int64) * n + near, mask=inside, other=0)
        tl.store(moved + item.to(tl.int64) * n + voxel, taken, mask=there)
    old = image + (item % images).to(tl.int64) * channels * n
    out = new + item.to(tl.int64) * channels * n
    for _channel in range(channels):
        if SOLID:
            a, b, c, d = corners(old, z0, y0, y1, x0, x1, height, width, there)
            p, q, r, s = corners(old, z1, y0, y1, x0, x1, height, width, there)
            a, b, c, d = lz * a + hz * p, lz * b + hz * q, lz * c + hz * r, lz * d + hz * s
        else:
            a, b, c, d = corners(old, z, y0, y1, x0, x1, height, width, there)
        mixed = ly * (lx * a + hx * b) + hy * (lx * c + hx * d)
        tl.store(out + voxel, mixed.to(new.dtype.element_ty), mask=there)
        old += n
        out += n


@triton.jit(do_not_specialize=COUNTS)
def scatter_kernel(
    grad,       # (B, C, n) g
    vectors,    # and `along_x`: see `displacement_at`
    along_x,
    found,      # (B or 1, C, n) float32, zero before: d loss / d old is added
    depth, height, width, n, blocks, channels, images, groups, points,
    SOLID: tl.constexpr, ZERO: tl.constexpr, GRID: tl.constexpr, BLOCK: tl.constexpr,
):
    """Each voxel: d old(corner) += weight g, 2^d corners, by atomics in no fixed order."""
    item = tl.program_id(0) // blocks
    voxel = tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK)
    there = (voxel >= 0) & (voxel < n)
    z, y, x = place_of(voxel, height, width)
    uz, uy, ux = displacement_at(vectors, along_x, item % groups, voxel, x, there, n, width, points,
                                 SOLID, GRID)
    _, _, z0, z1, lz, hz = locate(uz, z, depth, ZERO)
    _, _, y0, y1, ly, hy = locate(uy, y, height, ZERO)
    _, _, x0, x1, lx, hx = locate(ux, x, width, ZERO)
    old = found + (item % images).to(tl.int64) * channels * n
    new = grad + item.to(tl.int64) * channels * n
    for _channel in range(channels):
        g = tl.load(new + voxel, mask=there, other=0).to(tl.float32)
        if SOLID:
            add_corners(old, g * lz, z0, y0, y1, x0, x1, ly, hy, lx, hx, height, width, there)
            add_corners(old, g * hz, z1, y0, y1, x0, x1, ly, hy, lx, hx, height, width, there)
        else:
            add_corners(old, g, z, y0, y1, x0, x1, ly, hy, lx, hx, height, width, there)
        old += n
        new += n


@triton.jit(do_not_specialize=COUNTS)
def slope_kernel(
    grad, image, vectors,                                # see `slope_of_voxels`
    found,      # (B or 1, d, n) float32 out: d loss / d u
    depth, height, width, n, blocks, channels, images, each,
    SOLID: tl.constexpr, ZERO: tl.constexpr, BLOCK: tl.constexpr,
):
    """Each voxel: d u_a = g sum over corners of slope_a, the other axes' weights and old."""
    group = tl.program_id(0) // blocks
    voxel = tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK)
    there = (voxel >= 0) & (voxel < n)
    along_z, along_y, along_x = slope_of_voxels(
        grad, image, vectors, vectors, group, voxel, there, depth, height, width, n, channels,
        images, each, 0, SOLID, ZERO, False)
    out = found + group.to(tl.int64) * n * (3 if SOLID else 2) + voxel
    if SOLID:
        tl.store(out, along_z, mask=there)
        out += n
    tl.store(out, along_y, mask=there)
    out += n
    tl.store(out, along_x, mask=there)


@triton.jit(do_not_specialize=COUNTS)
def line_slope_kernel(
    grad, image, vectors, along_x,                       # see `slope_of_voxels`
    found,      # (B or 1, lines, d, G) float32 out: d loss / d vectors
    depth, height, width, n, chunks, channels, images, each, points,
    SOLID: tl.constexpr, ZERO: tl.constexpr, LINE: tl.constexpr, POINTS: tl.constexpr,
):
    """One line, POINTS of its points k: d vectors[line, a, k] = sum_x along_x[k, x] d u_a(x)."""
    line = tl.program_id(0) // chunks
    point = tl.program_id(0) % chunks * POINTS + tl.arange(0, POINTS)
    wanted = point < points
    lines = depth * height
    sum_z = tl.zeros([POINTS], tl.float32)
    sum_y = tl.zeros([POINTS], tl.float32)
    sum_x = tl.zeros([POINTS], tl.float32)
    for first in range(0, width, LINE):
        x = first + tl.arange(0, LINE)
        there = x < width
        dz, dy, dx = slope_of_voxels(
            grad, image, vectors, along_x, line // lines, line % lines * width + x, there, depth,
            height, width, n, channels, images, each, points, SOLID, ZERO, True)
        weight = tl.load(along_x + point[None, :] * width + x[:, None],
                         mask=wanted[None, :] & there[:, None], other=0)
        if SOLID:
            sum_z += tl.sum(dz[:, None] * weight, 0)
        sum_y += tl.sum(dy[:, None] * weight, 0)
        sum_x += tl.sum(dx[:, None] * weight, 0)
    out = found + line.to(tl.int64) * points * (3 if SOLID else 2) + point
    if SOLID:
        tl.store(out, sum_z, mask=wanted)
        out += points
    tl.store(out, sum_y, mask=wanted)
    tl.store(out + points, sum_x, mask=wanted)


@triton.jit
def mix_kernel(
    source,     # (O, N, R) float32
    weights,    # (M, N) float32
    found,      # (O, M, R) float32 out
    terms, rows, inner, down, across,                    # N, M, R, and blocks along M and R
    ROWS: tl.constexpr, INNER: tl.constexpr,
):
    """Block of m: found[:, m] = sum_n weights[m, n] source[:, n], n in order."""
    block = tl.program_id(0)
    outer = (block // across // down).to(tl.int64)
    row = block // across % down * ROWS + tl.arange(0, ROWS)[:, None]
    column = block % across * INNER + tl.arange(0, INNER)[None, :]
    total = tl.zeros([ROWS, INNER], tl.float32)
    for k in range(terms):
        weight = tl.load(weights + row * terms + k, mask=row < rows, other=0)
        taken = tl.load(source + (outer * terms + k) * inner + column, mask=column < inner, other=0)
        total += weight * taken
    tl.store(found + (outer * rows + row) * inner + column, total,
             mask=(row < rows) & (column < inner))
