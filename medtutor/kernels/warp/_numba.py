"""Warp on the CPU, line by line: corners and weights of a line, then its voxels.

    new = sum over corners of weight * old        (gradients: `_numba_gradient.py`)

Moved: image and label read and written once, a dense displacement read once; a grid's displacement
lives in one line. The first part of a line is free of branches and works in vector registers; the
gathers of the second do not. A corner beyond an edge is moved onto it together with its weight, so
that the gathers need no look at edges. Lines are padded to whole vectors.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from torch import Tensor

from ..threads import in_slabs

HOW = {"nogil": True, "cache": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}
LANES = 64                                               # what a line is padded to
OUTSIDE = np.int32(-2**31)                               # sign bit: the label comes from outside


def warp(image: Tensor, displacement: Tensor, label: Tensor, zero: bool,
         new: Tensor, moved: Tensor) -> None:
    """Fill `new` and `moved`; all tensors contiguous, `label` empty where there is none."""
    arrays = [t.numpy() for t in (image.flatten(2), displacement, label.flatten(1), new, moved)]
    in_slabs(_warp, len(displacement) * image.shape[2], *arrays, zero, work=new.numel())


def warp_by_grid(image: Tensor, control: Tensor, weights: list[Tensor], label: Tensor, zero: bool,
                 new: Tensor, moved: Tensor) -> None:
    """Fill `new` and `moved`, with weights (S_a, G_a) of the control points along each axis."""
    arrays = [t.numpy() for t in (image.flatten(2), control, label.flatten(1), new, moved)]
    in_slabs(_warp_by_grid, len(control) * image.shape[2], *arrays, *line_weights(weights), zero,
             work=new.numel())


def line_weights(weights: list[Tensor]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The weights of the outer axes as they are, those along the lines as padded rows (G, S)."""
    z, y, x = (w.detach().contiguous().numpy() for w in weights)
    rows = np.zeros((-(-x.shape[1] // 4) * 4, padded(len(x))), x.dtype)
    rows[:x.shape[1], :len(x)] = x.T
    return z, y, rows


@njit(**HOW)
def padded(n):
    """Length of a line's buffers."""
    return (n + LANES - 1) // LANES * LANES


@njit(**HOW)
def locate(u, start, along, size, stride, zero, index, at, near, low, high):
    """Corner, nearest voxel and weights of a line, along one axis.

    Adds the corner's offset to `at` and the nearest voxel's to `near`; `index` is floor(x + u), and
    `low` and `high` are the weights of the two corners, at `at` and one stride on.
    """
    far = u.dtype.type(size + 1)
    one, half, nought = u.dtype.type(1), u.dtype.type(0.5), u.dtype.type(0)
    first, end, last = np.int32(0), np.int32(size - 1), np.int32(max(size - 2, 0))
    start, along, stride = np.int32(start), np.int32(along), np.int32(stride)
    for x in range(len(u)):
        whole = np.floor(u[x])
        high[x] = u[x] - whole
        whole = whole if whole > -far else -far          # NaN goes there as well
        whole = whole if whole < far else far
        index[x] = np.int32(whole) + (start + along * np.int32(x))
    for x in range(len(u)):
        i, up = index[x], np.int32(high[x] >= half)
        at[x] += min(max(i, first), last) * stride
        near[x] += min(max(i + up, first), end) * stride
    if not zero:
        for x in range(len(u)):
            i, b = index[x], high[x]
            none = b * nought                            # 0, and NaN for NaN
            b = none if i < first else b
            high[x] = b = one + none if i >= end and i >= first else b
            low[x] = one - b
        return
    for x in range(len(u)):
        i = index[x] + np.int32(high[x] >= half)
        near[x] |= OUTSIDE if (i < first) | (i > end) else first
    for x in range(len(u)):
        i, b = index[x], high[x]
        a, none = one - b, b * nought
        inside = (i >= first) & (i < end)
        low[x] = a if inside else (b if i == -1 else none)
        high[x] = b if inside else (a if i == end else none)


@njit(**HOW)
def locate_line(u, z, y, size, zero, index, at, near, weight):
    """`locate` along every axis that the displacement has; `u` is (d, line)."""
    step = steps(size, True)
    start = z, y, 0
    begin = np.int32(0 if len(u) == 3 else z * size[1] * size[2])
    for x in range(len(at)):
        at[x] = near[x] = begin
    for axis in range(3 - len(u), 3):
        locate(u[axis - 3 + len(u)], start[axis], axis == 2, size[axis], step[axis], zero,
               index[axis], at, near, weight[2 * axis], weight[2 * axis + 1])


@njit(**HOW)
def steps(size, solid):
    """How far the second corner lies along each axis; 0 where there is none."""
    depth, height, width = size
    return (height * width if solid and depth > 1 else 0, width if height > 1 else 0,
            1 if width > 1 else 0)


@njit(**HOW)
def mix(image, at, weight, solid, step, new):
    """Sum over 4 or 8 corners; indices are unsigned, as numba looks for negative ones."""
    sz, sy, sx = step
    if not solid:
        for x in range(len(new)):
            j = np.int64(at[x])
            a = weight[2, x] * image[np.uint64(j)] + weight[3, x] * image[np.uint64(j + sy)]
            b = (weight[2, x] * image[np.uint64(j + sx)]
                 + weight[3, x] * image[np.uint64(j + sy + sx)])
            new[x] = weight[4, x] * a + weight[5, x] * b
        return
    for x in range(len(new)):
        j, y0, y1 = np.int64(at[x]), weight[2, x], weight[3, x]
        a = y0 * image[np.uint64(j)] + y1 * image[np.uint64(j + sy)]
        b = y0 * image[np.uint64(j + sx)] + y1 * image[np.uint64(j + sy + sx)]
        c = y0 * image[np.uint64(j + sz)] + y1 * image[np.uint64(j + sz + sy)]
        d = y0 * image[np.uint64(j + sz + sx)] + y1 * image[np.uint64(j + sz + sy + sx)]
        a = weight[0, x] * a + weight[1, x] * c
        b = weight[0, x] * b + weight[1, x] * d
        new[x] = weight[4, x] * a + weight[5, x] * b


@njit(**HOW)
def take(label, near, moved):
    """The nearest voxel's label; 0 where the sign bit says outside."""
    for x in range(len(moved)):
        moved[x] = label[np.uint64(near[x])] if near[x] >= 0 else 0


@njit(**HOW)
def batch_of(group, groups, batch):
    """The images that one displacement belongs to."""
    return (0, batch) if groups == 1 else (group, group + 1)


@njit(**HOW)
def read_line(displacement, z, y, u):
    """The displacement along a line; the padding stays 0."""
    for a in range(len(u)):
        for x in range(displacement.shape[3]):
            u[a, x] = displacement[a, z, y, x]


@njit(**HOW)
def _sample(image, label, new, moved, u, group, groups, z, y, zero, index, at, near, weight):
    size = new.shape[2:]
    solid = len(u) == 3
    locate_line(u, z, y, size, zero, index, at, near, weight)
    first, last = batch_of(group, groups, len(new))
    for b in range(first, last):
        for c in range(image.shape[1]):
            old = image[b if len(image) > 1 else 0, c]
            mix(old, at, weight, solid, steps(size, solid), new[b, c, z, y])
        if label.size:
            take(label[b if len(label) > 1 else 0], near, moved[b, z, y])


@njit(**HOW)
def buffers(width, axes, like):
    """Displacement, floor(x + u), corner, nearest voxel and weights of one line."""
    n = padded(width)
    return (np.zeros((axes, n), like.dtype), np.empty((3, n), np.int32), np.empty(n, np.int32),
            np.empty(n, np.int32), np.empty((6, n), like.dtype))


@njit(**HOW)
def _warp(first, last, image, displacement, label, new, moved, zero):
    depth, height, width = new.shape[2:]
    u, index, at, near, weight = buffers(width, displacement.shape[1], displacement)
    for plane in range(first, last):
        group, z = plane // depth, plane % depth
        for y in range(height):
            read_line(displacement[group], z, y, u)
            _sample(image, label, new, moved, u, group, len(displacement), z, y, zero,
                    index, at, near, weight)


@njit(**HOW)
def _warp_by_grid(first, last, image, control, label, new, moved, along_z, along_y, rows, zero):
    depth, height, width = new.shape[2:]
    u, index, at, near, weight = buffers(width, control.shape[1], control)
    slab, points = grid_buffers(control, rows)
    for plane in range(first, last):
        group, z = plane // depth, plane % depth
        mix_plane(control[group], along_z[z], slab)
        for y in range(height):
            mix_line(slab, along_y[y], rows, points, u)
            _sample(image, label, new, moved, u, group, len(control), z, y, zero,
                    index, at, near, weight)


@njit(**HOW)
def grid_buffers(control, rows):
    """Control points mixed along z, and along z and y (padded with zeros)."""
    axes, _, g, h = control.shape[1:]
    return np.empty((axes, g, h), control.dtype), np.zeros(len(rows), control.dtype)


@njit(**HOW)
def mix_plane(control, weight, slab):
    """slab[a] = sum_i weight[i] control[a, i]."""
    axes, planes, g, h = control.shape
    for a in range(axes):
        for j in range(g):
            for k in range(h):
                total = weight[0] * control[a, 0, j, k]
                for i in range(1, planes):
                    total += weight[i] * control[a, i, j, k]
                slab[a, j, k] = total


@njit(**HOW)
def mix_line(slab, weight, rows, points, u):
    """u[a, x] = sum_k rows[k, x] sum_j weight[j] slab[a, j, k], four points k at a time."""
    for a in range(len(u)):
        for k in range(len(points)):
            points[k] = 0
        for j in range(len(weight)):
            if weight[j] != 0:
                for k in range(slab.shape[2]):
                    points[k] += weight[j] * slab[a, j, k]
        line = u[a]
        for x in range(len(line)):
            line[x] = 0
        for k in range(0, len(rows), 4):
            p, q, r, s = points[k], points[k + 1], points[k + 2], points[k + 3]
            for x in range(len(line)):
                line[x] += (p * rows[k, x] + q * rows[k + 1, x] + r * rows[k + 2, x]
                            + s * rows[k + 3, x])
