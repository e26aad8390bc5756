"""The random walker's kernels for the CPU: flat loops over float32 or float64, in slabs.

    (A x)_i = e_i x_i + sum over the six neighbours j of w_ij (x_i - x_j)

Edges are written once; a product then moves 4 (edges) + 1 (x) + 1 (result) volumes. The vectors of
all labels are taken while a chunk of edges is in the cache, so edges move once for all labels.
Sums: float32 within a chunk of 512 voxels, float64 over chunks, in an order that does not depend
on the number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from medtutor.kernels.random_walker._numba_edges import (  # noqa: F401  part of the form
    begin,
    coarsen,
    finish,
    residual,
    write_edges,
)
from medtutor.kernels.random_walker._solve import Grid
from medtutor.kernels.threads import in_slabs

CHECK_EVERY = 1
CHUNK = 512
jit = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})


@jit
def _stencil(out, edges, p, at, end, s0, s1):
    """`out` = A p on voxels at..end. Two loops: with more arrays in one, it is not vectorised."""
    n = end - at
    x, e, ahead, behind = p[at:end], edges[3, at:end], p[at + s0 : end + s0], p[at - s0 : end - s0]
    w, v = edges[0, at:end], edges[0, at - s0 : end - s0]
    right, left = p[at + 1 : end + 1], p[at - 1 : end - 1]
    w2, v2 = edges[2, at:end], edges[2, at - 1 : end - 1]
    for k in range(n):
        out[k] = (e[k] * x[k] + w[k] * (x[k] - ahead[k]) + v[k] * (x[k] - behind[k])
                  + w2[k] * (x[k] - right[k]) + v2[k] * (x[k] - left[k]))
    if s1:
        below, above = p[at + s1 : end + s1], p[at - s1 : end - s1]
        w1, v1 = edges[1, at:end], edges[1, at - s1 : end - s1]
        for k in range(n):
            out[k] += w1[k] * (x[k] - below[k]) + v1[k] * (x[k] - above[k])


@jit
def _damped_inverse(out, edges, at, end, s0, s1, damping):
    """`out` = damping / diagonal of A, 0 where a voxel has no edge (seeds, outside)."""
    n = end - at
    e, w, v = edges[3, at:end], edges[0, at:end], edges[0, at - s0 : end - s0]
    w2, v2 = edges[2, at:end], edges[2, at - 1 : end - 1]
    w1, v1 = edges[1, at:end], edges[1, at - s1 : end - s1]     # s1 = 0: all zero
    for k in range(n):
        total = e[k] + w[k] + v[k] + w1[k] + v1[k] + w2[k] + v2[k]
        out[k] = damping / total if total > 0 else 0


@jit
def _multiply(first, last, length, guard, s0, s1, edges, p, q, alive, sums):
    """Write q = A p; sum p·q. Moves 4 + 2 M volumes for M labels."""
    row = np.empty(CHUNK, p.dtype)
    for c in range(first, last):
        at = guard + c * CHUNK
        end = min(at + CHUNK, guard + length)
        for m in range(len(p)):
            if alive[m]:
                _stencil(row, edges, p[m], at, end, s0, s1)
                x, out, total = p[m, at:end], q[m, at:end], p.dtype.type(0)
                for k in range(end - at):
                    out[k] = row[k]
                    total += row[k] * x[k]
                sums[c, m] = total


@jit
def _update(first, last, length, guard, s0, s1, edges, p, q, x, r, z, step, damping, alive, sums):
    """Step: x += step p, r -= step q, z = damping D^-1 r; r·z and r·r. Moves 4 + 7 M volumes."""
    inverse = np.empty(CHUNK, p.dtype)
    damping = p.dtype.type(damping)
    for c in range(first, last):
        at = guard + c * CHUNK
        end = min(at + CHUNK, guard + length)
        _damped_inverse(inverse, edges, at, end, s0, s1, damping)
        for m in range(len(p)):
            if alive[m]:
                a = p.dtype.type(step[m])
                pm, xm, qm, rm, zm = (p[m, at:end], x[m, at:end], q[m, at:end], r[m, at:end],
                                      z[m, at:end])
                product, square = p.dtype.type(0), p.dtype.type(0)
                for k in range(end - at):
                    xm[k] += a * pm[k]
                for k in range(end - at):
                    new = rm[k] - a * qm[k]
                    rm[k] = new
                    zm[k] = inverse[k] * new
                    product += new * new * inverse[k]
                    square += new * new
                sums[c, m], sums[c, len(p) + m] = product, square


@jit
def _start(first, last, length, guard, s0, s1, edges, b, x, damping, alive, sums):
    """Write x = damping D^-1 b; sum b·x and b·b. Moves 4 + 2 M volumes."""
    inverse = np.empty(CHUNK, b.dtype)
    damping = b.dtype.type(damping)
    for c in range(first, last):
        at = guard + c * CHUNK
        end = min(at + CHUNK, guard + length)
        _damped_inverse(inverse, edges, at, end, s0, s1, damping)
        for m in range(len(b)):
            if alive[m]:
                bm, xm = b[m, at:end], x[m, at:end]
                product, square = b.dtype.type(0), b.dtype.type(0)
                for k in range(end - at):
                    value = inverse[k] * bm[k]
                    xm[k] = value
                    product += bm[k] * value
                    square += bm[k] * bm[k]
                sums[c, m], sums[c, len(b) + m] = product, square


@jit
def _smooth(first, last, length, guard, s0, s1, edges, b, x, y, damping, alive, sums):
    """Write y = x + damping D^-1 (b - A x); sum b·y. Moves 4 + 3 M volumes."""
    row, inverse = np.empty(CHUNK, b.dtype), np.empty(CHUNK, b.dtype)
    damping = b.dtype.type(damping)
    for c in range(first, last):
        at = guard + c * CHUNK
        end = min(at + CHUNK, guard + length)
        _damped_inverse(inverse, edges, at, end, s0, s1, damping)
        for m in range(len(b)):
            if alive[m]:
                _stencil(row, edges, x[m], at, end, s0, s1)
                bm, xm, ym, total = b[m, at:end], x[m, at:end], y[m, at:end], b.dtype.type(0)
                for k in range(end - at):
                    value = xm[k] + inverse[k] * (bm[k] - row[k])
                    ym[k] = value
                    total += bm[k] * value
                sums[c, m] = total


@jit
def _direction(first, last, length, guard, z, p, factor, alive):
    """Write p = z + factor p. Moves 3 M volumes."""
    for m in range(len(p)):
        if alive[m]:
            f = p.dtype.type(factor[m])
            at, end = guard + first * CHUNK, min(guard + last * CHUNK, guard + length)
            zm, pm = z[m, at:end], p[m, at:end]
            for k in range(end - at):
                pm[k] = zm[k] + f * pm[k]


@jit
def _restrict(first, last, shape, guard, s0, s1, edges, b, x, coarse_shape, coarse_guard, right,
              alive):
    """Write right = sums of b - A x over blocks of 2 x 2 x 2, for coarse planes first..last."""
    n0, n1, n2 = shape
    _, c1, c2 = coarse_shape
    row = np.empty(2 * n2, b.dtype)
    for i in range(first, last):
        for j in range(c1):
            rows = min(2, n1 - 2 * j)
            for m in range(len(b)):
                if alive[m]:
                    at = coarse_guard + (i * c1 + j) * c2
                    out = right[m, at : at + c2]
                    out[:] = 0
                    for plane in range(2 * i, min(2 * i + 2, n0)):
                        at = guard + (plane * n1 + 2 * j) * n2
                        end = at + rows * n2
                        _stencil(row, edges, x[m], at, end, s0, s1)
                        bm = b[m, at:end]
                        for k in range(end - at):
                            row[k] = bm[k] - row[k]
                        for h in range(rows):
                            line = row[h * n2 : (h + 1) * n2]
                            for k in range(n2 // 2):
                                out[k] += line[2 * k] + line[2 * k + 1]
                            if n2 % 2:
                                out[c2 - 1] += line[n2 - 1]


@jit
def _prolong(first, last, shape, guard, x, coarse_shape, coarse_guard, solution, alive):
    """Add to x the value of its block."""
    _, n1, n2 = shape
    _, c1, c2 = coarse_shape
    for i in range(first, last):
        for j in range(n1):
            for m in range(len(x)):
                if alive[m]:
                    at, of = guard + (i * n1 + j) * n2, (i // 2 * c1 + j // 2) * c2 + coarse_guard
                    line, block = x[m, at : at + n2], solution[m, of : of + c2]
                    for k in range(n2 // 2):
                        line[2 * k] += block[k]
                        line[2 * k + 1] += block[k]
                    if n2 % 2:
                        line[n2 - 1] += block[c2 - 1]


def zeros(rows: int, grid: Grid, like: np.ndarray) -> np.ndarray:
    """(rows, guard + n + guard) of zeros."""
    return np.zeros((rows, grid.length + 2 * grid.guard), like.dtype)


def like(values: np.ndarray, of: np.ndarray) -> np.ndarray:
    """The values in the type of an array."""
    return values.astype(of.dtype)


def double(values: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Unchanged: double precision."""
    return values


