"""The form for the CPU: a slice at a time, and in it the rows that a capsule reaches."""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..threads import in_slabs
from ._bounds import Bounds, bounds, split

FAST = {"nogil": True, "cache": True, "error_model": "numpy",
        "fastmath": {"contract", "reassoc", "nsz"}}
GREY = {torch.float32: np.float32, torch.float64: np.float64, torch.uint8: np.uint8}


def draw(ends: Tensor, radii: Tensor, tree: Tensor, batch: int, size: list[int],
         spacing: list[float], smooth: bool, dtype: torch.dtype) -> Tensor:
    """Draw into (batch, *size) of float32, float64 or uint8."""
    # The system hands large arrays of numpy out as pages that it clears when they are first written
    # (2 MiB at a time, as numpy asks for): to clear fresh torch memory takes four times as long.
    grid = np.zeros((batch, *size), GREY[dtype])
    if not grid.size:
        return torch.from_numpy(grid)
    where, table, starts, members = lists(ends, radii, tree, batch, size, spacing, smooth)
    slices = grid.reshape(batch * where.size[0], *where.size[1:])
    if smooth:
        grey = (255.0, 0.5) if dtype == torch.uint8 else (1.0, 0.0)
        kernel, how = _draw_smooth, (where.near, *grey)
    else:
        kernel, how = _draw_samples, share_of_bits(slices.dtype)
    in_slabs(kernel, len(slices), slices, table, starts, members, where.size[0],
             np.array(where.spacing), how, len(size) == 2, work=slices.size)
    return torch.from_numpy(grid)


def gradients(grad: Tensor, ends: Tensor, radii: Tensor, tree: Tensor, size: list[int],
              spacing: list[float]) -> tuple[Tensor, Tensor]:
    """Gradients to ends and radii from that to a volume that was drawn smooth."""
    from ._numba_backward import sum_of_slices

    batch = len(grad)
    if not grad.numel() or not len(ends):
        return torch.zeros_like(ends), torch.zeros_like(radii)
    where, table, starts, members = lists(ends, radii, tree, batch, size, spacing, True)
    slices = grad.contiguous().numpy().reshape(batch * where.size[0], *where.size[1:])
    found = np.zeros((len(members), 8))    # of each capsule in each slice: the threads share none
    in_slabs(sum_of_slices, len(slices), slices, found, table, starts, members, where.size[0],
             np.array(where.spacing), where.near, len(size) == 2, work=slices.size)
    total = np.zeros((len(ends), 8))
    np.add.at(total, members, found)       # slice after slice
    return split(torch.from_numpy(total), where.middle_by_v, ends, radii)


def lists(ends: Tensor, radii: Tensor, tree: Tensor, batch: int, size: list[int],
          spacing: list[float], smooth: bool) -> tuple[Bounds, np.ndarray, np.ndarray, np.ndarray]:
    """The capsules as rows of numbers, and those of each slice: all volumes' slices in a row.

    Returns:
        The bounds; a table (M, 13): a, v = b - a, 1 / |v|² (0 for a ball), r, reach, full, the
        first and last row, and m²; `starts` and `members`: slice i has the capsules
        `members[starts[i]:starts[i + 1]]`, in their order.
    """
    where = bounds(ends.double(), radii.double(), tree, batch, size, spacing, smooth)
    a, b = where.ends.unbind(1)
    v = b - a
    square = v.square().sum(1)
    inverse = torch.where(square > 0, 1 / square, 0)
    table = torch.cat([a, v, torch.stack([inverse, where.radii, where.reach, where.full], 1),
                       where.first[:, 1:2], where.last[:, 1:2], where.middle[:, None]], 1).numpy()
    empty = (where.last < where.first).any(1)
    base = tree * where.size[0]
    first = torch.where(empty, 0, base + where.first[:, 0]).numpy()
    last = torch.where(empty, -1, base + where.last[:, 0]).numpy()
    starts, members = _by_slice(first, last, batch * where.size[0])
    return where, table, starts, members


def share_of_bits(dtype: np.dtype) -> np.ndarray:
    """What is written for each set of parts that are inside, one bit a part: (256,)."""
    share = np.array([n.bit_count() for n in range(256)]) / 8
    return np.floor(255 * share + 0.5).astype(dtype) if dtype == np.uint8 else share.astype(dtype)


