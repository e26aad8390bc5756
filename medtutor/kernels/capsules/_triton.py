"""The form for a GPU: one program a tile of voxels, with the list of capsules that come near it."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ._bounds import split
from ._tiles import near


def draw(ends: Tensor, radii: Tensor, tree: Tensor, batch: int, size: list[int],
         spacing: list[float], smooth: bool, dtype: torch.dtype) -> Tensor:
    """Draw into (batch, *size) of float32 or uint8."""
    volume = torch.empty((batch, *size), dtype=dtype, device=ends.device)
    if not volume.numel():
        return volume
    tiles = near(ends, radii, tree, batch, size, spacing, smooth)
    draw_kernel[(batch * tiles.grid[0] * tiles.grid[1] * tiles.grid[2],)](
        volume, tiles.table, tiles.starts, tiles.capsule, *tiles.grid, *tiles.size, *tiles.spacing,
        tiles.near, 255.0 if dtype == torch.uint8 else 1.0,
        0.5 if dtype == torch.uint8 else 0.0, *tiles.shape, SMOOTH=smooth, PLANE=len(size) == 2,
        num_warps=4)
    return volume


def gradients(grad: Tensor, ends: Tensor, radii: Tensor, tree: Tensor, size: list[int],
              spacing: list[float]) -> tuple[Tensor, Tensor]:
    """Gradients to ends and radii from that to a volume that was drawn smooth."""
    batch, m = len(grad), len(ends)
    if not grad.numel() or not m:
        return torch.zeros_like(ends), torch.zeros_like(radii)
    tiles = near(ends, radii, tree, batch, size, spacing, True)
    found = torch.zeros(max(1, len(tiles.capsule)), 8, device=grad.device)
    total = torch.empty(m, 8, device=grad.device)
    plane = len(size) == 2
    grad_kernel[(batch * tiles.grid[0] * tiles.grid[1] * tiles.grid[2],)](
        grad.contiguous(), found, tiles.table, tiles.starts, tiles.capsule, tiles.place,
        *tiles.grid, *tiles.size, *tiles.spacing, tiles.near, *tiles.shape,
        PLANE=plane, num_warps=4)
    sum_kernel[(m,)](found, total, tiles.ends_at, BLOCK=128, num_warps=4)
    return split(total, tiles.middle_by_v, ends, radii)


@triton.jit
def _voxels(tiles_z, tiles_y, tiles_x, depth, height, width, TZ: tl.constexpr, TY: tl.constexpr,
            TX: tl.constexpr):
    """Indices of the voxels of this program's tile, where they lie, and whether they exist."""
    tile = tl.program_id(0)
    column = tile % tiles_x
    row = tile // tiles_x % tiles_y
    slab = tile // tiles_x // tiles_y % tiles_z
    item = (tile // tiles_x // tiles_y // tiles_z).to(tl.int64)
    lane = tl.arange(0, TZ * TY * TX)
    i = slab * TZ + lane // (TY * TX)
    j = row * TY + lane // TX % TY
    k = column * TX + lane % TX
    there = (i < depth) & (j < height) & (k < width)
    return i, j, k, ((item * depth + i) * height + j) * width + k, there


@triton.jit
def _capsule(table_ptr, c):
    """A row of the table (M, 9): a, v, 1 / |v|², r, m²."""
    row = table_ptr + 9 * c
    return (tl.load(row), tl.load(row + 1), tl.load(row + 2), tl.load(row + 3), tl.load(row + 4),
            tl.load(row + 5), tl.load(row + 6), tl.load(row + 7), tl.load(row + 8))


@triton.jit
def _from_axis(z, y, x, az, ay, ax, vz, vy, vx, inverse):
    """t, unclamped and clamped, and q = x - a - t v, the way from the axis."""
    z, y, x = z - az, y - ay, x - ax
    raw = (z * vz + y * vy + x * vx) * inverse
    t = tl.minimum(tl.maximum(raw, 0.0), 1.0)
    return raw, t, z - t * vz, y - t * vy, x - t * vx


@triton.jit
def _width(qz, qy, qx, sz, sy, sx, middle, near):
    """d² and w² = (|s q|² + e m²) / (d² + e)."""
    d2 = qz * qz + qy * qy + qx * qx
    z, y, x = qz * sz, qy * sy, qx * sx
    return d2, (z * z + y * y + x * x + near * middle) / (d2 + near)


@triton.jit
def _ramp(d2, w2, r, PLANE: tl.constexpr):
    """A clamp(1/2 + (R - d) / w, 0, 1), see the module's top."""
    w = tl.sqrt(w2)
    if PLANE:
        radius = tl.maximum(r, 0.5 * w)
        peak = tl.minimum(2 * r / w, 1.0)
    else:
        radius = tl.sqrt(tl.maximum(r * r, w2 * (1.0 / 3)) - w2 * (1.0 / 12))
        peak = tl.minimum(3 * r * r / w2, 1.0)
    u = 0.5 + (radius - tl.sqrt(d2)) / w
    return peak * tl.minimum(tl.maximum(u, 0.0), 1.0)


@triton.jit
def draw_kernel(
    volume_ptr,      # (batch, depth, height, width), contiguous; written once
    table_ptr,       # (M, 9) float32, contiguous: the capsules
    starts_ptr,      # (tiles + 1,) int64: first pair of each tile
    capsule_ptr,     # (P,) int64: capsule of each pair
    tiles_z, tiles_y, tiles_x, depth, height, width, sz, sy, sx, near, scale, half,
    TZ: tl.constexpr, TY: tl.constexpr, TX: tl.constexpr, SMOOTH: tl.constexpr,
    PLANE: tl.constexpr,
):
    """One tile: the largest ramp (SMOOTH), or one bit for each of 8 parts inside a capsule.

    smooth:  c = max over capsules of A clamp(1/2 + (R - d) / w, 0, 1)
    samples: share = (parts with d <= r of any capsule) / 8
    No gradient here: grad_kernel. Moves: the volume written; lists and table, small and cached.
    """
    i, j, k, at, there = _voxels(tiles_z, tiles_y, tiles_x, depth, height, width, TZ, TY, TX)
    z, y, x = i.to(tl.float32) * sz, j.to(tl.float32) * sy, k.to(tl.float32) * sx
    tile = tl.program_id(0)
    start, stop = tl.load(starts_ptr + tile), tl.load(starts_ptr + tile + 1)
    if SMOOTH:
        share = tl.zeros([TZ * TY * TX], tl.float32)
        for pair in range(start, stop):
            c = tl.load(capsule_ptr + pair)
            az, ay, ax, vz, vy, vx, inverse, r, middle = _capsule(table_ptr, c)
            raw, t, qz, qy, qx = _from_axis(z, y, x, az, ay, ax, vz, vy, vx, inverse)
            d2, w2 = _width(qz, qy, qx, sz, sy, sx, middle, near)
            share = tl.maximum(share, _ramp(d2, w2, r, PLANE))
    else:
        parts = tl.zeros([TZ * TY * TX], tl.int32)
        for pair in range(start, stop):
            c = tl.load(capsule_ptr + pair)
            az, ay, ax, vz, vy, vx, inverse, r, middle = _capsule(table_ptr, c)
            for part in tl.static_range(8):
                raw, t, qz, qy, qx = _from_axis(
                    z + (0.5 * (part // 4) - 0.25) * sz, y + (0.5 * (part // 2 % 2) - 0.25) * sy,
                    x + (0.5 * (part % 2) - 0.25) * sx, az, ay, ax, vz, vy, vx, inverse)
                inside = qz * qz + qy * qy + qx * qx <= r * r
                parts = parts | (inside.to(tl.int32) << part)
        parts = parts - ((parts >> 1) & 0x55)                   # how many bits are set
        parts = (parts & 0x33) + ((parts >> 2) & 0x33)
        share = ((parts + (parts >> 4)) & 0x0F).to(tl.float32) / 8
    tl.store(volume_ptr + at, (scale * share + half).to(volume_ptr.dtype.element_ty), mask=there)


@triton.jit
def _slopes(d2, w2, r, PLANE: tl.constexpr):
    """Derivatives of the ramp c = A u, u = 1/2 + (R - d) / w, by d, w and r; 0 where u is clamped.

    Thick, A = 1:              c_d = -1/w,  c_w = R_w / w - (R - d) / w²,  c_r = R_r / w;
        3D R_w = -w / (12 R), R_r = r / R;  2D R_w = 0, R_r = 1
    thin, R = w/2, u = 1 - d/w:  c_d = -A/w,  c_w = A_w u + A d / w²,  c_r = A_r u;
        3D A_w = -2 A / w, A_r = 2 A / r;  2D A_w = -A / w, A_r = A / r
    """
    w, d = tl.sqrt(w2), tl.sqrt(d2)
    if PLANE:
        power: tl.constexpr = 1.0
        peak = 2 * r / w
        radius = tl.maximum(r, 0.5 * w)
        bend = 0.0
        slope = 1.0
    else:
        power: tl.constexpr = 2.0
        peak = 3 * r * r / w2
        radius = tl.sqrt(tl.maximum(r * r, w2 * (1.0 / 3)) - w2 * (1.0 / 12))
        bend = 1.0 / (12 * radius)
        slope = r / radius
    thick = peak >= 1.0
    u = 0.5 + (radius - d) / w
    moves = (u > 0) & ((u < 1) | (peak < 1.0))
    c_d = tl.where(thick, -1.0 / w, -peak / w)
    c_w = tl.where(thick, -bend - (radius - d) / w2, peak * (d / w2 - power * u / w))
    c_r = tl.where(thick, slope / w, power * peak * u / r)
    return tl.where(moves, c_d, 0.0), tl.where(moves, c_w, 0.0), tl.where(moves, c_r, 0.0)


@triton.jit
def grad_kernel(
    grad_ptr,        # (batch, depth, height, width), contiguous: gradient to the volume
    found_ptr,       # (P, 8) float32, contiguous: to a, b, r, m²; a row a pair, by place
    table_ptr,       # (M, 9) float32, contiguous: the capsules
    starts_ptr,      # (tiles + 1,) int64: first pair of each tile
    capsule_ptr,     # (P,) int64: capsule of each pair
    place_ptr,       # (P,) int64: row of found_ptr of each pair
    tiles_z, tiles_y, tiles_x, depth, height, width, sz, sy, sx, near,
    TZ: tl.constexpr, TY: tl.constexpr, TX: tl.constexpr, PLANE: tl.constexpr,
):
    """One tile: the owner of each voxel, then the sums of each capsule over its own voxels.

    With the way q from the axis, the ramp's derivatives c_d, c_w, c_r, and w² = (|s q|² + e m²)
    / (d² + e):

        g = dc/dq = c_d q / d + c_w (s² q - w² q) / (w (d² + e))
        to a: -(1 - t) g + [0 < t < 1] (g · v) (v + q - t v) / |v|²
        to b:      - t g - [0 < t < 1] (g · v) (q - t v) / |v|²
        to r: c_r
        to m²: c_w e / (2 w (d² + e)), which becomes part of a and b afterwards (`split`)

    A row a pair and no atomics: the same result every time. Moves: the gradient, read once.
    """
    i, j, k, at, there = _voxels(tiles_z, tiles_y, tiles_x, depth, height, width, TZ, TY, TX)
    z, y, x = i.to(tl.float32) * sz, j.to(tl.float32) * sy, k.to(tl.float32) * sx
    tile = tl.program_id(0)
    start, stop = tl.load(starts_ptr + tile), tl.load(starts_ptr + tile + 1)
    best = tl.zeros([TZ * TY * TX], tl.float32)
    owner = tl.full([TZ * TY * TX], -1, tl.int64)
    for pair in range(start, stop):
        c = tl.load(capsule_ptr + pair)
        az, ay, ax, vz, vy, vx, inverse, r, middle = _capsule(table_ptr, c)
        raw, t, qz, qy, qx = _from_axis(z, y, x, az, ay, ax, vz, vy, vx, inverse)
        d2, w2 = _width(qz, qy, qx, sz, sy, sx, middle, near)
        share = _ramp(d2, w2, r, PLANE)
        owner = tl.where(share > best, pair, owner)
        best = tl.maximum(best, share)
    if stop > start:
        weight = tl.load(grad_ptr + at, mask=there, other=0.0).to(tl.float32)
        for pair in range(start, stop):
            c = tl.load(capsule_ptr + pair)
            az, ay, ax, vz, vy, vx, inverse, r, middle = _capsule(table_ptr, c)
            raw, t, qz, qy, qx = _from_axis(z, y, x, az, ay, ax, vz, vy, vx, inverse)
            d2, w2 = _width(qz, qy, qx, sz, sy, sx, middle, near)
            c_d, c_w, c_r = _slopes(d2, w2, r, PLANE)
            own = tl.where((owner == pair) & there, weight, 0.0)
            safe = tl.where(d2 > 0, d2, 1.0)
            by_d = tl.where(d2 > 0, own * c_d / tl.sqrt(safe), 0.0)
            by_w = own * c_w / (tl.sqrt(w2) * (d2 + near))
            gz = qz * (by_d + by_w * (sz * sz - w2))
            gy = qy * (by_d + by_w * (sy * sy - w2))
            gx = qx * (by_d + by_w * (sx * sx - w2))
            turn = tl.where((raw > 0) & (raw < 1), (gz * vz + gy * vy + gx * vx) * inverse, 0.0)
            row = found_ptr + 8 * tl.load(place_ptr + pair)
            tl.store(row, tl.sum(turn * (vz + qz - t * vz) - (1 - t) * gz))
            tl.store(row + 1, tl.sum(turn * (vy + qy - t * vy) - (1 - t) * gy))
            tl.store(row + 2, tl.sum(turn * (vx + qx - t * vx) - (1 - t) * gx))
            tl.store(row + 3, -tl.sum(turn * (qz - t * vz) + t * gz))
            tl.store(row + 4, -tl.sum(turn * (qy - t * vy) + t * gy))
            tl.store(row + 5, -tl.sum(turn * (qx - t * vx) + t * gx))
            tl.store(row + 6, tl.sum(own * c_r))
            tl.store(row + 7, tl.sum(by_w * (0.5 * near)))


@triton.jit
def sum_kernel(
    found_ptr,       # (P, 8) float32, contiguous: sums of each pair, capsule after capsule
    total_ptr,       # (M, 8) float32, contiguous: sums of each capsule; written
    ends_at_ptr,     # (M + 1,) int64: first row of each capsule
    BLOCK: tl.constexpr,
):
    """Add up a capsule's rows, always in the same order. Moves: the rows, read once."""
    c = tl.program_id(0).to(tl.int64)
    start, stop = tl.load(ends_at_ptr + c), tl.load(ends_at_ptr + c + 1)
    column = tl.arange(0, 8)
    total = tl.zeros([8], tl.float32)
    for block in range(start, stop, BLOCK):
        row = block + tl.arange(0, BLOCK)
        found = tl.load(found_ptr + 8 * row[:, None] + column[None, :], mask=(row < stop)[:, None],
                        other=0.0)
        total += tl.sum(found, 0)
    tl.store(total_ptr + 8 * c + column, total)
