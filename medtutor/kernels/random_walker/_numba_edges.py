"""The random walker's kernels for the CPU that run once: edges, coarse edges, residual, result."""

from __future__ import annotations

import numpy as np
from numba import njit

from medtutor.kernels.overlap._vector_math import exp_negative
from medtutor.kernels.random_walker._solve import Grid
from medtutor.kernels.threads import in_slabs

CHUNK = 512
jit = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})


@jit
def _weight(image, i, j, scale, rate):
    """exp(-scale |difference|² / spacing²) + 1e-10, the floor that keeps the graph connected."""
    square = image.dtype.type(0)
    for c in range(len(image)):
        difference = image[c, i] - image[c, j]
        square += difference * difference
    return exp_negative(-image.dtype.type(scale * rate) * square) + image.dtype.type(1e-10)


@jit
def _write_edges(first, last, image, shape, strides, guard, scale, rates, edges):
    """Weights to the next voxel along each axis, for planes first..last; `edges` comes as zeros."""
    n0, n1, n2 = shape
    for axis in range(3):
        stride, factor = strides[axis], -image.dtype.type(scale * rates[axis])
        for i in range(first, last - (axis == 0 and last == n0)):
            for j in range(n1 - (axis == 1)):
                at, count = (i * n1 + j) * n2, n2 - (axis == 2)
                row = edges[axis, guard + at : guard + at + count]
                for c in range(len(image)):
                    here, ahead = image[c, at : at + count], image[c, at + stride :]
                    for k in range(count):
                        row[k] += (here[k] - ahead[k]) * (here[k] - ahead[k])
                for k in range(count):
                    row[k] = exp_negative(factor * row[k]) + image.dtype.type(1e-10)


@jit
def _sum_to_seeds(first, last, seeds, strides, guard, edges):
    """Row 3: of each unknown voxel, the edges to seeds. Reads what `_cut` then removes."""
    for i in range(first, last):
        total = edges.dtype.type(0)
        if seeds[i] == 0:
            for axis in range(3):
                s = strides[axis]
                if s:
                    ahead, behind = edges[axis, guard + i], edges[axis, guard + i - s]
                    if ahead > 0 and seeds[i + s] > 0:
                        total += ahead
                    if behind > 0 and seeds[i - s] > 0:
                        total += behind
        edges[3, guard + i] = total


@jit
def _cut(first, last, seeds, strides, guard, edges):
    """Remove edges that do not join two unknown voxels."""
    for i in range(first, last):
        for axis in range(3):
            if edges[axis, guard + i] > 0 and (seeds[i] != 0 or seeds[i + strides[axis]] != 0):
                edges[axis, guard + i] = 0


@jit
def _coarsen(first, last, shape, strides, guard, fine, coarse_shape, coarse_guard, coarse, shrink):
    """An edge between blocks is the sum of the edges across their common face, shrunk."""
    n0, n1, n2 = shape
    _, c1, c2 = coarse_shape
    for i in range(first, last):
        for j in range(c1):
            for k in range(c2):
                totals = np.zeros(4)
                for a in range(2 * i, min(2 * i + 2, n0)):
                    for b in range(2 * j, min(2 * j + 2, n1)):
                        for c in range(2 * k, min(2 * k + 2, n2)):
                            at = guard + (a * n1 + b) * n2 + c
                            totals[3] += fine[3, at]
                            if a == 2 * i + 1:
                                totals[0] += fine[0, at]
                            if b == 2 * j + 1:
                                totals[1] += fine[1, at]
                            if c == 2 * k + 1:
                                totals[2] += fine[2, at]
                at = coarse_guard + (i * c1 + j) * c2 + k
                for axis in range(3):
                    coarse[axis, at] = shrink * totals[axis]
                coarse[3, at] = totals[3]


@jit
def _double_stencil(out, edges, p, at, end, strides):
    """`out` = A p in double precision."""
    x, e = p[at:end], edges[3, at:end]
    for k in range(end - at):
        out[k] = np.float64(e[k]) * x[k]
    for axis in range(3):
        s = strides[axis]
        if s:
            w, v = edges[axis, at:end], edges[axis, at - s : end - s]
            ahead, behind = p[at + s : end + s], p[at - s : end - s]
            for k in range(end - at):
                here = np.float64(x[k])
                out[k] += np.float64(w[k]) * (here - np.float64(ahead[k]))
                out[k] += np.float64(v[k]) * (here - np.float64(behind[k]))