@njit(**FAST)
def _by_slice(first, last, slices):
    """Capsules of each slice, from the first and last slice of each capsule."""
    starts = np.zeros(slices + 1, np.int64)
    for c in range(len(first)):
        for i in range(first[c], last[c] + 1):
            starts[i + 1] += 1
    for i in range(slices):
        starts[i + 1] += starts[i]
    members = np.empty(starts[slices], np.int64)
    filled = starts[:-1].copy()
    for c in range(len(first)):
        for i in range(first[c], last[c] + 1):
            members[filled[i]] = c
            filled[i] += 1
    return starts, members


@njit(**FAST)
def rows_of(z, vz, vy, reach, first, last, ay, sy):
    """The rows of a slice, z from the first end, that come within reach of a segment."""
    low, high = 0.0, 1.0                   # the part of the segment within reach of the slice
    if vz != 0.0:
        near, far = (z - reach) / vz, (z + reach) / vz
        low, high = max(low, min(near, far)), min(high, max(near, far))
    if sy == 0.0 or not low <= high:       # one row; or missed by a rounding error
        return int(first), int(last)
    top, bottom = min(low * vy, high * vy) - reach, max(low * vy, high * vy) + reach
    return (int(max(first, np.floor((ay + top) / sy))), int(min(last, np.ceil((ay + bottom) / sy))))


@njit(**FAST)
def chord(z, y, vz, vy, vx, inverse, radius):
    """Where the line along x at (z, y) from the first end is within a radius of the segment.

    A capsule is convex, so what the line shares with its two balls and its cylinder make up one
    interval of x. The cylinder: h = (z vy - y vz) / k is how far the line and the axis, made
    infinite, pass each other, k² = vz² + vy²; the half length is sqrt(radius² - h²) |v| / k; only
    the part whose nearest point of the axis lies between the ends counts.

    Returns:
        First and last x from the first end; the first beyond the last where there is none.
    """
    low, high = np.inf, -np.inf
    k2, square = vz * vz + vy * vy, radius * radius
    slanted = k2 * inverse > 1e-20         # else parallel to the line: the balls tell all
    cross = z * vy - y * vz
    if slanted and cross * cross > square * k2:
        return low, high
    left = square - z * z - y * y
    if left >= 0.0:
        high = np.sqrt(left)
        low = -high
    left = square - (z - vz) ** 2 - (y - vy) ** 2
    if left >= 0.0:
        half = np.sqrt(left)
        low, high = min(low, vx - half), max(high, vx + half)
    if slanted:
        along = z * vz + y * vy
        middle = along * vx / k2
        half = np.sqrt((square - cross * cross / k2) / (k2 * inverse))
        start, stop = middle - half, middle + half
        if vx != 0.0:                      # 0 <= along + x vx <= |v|²
            one, other = -along / vx, (1.0 / inverse - along) / vx
            start, stop = max(start, min(one, other)), min(stop, max(one, other))
        elif along < 0.0 or along * inverse > 1.0:
            return low, high
        if start <= stop:
            low, high = min(low, start), max(high, stop)
    return low, high


@njit(**FAST)
def clipped(x, most):
    """A number of any size as an integer in [-1, most]."""
    return int(max(-1.0, min(x, most)))