def to_numpy(values: np.ndarray) -> np.ndarray:
    """Unchanged."""
    return values


def _flat(kernel, grid, vectors, *arguments, sums=0):
    """Run a flat kernel over the chunks of a grid; its sums over chunks, (sums, M)."""
    chunks = -(-grid.length // CHUNK)
    work = grid.length * len(vectors[0])
    place = grid.length, grid.guard
    if not sums:
        return in_slabs(kernel, chunks, *place, *vectors, *arguments, work=work)
    parts = np.zeros((chunks, sums * len(vectors[0])))
    s0, s1, _ = grid.strides
    in_slabs(kernel, chunks, *place, s0, s1, grid.edges, *vectors, *arguments, parts, work=work)
    return parts.sum(0).reshape(sums, -1)


def multiply(grid, p, q, alive):
    """Write q = A p; return p·q."""
    return _flat(_multiply, grid, (p, q), alive, sums=1)[0]


def update(grid, p, q, x, r, z, step, damping, alive):
    """Step: x += step p, r -= step q, z = damping D^-1 r; return r·z and r·r."""
    return _flat(_update, grid, (p, q, x, r, z), step, damping, alive, sums=2)


def start(grid, b, x, damping, alive):
    """Write x = damping D^-1 b; return b·x and b·b."""
    return _flat(_start, grid, (b, x), damping, alive, sums=2)


def smooth(grid, b, x, y, damping, alive):
    """Write y = x + damping D^-1 (b - A x); return b·y."""
    return _flat(_smooth, grid, (b, x, y), damping, alive, sums=1)[0]


def direction(z, p, factor, grid, alive):
    """Write p = z + factor p."""
    _flat(_direction, grid, (z, p), factor, alive)


def restrict(grid, b, x, coarse, right, alive):
    """Write right = sums of b - A x over blocks."""
    s0, s1, _ = grid.strides
    in_slabs(_restrict, coarse.shape[0], grid.shape, grid.guard, s0, s1, grid.edges, b, x,
             coarse.shape, coarse.guard, right, alive, work=grid.length * len(b))


def prolong(coarse, solution, grid, x, alive):
    """Add to x the value of its block."""
    in_slabs(_prolong, grid.shape[0], grid.shape, grid.guard, x, coarse.shape, coarse.guard,
             solution, alive, work=grid.length * len(x))
