"""Gradients of warp on the CPU, for g = d loss / d new.

    d u_a(x) = g(x) * sum over corners of slope_a * weights of the other axes * old
    d old(y) = sum over the voxels x that y is a corner of, of weight * g(x)
    d control = the d u of all voxels, times the weights of the control points

Moved: as forward, and the gradients written once. d u is a gather, shared out by planes of the new
image; d old is a scatter, shared out by planes of the OLD one: each thread looks at every line and
adds what falls on its own planes, in the order of the voxels. So no two threads write to one place
and the bits do not depend on their number. d old and d control are summed in float64.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..threads import in_slabs
from ._numba import (
    HOW,
    batch_of,
    buffers,
    grid_buffers,
    line_weights,
    locate_line,
    mix_line,
    mix_plane,
    read_line,
    steps,
)

SUMS = {**HOW, "fastmath": {"contract", "nsz", "reassoc"}}


def of_displacement(grad: Tensor, image: Tensor, displacement: Tensor, zero: bool) -> Tensor:
    """(B, d, *S), the gradient to a dense displacement."""
    found = torch.empty_like(displacement)
    arrays = [t.numpy() for t in (grad, image.flatten(2), displacement, found)]
    in_slabs(_of_displacement, len(displacement) * image.shape[2], *arrays, zero,
             work=grad.numel())
    return found


def of_control(grad: Tensor, image: Tensor, control: Tensor, weights: list[Tensor],
               zero: bool) -> Tensor:
    """(B, d, *G), the gradient to the displacements of control points."""
    depth = image.shape[2]
    planes = np.zeros((len(control), depth, control.shape[1], *control.shape[3:]))
    arrays = [t.numpy() for t in (grad, image.flatten(2), control)]
    along = line_weights(weights)
    in_slabs(_of_control, len(control) * depth, *arrays, planes, *along, zero, work=grad.numel())
    found = np.einsum("zi,bzajk->baijk", along[0].astype(np.float64), planes)
    return torch.from_numpy(found).to(control.dtype)


def of_image(grad: Tensor, image: Tensor, displacement: Tensor, zero: bool) -> Tensor:
    """(B, C, *S), the gradient to the image, under a dense displacement."""
    found = np.zeros((*image.shape[:2], image.shape[2:].numel()))
    arrays = [t.numpy() for t in (grad, displacement)]
    in_slabs(_of_image, image.shape[2], *arrays, found, zero, work=grad.numel())
    return torch.from_numpy(found).to(image.dtype).view(image.shape)


def of_image_by_grid(grad: Tensor, image: Tensor, control: Tensor, weights: list[Tensor],
                     zero: bool) -> Tensor:
    """(B, C, *S), the gradient to the image, under displacements of control points."""
    found = np.zeros((*image.shape[:2], image.shape[2:].numel()))
    arrays = [t.numpy() for t in (grad, control)]
    in_slabs(_of_image_by_grid, image.shape[2], *arrays, found, *line_weights(weights), zero,
             work=grad.numel())
    return torch.from_numpy(found).to(image.dtype).view(image.shape)


@njit(**HOW)
def slopes(index, size, zero, slope):
    """Slopes d weight / d u of the two corners of a line, along one axis."""
    one, nought = slope.dtype.type(1), slope.dtype.type(0)
    for x in range(len(index)):
        i = index[x]
        inside = (i >= 0) & (i < size - 1)
        below = one if zero and i == -1 else nought
        above = -one if zero and i == size - 1 else nought
        slope[0, x] = -one if inside else below
        slope[1, x] = one if inside else above


@njit(**HOW)
def line_slopes(index, size, zero, slope):
    """`slopes` along every axis; (6, line) as the weights."""
    for axis in range(3):
        slopes(index[axis], size[axis], zero, slope[2 * axis:2 * axis + 2])


@njit(**HOW)
def add_slopes(grad, image, at, weight, slope, solid, step, found):
    """found[a, x] += grad[x] * d new / d u_a."""
    sz, sy, sx = step
    for x in range(len(grad)):
        j = np.int64(at[x])
        v0, v1 = image[np.uint64(j)], image[np.uint64(j + sx)]
        w0, w1 = image[np.uint64(j + sy)], image[np.uint64(j + sy + sx)]
        y0, y1, x0, x1 = weight[2, x], weight[3, x], weight[4, x], weight[5, x]
        p, q = y0 * v0 + y1 * w0, y0 * v1 + y1 * w1      # mixed along y, at x and x + 1
        along_y = slope[2, x] * (x0 * v0 + x1 * v1) + slope[3, x] * (x0 * w0 + x1 * w1)
        along_x = slope[4, x] * p + slope[5, x] * q
        if solid:
            j += sz
            v0, v1 = image[np.uint64(j)], image[np.uint64(j + sx)]
            w0, w1 = image[np.uint64(j + sy)], image[np.uint64(j + sy + sx)]
            r, s = y0 * v0 + y1 * w0, y0 * v1 + y1 * w1
            next_y = slope[2, x] * (x0 * v0 + x1 * v1) + slope[3, x] * (x0 * w0 + x1 * w1)
            z0, z1 = weight[0, x], weight[1, x]
            along_y = z0 * along_y + z1 * next_y
            along_x = z0 * along_x + z1 * (slope[4, x] * r + slope[5, x] * s)
            found[0, x] += grad[x] * (slope[0, x] * (x0 * p + x1 * q)
                                      + slope[1, x] * (x0 * r + x1 * s))
        found[-2, x] += grad[x] * along_y
        found[-1, x] += grad[x] * along_x


@njit(**HOW)
def _line_gradient(grad, image, u, group, groups, z, y, zero, index, at, near, weight, slope,
                   found):
    size, solid = grad.shape[2:], len(u) == 3
    locate_line(u, z, y, size, zero, index, at, near, weight)
    line_slopes(index, size, zero, slope)
    for a in range(len(u)):
        for x in range(len(at)):
            found[a, x] = 0
    first, last = batch_of(group, groups, len(grad))
    for b in range(first, last):
        for c in range(image.shape[1]):
            old = image[b if len(image) > 1 else 0, c]
            add_slopes(grad[b, c, z, y], old, at, weight, slope, solid, steps(size, solid), found)


@njit(**HOW)
def _of_displacement(first, last, grad, image, displacement, found, zero):
    depth, height, width = grad.shape[2:]
    u, index, at, near, weight = buffers(width, displacement.shape[1], displacement)
    slope, line = np.zeros_like(weight), np.zeros_like(u)
    for plane in range(first, last):
        group, z = plane // depth, plane % depth
        for y in range(height):
            read_line(displacement[group], z, y, u)
            _line_gradient(grad, image, u, group, len(displacement), z, y, zero, index, at, near,
                           weight, slope, line)
            for a in range(len(u)):
                for x in range(width):
                    found[group, a, z, y, x] = line[a, x]


@njit(**SUMS)
def product(line, row):
    """sum_x line[x] row[x], in several partial sums."""
    total = np.float64(0)
    for x in range(len(line)):
        total += np.float64(line[x]) * np.float64(row[x])
    return total


@njit(**HOW)
def _of_control(first, last, grad, image, control, planes, along_z, along_y, rows, zero):
    depth, height, width = grad.shape[2:]
    u, index, at, near, weight = buffers(width, control.shape[1], control)
    slope, line = np.zeros_like(weight), np.zeros_like(u)
    slab, points = grid_buffers(control, rows)
    for plane in range(first, last):
        group, z = plane // depth, plane % depth
        mix_plane(control[group], along_z[z], slab)
        for y in range(height):
            mix_line(slab, along_y[y], rows, points, u)
            _line_gradient(grad, image, u, group, len(control), z, y, zero, index, at, near,
                           weight, slope, line)
            for a in range(len(u)):
                for k in range(control.shape[4]):
                    along_x = product(line[a], rows[k])
                    for j in range(control.shape[3]):
                        planes[group, z, a, j, k] += along_y[y, j] * along_x


@njit(**HOW)
def _scatter(first, last, grad, u, group, groups, z, y, zero, index, at, near, weight, found):
    """Add a line's gradient to the planes first to last of the old image, at its corners."""
    size, solid = grad.shape[2:], len(u) == 3
    depth, height, width = size
    if not solid and not first <= z < last:
        return
    locate_line(u, z, y, size, zero, index, at, near, weight)
    if solid:
        low, high = index[0, 0], index[0, 0]
        for x in range(width):
            low, high = min(low, index[0, x]), max(high, index[0, x])
        low, high = max(min(low, depth - 2), 0), max(min(high + 1, depth - 1), 0)
        if high < first or low >= last:
            return
    sz, sy, sx = steps(size, solid)
    begin, end = first * height * width, last * height * width
    batch, until = batch_of(group, groups, len(grad))
    for b in range(batch, until):
        for c in range(found.shape[1]):
            old, line = found[b if len(found) > 1 else 0, c], grad[b, c, z, y]
            for x in range(width):
                g = np.float64(line[x])
                for corner in range(2 if solid else 1):
                    j = np.int64(at[x]) + corner * sz
                    if j < begin or j >= end:
                        continue
                    h = g * weight[corner, x] if solid else g
                    old[j] += h * weight[2, x] * weight[4, x]
                    old[j + sx] += h * weight[2, x] * weight[5, x]
                    old[j + sy] += h * weight[3, x] * weight[4, x]
                    old[j + sy + sx] += h * weight[3, x] * weight[5, x]


@njit(**HOW)
def _of_image(first, last, grad, displacement, found, zero):
    depth, height, width = grad.shape[2:]
    u, index, at, near, weight = buffers(width, displacement.shape[1], displacement)
    for plane in range(len(displacement) * depth):
        group, z = plane // depth, plane % depth
        for y in range(height):
            read_line(displacement[group], z, y, u)
            _scatter(first, last, grad, u, group, len(displacement), z, y, zero, index, at, near,
                     weight, found)


@njit(**HOW)
def _of_image_by_grid(first, last, grad, control, found, along_z, along_y, rows, zero):
    depth, height, width = grad.shape[2:]
    u, index, at, near, weight = buffers(width, control.shape[1], control)
    slab, points = grid_buffers(control, rows)
    for plane in range(len(control) * depth):
        group, z = plane // depth, plane % depth
        mix_plane(control[group], along_z[z], slab)
        for y in range(height):
            mix_line(slab, along_y[y], rows, points, u)
            _scatter(first, last, grad, u, group, len(control), z, y, zero, index, at, near,
                     weight, found)