@njit(**FAST)
def _draw_samples(first, last, volume, table, starts, members, depth, spacing, shares, flat):
    """The share of 8 parts of each voxel that is inside a capsule.

    A row of voxels has 4 lines of parts, two parts a voxel, which lie s/2 apart; of each line a
    capsule covers one interval, found in closed form (`chord`), so no part is ever tested. The
    parts of a slice are bits of a plane that stays in the cache; what they make is written once,
    to a volume that comes in as zeros.

    Moves: the volume, written; per slice a plane of one byte a voxel, in the cache.
    """
    height, width = volume.shape[1:]
    sz, sy, sx = spacing
    words = (width + 7) // 8
    parts = np.zeros((height, 8 * words), np.uint8)
    eight = parts.view(np.uint64)          # (height, words)
    both, even, odd = np.uint8(3), np.uint8(1), np.uint8(2)
    for i in range(first, last):
        top, bottom = height, -1
        for m in range(starts[i], starts[i + 1]):
            c = table[members[m]]
            ax, vz, vy, vx, inverse, radius = c[2], c[3], c[4], c[5], c[6], c[7]
            z = (i % depth) * sz - c[0]
            start, stop = rows_of(z, vz, vy, radius + (sz + sy) / 4, c[10], c[11], c[1], sy)
            top, bottom = min(top, start), max(bottom, stop)
            for j in range(start, stop + 1):
                y = j * sy - c[1]
                for line in range(4):
                    low, high = chord(z + (0.5 * (line // 2) - 0.25) * sz,
                                      y + (0.5 * (line % 2) - 0.25) * sy,
                                      vz, vy, vx, inverse, radius)
                    if not low <= high:
                        continue
                    one = max(0, clipped(np.ceil(2 * (ax + low) / sx + 0.5), 2 * width))
                    end = clipped(np.floor(2 * (ax + high) / sx + 0.5), 2 * width - 1)
                    if one > end:
                        continue
                    x0, x1 = one // 2, end // 2
                    shift = np.uint8(2 * line)
                    begin, finish = both, both
                    if one % 2:
                        begin = odd
                    if end % 2 == 0:
                        finish = even
                    if x0 == x1:
                        parts[j, x0] |= (begin & finish) << shift
                        continue
                    parts[j, x0] |= begin << shift
                    for x in range(x0 + 1, x1):
                        parts[j, x] |= both << shift
                    parts[j, x1] |= finish << shift
        for j in range(top, bottom + 1):
            for word in range(words):
                if eight[j, word]:
                    for x in range(8 * word, min(8 * word + 8, width)):
                        volume[i, j, x] = shares[parts[j, x]]
                    eight[j, word] = 0


@njit(**FAST)
def ramp(d2, w2, r, flat):
    """How much of a voxel is inside: A clamp(1/2 + (R - d) / w, 0, 1), see the module's top."""
    w, d = np.sqrt(w2), np.sqrt(d2)
    if flat:
        radius, peak = max(r, 0.5 * w), min(1.0, 2.0 * r / w)
    else:
        r2 = r * r
        radius = np.sqrt(max(r2, w2 / 3.0) - w2 / 12.0)
        peak = min(1.0, 3.0 * r2 / w2)
    return peak * min(1.0, max(0.0, 0.5 + (radius - d) / w))


@njit(**FAST)
def _draw_smooth(first, last, volume, table, starts, members, depth, spacing, how, flat):
    """The largest ramp of all capsules, in each voxel that one reaches.

    Where a row enters and leaves reach, and the part of it that is wholly inside, are found in
    closed form (`chord`); the ramp is computed in between. The volume comes in as zeros.

    Moves: the volume, written; its slice stays in the cache while capsules are drawn into it.
    """
    height, width = volume.shape[1:]
    sz, sy, sx = spacing
    cubes = sz == sx and (sy == sx or sy == 0.0)
    near, scale, half = how                # of shares; half a grey value rounds what is whole
    for i in range(first, last):
        for m in range(starts[i], starts[i + 1]):
            c = table[members[m]]
            ax, vz, vy, vx, inverse, r, reach, full = c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9]
            z = (i % depth) * sz - c[0]
            start, stop = rows_of(z, vz, vy, reach, c[10], c[11], c[1], sy)
            for j in range(start, stop + 1):
                y = j * sy - c[1]
                low, high = chord(z, y, vz, vy, vx, inverse, reach)
                if not low <= high:
                    continue
                x0 = max(0, clipped(np.ceil((ax + low) / sx), width))
                x1 = clipped(np.floor((ax + high) / sx), width - 1)
                from_, to = x1 + 1, x1
                if full >= 0.0:
                    low, high = chord(z, y, vz, vy, vx, inverse, full)
                    if low <= high:
                        from_ = max(x0, clipped(np.ceil((ax + low) / sx), width))
                        to = min(x1, clipped(np.floor((ax + high) / sx), width - 1))
                        if from_ > to:
                            from_, to = x1 + 1, x1
                for x in range(from_, to + 1):
                    volume[i, j, x] = scale + half
                along = z * vz + y * vy
                for begin, end in ((x0, from_), (to + 1, x1 + 1)):
                    for x in range(begin, end):
                        p = x * sx - ax
                        t = min(1.0, max(0.0, (along + p * vx) * inverse))
                        qz, qy, qx = z - t * vz, y - t * vy, p - t * vx
                        d2 = qz * qz + qy * qy + qx * qx
                        w2 = c[12]
                        if not cubes:
                            w2 = (((qz * sz) ** 2 + (qy * sy) ** 2 + (qx * sx) ** 2 + near * w2)
                                  / (d2 + near))
                        grey = scale * ramp(d2, w2, r, flat) + half
                        if grey > volume[i, j, x]:
                            volume[i, j, x] = grey
