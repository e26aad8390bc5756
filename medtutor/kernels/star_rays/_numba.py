"""The line form on the CPU: sixteen octants side by side in the lanes of a vector.

Which pixels lie between p and c depends on p - c alone, and after mirroring and swapping axes on
its octant coordinates (n, m), 0 <= m <= n, alone: q is at (k, l) with l = floor((2 k m + n) / 2n).
So the octants of all images are laid side by side, one a lane, and a difference of sixteen pairs is
one vector load, with no gather. Lanes that belong to other images' sizes hold weight 0.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numba.np import arrayobj
from torch import Tensor

from .. import threads
from ._octants import IMAGE, grouped, octants_of

LANES = 16
JIT = {"nogil": True, "cache": True, "error_model": "numpy"}


def _march(gated: bool) -> Any:
    """The loop over q for one p in every lane, as vector instructions.

    march(s, y, e, a, g, start, n, m, first, floor), arrays (pixels, LANES), for k in [first, n):

        d = max(s_p - s_q, floor)        floor: -inf, or 0 for one-sided
        σ = e_p sign(d), 0 where gated and y_p != y_q
        g_q -= σ;  g_p += σ;  a_p += |d|, where y_p = y_q

    Moves 2 loads and 1 store a pair (3 loads when gated), from and to the first-level cache.
    Written in LLVM's instructions because p's sums must stay in registers over the whole loop,
    which loops over sixteen array elements do not achieve (3 to 8 times slower).
    """

    @intrinsic
    def march(_, s, y, e, a, g, start, n, m, first, floor):
        def codegen(context, builder, signature, args):
            integer = ir.IntType(64)
            lanes = ir.VectorType(context.get_value_type(s.dtype), LANES)
            align = 64                                   # torch's, of each row of lanes
            zero = ir.Constant(lanes, [0.0] * LANES)
            data = [arrayobj.make_array(signature.args[i])(context, builder, args[i]).data
                    for i in range(6)]
            s_, y_, e_, a_, g_, start_ = data
            n_, m_, first_, floor_ = args[6:]

            def whole(number):
                return ir.Constant(integer, number)

            def place(array, pixel):
                address = builder.gep(array, [builder.mul(pixel, whole(LANES))])
                return builder.bitcast(address, lanes.as_pointer())

            def load(array, pixel):
                return builder.load(place(array, pixel), align=align)

            def store(value, array, pixel):
                builder.store(value, place(array, pixel), align=align)

            def row(number):
                return builder.load(builder.gep(start_, [number]))

            floor_lanes = zero
            for lane in range(LANES):
                floor_lanes = builder.insert_element(
                    floor_lanes, floor_, ir.Constant(ir.IntType(32), lane))
            p = builder.add(row(n_), m_)
            s_p, e_p = load(s_, p), load(e_, p)
            minus_e = builder.fsub(zero, e_p)
            y_p = load(y_, p) if gated else None
            two_n, two_m = builder.shl(n_, whole(1)), builder.shl(m_, whole(1))
            # l = floor((2 k m + n) / 2n) and its remainder, stepped by whole numbers from k = first
            numerator = builder.add(builder.mul(two_m, first_), n_)
            l_first, rest_first = builder.sdiv(numerator, two_n), builder.srem(numerator, two_n)

            before = builder.block
            loop = builder.append_basic_block("pairs")
            after = builder.append_basic_block("sums")
            builder.cbranch(builder.icmp_signed("<", first_, n_), loop, after)

            builder.position_at_end(loop)
            k, column, rest = (builder.phi(integer) for _ in range(3))
            sum_a, sum_g = builder.phi(lanes), builder.phi(lanes)
            q = builder.add(row(k), column)
            d = builder.fsub(s_p, load(s_, q))
            d = builder.select(builder.fcmp_ordered("<", d, floor_lanes), floor_lanes, d)
            rises, falls = builder.fcmp_ordered(">", d, zero), builder.fcmp_ordered("<", d, zero)
            size = builder.select(falls, builder.fsub(zero, d), d)
            slope = builder.select(rises, e_p, builder.select(falls, minus_e, zero))
            if gated:
                same = builder.fcmp_ordered("==", y_p, load(y_, q))
                size, slope = (builder.select(same, x, zero) for x in (size, slope))
            store(builder.fsub(load(g_, q), slope), g_, q)
            next_a, next_g = builder.fadd(sum_a, size), builder.fadd(sum_g, slope)
            next_k = builder.add(k, whole(1))
            raised = builder.add(rest, two_m)
            carry = builder.icmp_signed(">=", raised, two_n)
            next_rest = builder.select(carry, builder.sub(raised, two_n), raised)
            next_column = builder.add(column, builder.zext(carry, integer))
            for phi, at_first, later in (
                (k, first_, next_k), (column, l_first, next_column), (rest, rest_first, next_rest),
                (sum_a, zero, next_a), (sum_g, zero, next_g),
            ):
                phi.add_incoming(at_first, before)
                phi.add_incoming(later, loop)
            builder.cbranch(builder.icmp_signed("<", next_k, n_), loop, after)

            builder.position_at_end(after)
            all_a, all_g = builder.phi(lanes), builder.phi(lanes)
            for phi, total in ((all_a, next_a), (all_g, next_g)):
                phi.add_incoming(zero, before)
                phi.add_incoming(total, loop)
            store(all_a, a_, p)
            store(builder.fadd(load(g_, p), all_g), g_, p)
            return context.get_dummy_value()

        return types.void(s, y, e, a, g, start, n, m, first, floor), codegen

    return march


_march_all, _march_gated = _march(gated=False), _march(gated=True)


@numba.njit(**JIT)
def _start_of_rows(rows, columns):
    """Where each row n of an octant begins: it has min(n, columns) + 1 pixels."""
    start = np.zeros(rows + 2, np.int64)
    for n in range(rows + 1):
        start[n + 1] = start[n] + min(n, columns) + 1
    return start


@numba.njit(**JIT)
def _pack(image, labels, gated, octant, lane, start, s, y, e):
    """One octant of an image into its lane: s, y, and e = |y - s| where the octant owns p."""
    _, corner, down, right, rows, columns, owns_axis, owns_diagonal = octant
    for n in range(rows + 1):
        for m in range(min(n, columns) + 1):
            place, pixel = corner + n * down + m * right, start[n] + m
            value = image[place]
            s[pixel, lane] = value
            owned = n > 0 and (m > 0 or owns_axis == 1) and (m < n or owns_diagonal == 1)
            wrong = image.dtype.type(1)
            if gated:
                label = image.dtype.type(labels[place])
                y[pixel, lane] = label
                wrong = abs(label - value)
            if owned:
                e[pixel, lane] = wrong


@numba.njit(**JIT)
def _groups_of_octants(
    first, last, prob, target, octants, groups, s, y, e, a, g, reach, floor, values
):
    """Value and gradient of groups of sixteen octants.

    L = Σ_p e_p a_p, a_p = Σ_q B |s_p - s_q|, e_p = |y_p - s_p|. `_march` adds a and the gradient of
    a; that of e is sign(s_p - y_p) a_p. Moves every octant in and out once, the rest is cached.
    """
    gated = target.size > 0
    for group in range(first, last):
        rows, columns, offset, area = groups[group]
        start = _start_of_rows(rows, columns)
        mine = g[offset : offset + area]
        s[:area] = 0
        y[:area] = 0
        e[:area] = 0
        a[:area] = 0
        mine[:] = 0
        for lane in range(LANES):
            octant = octants[group * LANES + lane]
            if octant[0] >= 0:
                labels = target[octant[0]] if gated else target[0]
                _pack(prob[octant[0]], labels, gated, octant, lane, start, s, y, e)
        for n in range(1, rows + 1):
            nearest = max(0, n - reach) if reach > 0 else 0
            for m in range(min(n, columns) + 1):
                if gated:
                    _march_gated(s, y, e, a, mine, start, n, m, nearest, floor)
                else:
                    _march_all(s, y, e, a, mine, start, n, m, nearest, floor)
        for pixel in range(area):
            for lane in range(LANES):
                values[group, lane] += np.float64(e[pixel, lane]) * a[pixel, lane]
                if gated and e[pixel, lane] > 0:
                    above = s[pixel, lane] > y[pixel, lane]
                    mine[pixel, lane] += a[pixel, lane] if above else -a[pixel, lane]


@numba.njit(**JIT)
def _collect(first, last, order, octants, groups, g, values, value, gradient):
    """Add up the octants of an image, which share the axes and the diagonals."""
    for image in range(first, last):
        out = gradient[image]
        out[:] = 0
        for where in order[image]:
            if where < 0:
                continue
            group, lane = where // LANES, where % LANES
            value[image] += values[group, lane]
            offset = groups[group, 2]
            start = _start_of_rows(groups[group, 0], groups[group, 1])
            _, corner, down, right, rows, columns, _, _ = octants[where]
            for n in range(rows + 1):
                for m in range(min(n, columns) + 1):
                    out[corner + n * down + m * right] += g[offset + start[n] + m, lane]


def star_line_numba(
    prob: Tensor, centre: Tensor, target: Tensor | None, reach: int, one_sided: bool
) -> tuple[Tensor, Tensor]:
    """Value (B,) and gradient (B, H, W)."""
    batch, height, width = prob.shape
    octants, groups = grouped(octants_of(centre.numpy(), height, width), LANES)
    image = octants[:, IMAGE]
    order = np.full((batch, 8), -1)
    for where in np.flatnonzero(image >= 0):
        order[image[where], np.argmin(order[image[where]])] = where

    s = prob.detach().contiguous().flatten(1).numpy()
    y = as_labels(target, batch)
    largest = int(groups[:, 3].max(initial=0))
    g = torch.empty(int(groups[:, 3].sum()), LANES, dtype=prob.dtype).numpy()
    values = np.zeros((len(groups), LANES))
    floor = s.dtype.type(0 if one_sided else -np.inf)

    def with_scratch(first: int, last: int) -> None:
        scratch = torch.empty(4, largest, LANES, dtype=prob.dtype).numpy()
        _groups_of_octants(
            first, last, s, y, octants, groups, *scratch, g, reach, floor, values)

    pairs = prob.numel() * (reach or max(height, width) // 2)
    threads.in_slabs(with_scratch, len(groups), work=pairs)
    value, gradient = np.zeros(batch), torch.empty(prob.shape, dtype=prob.dtype)
    threads.in_slabs(
        _collect, batch, order, octants, groups, g, values, value,
        gradient.flatten(1).numpy(), work=prob.numel())
    return torch.from_numpy(value).to(prob.dtype), gradient


def as_labels(target: Tensor | None, batch: int) -> np.ndarray:
    """(B, H W) in {0, 1} as uint8; without a target (B, 0)."""
    if target is None:
        return np.empty((batch, 0), np.uint8)
    return target.contiguous().to(torch.uint8).flatten(1).numpy()