@jit
def _residual(first, last, image, seeds, strides, guard, scale, rates, edges, x, r, shape, sums):
    """Write r = b - A x in double precision; sums of r² and b² for all labels.

    b, the edges to the seeds of a label, is worked out again from the image where it is not zero.
    The last label's residual is minus the sum of the others', as the probabilities sum to 1.
    """
    length, sides = len(seeds), len(x)
    n0, n1, n2 = shape
    right, row = np.empty((sides + 1, CHUNK)), np.empty(CHUNK)
    for c in range(first, last):
        begin, end = c * CHUNK, min((c + 1) * CHUNK, length)
        right[:] = 0
        for i in range(begin, end):
            if edges[3, guard + i] > 0:
                here = (i // (n1 * n2), i // n2 % n1, i % n2)
                for axis in range(3):
                    s = strides[axis]
                    if here[axis] + 1 < shape[axis] and seeds[i + s] > 0:
                        right[seeds[i + s] - 1, i - begin] += _weight(image, i, i + s, scale,
                                                                      rates[axis])
                    if here[axis] > 0 and seeds[i - s] > 0:
                        right[seeds[i - s] - 1, i - begin] += _weight(image, i, i - s, scale,
                                                                      rates[axis])
        for m in range(sides + 1):
            total = 0.0
            for k in range(end - begin):
                total += right[m, k] * right[m, k]
            sums[c, 1, m] = total
        right[sides] = 0
        for m in range(sides):
            _double_stencil(row, edges, x[m], guard + begin, guard + end, strides)
            out, total = r[m, guard + begin : guard + end], 0.0
            for k in range(end - begin):
                value = right[m, k] - row[k]
                out[k] = value
                right[sides, k] -= value
                total += value * value
            sums[c, 0, m] = total
        total = 0.0
        for k in range(end - begin):
            total += right[sides, k] * right[sides, k]
        sums[c, 0, sides] = total


@jit
def _finish(first, last, seeds, guard, x, order, probabilities, labels):
    """Probabilities clipped to [0, 1] and made to sum to 1; the most probable label."""
    sides = len(x)
    for i in range(first, last):
        label = seeds[i]
        if label == 0:
            total, best, most = x.dtype.type(0), 0, x.dtype.type(-1)
            for m in range(sides):
                value = min(max(x[m, guard + i], x.dtype.type(0)), x.dtype.type(1))
                probabilities[order[m], i] = value
                total += value
            probabilities[order[sides], i] = max(x.dtype.type(1) - total, x.dtype.type(0))
            for m in range(sides + 1):
                if total > 1:
                    probabilities[m, i] /= total
                if probabilities[m, i] > most:
                    best, most = m, probabilities[m, i]
            labels[i] = best + 1
        else:
            for m in range(sides + 1):
                probabilities[m, i] = 0
            if label > 0:
                label = order[label - 1] + 1
                probabilities[label - 1, i] = 1
            labels[i] = label


def write_edges(image: np.ndarray, seeds: np.ndarray, scale: float, rates: tuple,
                grid: Grid) -> None:
    """Fill the edges of the finest grid."""
    place, n, work = (grid.strides, grid.guard), grid.length, grid.length
    image = image.reshape(len(image), -1)
    in_slabs(_write_edges, grid.shape[0], image, grid.shape, *place, scale, rates, grid.edges,
             work=work)
    in_slabs(_sum_to_seeds, n, seeds, *place, grid.edges, work=work)
    in_slabs(_cut, n, seeds, *place, grid.edges, work=work)


def coarsen(fine: Grid, coarse: Grid, shrink: float) -> None:
    """Fill the edges of a coarse grid."""
    in_slabs(_coarsen, coarse.shape[0], fine.shape, fine.strides, fine.guard, fine.edges,
             coarse.shape, coarse.guard, coarse.edges, shrink, work=fine.length)


def residual(image: np.ndarray, seeds: np.ndarray, scale: float, rates: tuple, grid: Grid,
             x: np.ndarray, r: np.ndarray, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Write r = b - A x; squared norms of r and b, a label each, all in double precision."""
    chunks = -(-grid.length // CHUNK)
    sums = np.zeros((chunks, 2, labels))
    in_slabs(_residual, chunks, image.reshape(len(image), -1), seeds, grid.strides, grid.guard,
             scale, rates, grid.edges, x, r, grid.shape, sums, work=grid.length * labels)
    square, size = sums.sum(0)
    return square, size


def begin(start: np.ndarray, seeds: np.ndarray, grid: Grid, x: np.ndarray) -> None:
    """A first guess: given where unknown, 0 elsewhere."""
    inside = x[:, grid.guard : grid.guard + grid.length]
    np.copyto(inside, start)
    inside *= seeds == 0


def finish(x: np.ndarray, seeds: np.ndarray, grid: Grid,
           order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (labels, n) and labels (n,); `order` says which label each one was."""
    probabilities = np.empty((len(x) + 1, grid.length), x.dtype)
    labels = np.empty(grid.length, seeds.dtype)
    in_slabs(_finish, grid.length, seeds, grid.guard, x, order, probabilities, labels,
             work=grid.length)
    return probabilities, labels
