"""The GPU form: direct differences for few centres, products on tensor cores for many."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from . import NEAR

FEW_CENTRES = 16    # up to here directly: one pass over x is all that moves, either way
PROGRAMS = 512      # about, for the gradient of the centres: each sums a part of N, in its place
MOST = tl.constexpr(3.4028234e38)      # the largest finite float32

# s_nk = sum_d w_kd (x_nd - c_kd)^2, with g = dL/ds:
# dx_nd = 2 sum_k g_nk w_kd (x_nd - c_kd);  dc_kd = 2 sum_n g_nk w_kd (c_kd - x_nd);
# dw_kd = sum_n g_nk (x_nd - c_kd)^2.
# By products: with x, c relative to the mean m of the centres, s = |x|^2 + |c|^2 - 2 x.c, dx =
# 2 (x sum_k g - g @ c), dc = 2 (c sum_n g - g^T @ x); pairs that come out near, by differences.
# Moved: x and c read, s written; x, c, g read, dx and dc written. Sums in float32; products as
# three TF32 products, which keep the digits of float32. No atomics: every sum has one order.


@triton.jit
def few_forward_kernel(
    x, x_stride,            # points (N, D), any floating type
    c, w, c_stride,         # centres and weights (K, D), float32
    out, out_stride,        # distances (N, K)
    N, K, D, WEIGHTED: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, BD: tl.constexpr,
):
    n = tl.program_id(0).to(tl.int64) * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    total = tl.zeros((BN, BK, BD), tl.float32)
    for start in range(0, D, BD):
        d = start + tl.arange(0, BD)
        in_x, in_c = (n < N)[:, None] & (d < D)[None, :], (k < K)[:, None] & (d < D)[None, :]
        at_c = k[:, None] * c_stride + d[None, :]
        xv = tl.load(x + n[:, None] * x_stride + d[None, :], in_x, 0.0).to(tl.float32)
        cv = tl.load(c + at_c, in_c, 0.0)
        difference = xv[:, None, :] - cv[None, :, :]
        square = difference * difference
        if WEIGHTED:
            square *= tl.load(w + at_c, in_c, 0.0)[None, :, :]
        total += square
    known = (n < N)[:, None] & (k < K)[None, :]
    tl.store(out + n[:, None] * out_stride + k[None, :], tl.sum(total, 2), known)


@triton.jit
def few_backward_kernel(
    g, g_stride,            # dL/ds (N, K), float32
    x, x_stride,            # points (N, D), any floating type
    c, w, c_stride,         # centres and weights (K, D), float32
    dx, dc, dw,             # as x; (splits, K, D): the sums over each part of N
    N, K, D, rows, WEIGHTED: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, BD: tl.constexpr,
):
    split = tl.program_id(0).to(tl.int64)
    d = tl.program_id(1) * BD + tl.arange(0, BD)
    k = tl.arange(0, BK)
    sum_c = tl.zeros((BK, BD), tl.float32)
    sum_w = tl.zeros((BK, BD), tl.float32)
    for start in range(0, rows, BN):
        n = split * rows + start + tl.arange(0, BN)
        inside = (n < N) & (start + tl.arange(0, BN) < rows)
        both = inside[:, None] & (d < D)[None, :]
        at_x = n[:, None] * x_stride + d[None, :]
        xv = tl.load(x + at_x, both, 0.0).to(tl.float32)
        sum_x = tl.zeros((BN, BD), tl.float32)
        for i in range(0, K):
            h = tl.load(g + n * g_stride + i, inside, 0.0)[:, None]
            difference = xv - tl.load(c + i * c_stride + d, d < D, 0.0)[None, :]
            part = tl.where(both, h * difference, 0.0)
            here = (k == i)[:, None]
            if WEIGHTED:
                sum_w += tl.where(here, tl.sum(part * difference, 0)[None, :], 0.0)
                part *= tl.load(w + i * c_stride + d, d < D, 0.0)[None, :]
            sum_x += part
            sum_c -= tl.where(here, tl.sum(part, 0)[None, :], 0.0)
        tl.store(dx + at_x, (2 * sum_x).to(dx.dtype.element_ty), both)
    known = (k < K)[:, None] & (d < D)[None, :]
    at = split * K * D + k[:, None] * D + d[None, :]
    tl.store(dc + at, 2 * sum_c, known)
    if WEIGHTED:
        tl.store(dw + at, sum_w, known)


@triton.jit
def many_forward_kernel(
    x, x_stride,            # points (N, D), any floating type
    c, w, c_stride,         # centres and weights (K, D), float32
    mean,                   # of the centres (D,)
    out, near, out_stride,  # distances (N, K); 1 where a pair is near (N, K)
    N, K, D, PART, WEIGHTED: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, BD: tl.constexpr,
):
    tiles = tl.cdiv(K, BK)
    n = (tl.program_id(0) // tiles).to(tl.int64) * BN + tl.arange(0, BN)
    first = (tl.program_id(0) % tiles) * BK
    k = first + tl.arange(0, BK)
    product = tl.zeros((BN, BK), tl.float32)
    x_terms = tl.zeros((BN, BK), tl.float32)
    c_terms = tl.zeros((BK,), tl.float32)
    for start in range(0, D, BD):
        d = start + tl.arange(0, BD)
        m = tl.load(mean + d, d < D, 0.0)[None, :]
        in_x, in_c = (n < N)[:, None] & (d < D)[None, :], (k < K)[:, None] & (d < D)[None, :]
        at_c = k[:, None] * c_stride + d[None, :]
        xv = tl.load(x + n[:, None] * x_stride + d[None, :], in_x, 0.0).to(tl.float32) - m
        cv = tl.load(c + at_c, in_c, 0.0) - m
        if WEIGHTED:
            wv = tl.load(w + at_c, in_c, 0.0)
            product = tl.dot(xv, tl.trans(cv * wv), product, input_precision="tf32x3")
            x_terms = tl.dot(xv * xv, tl.trans(wv), x_terms, input_precision="tf32x3")
            c_terms += tl.sum(cv * cv * wv, 1)
        else:
            product = tl.dot(xv, tl.trans(cv), product, input_precision="tf32x3")
            x_terms += tl.sum(xv * xv, 1)[:, None]
            c_terms += tl.sum(cv * cv, 1)
    known = (n < N)[:, None] & (k < K)[None, :]
    terms = x_terms + c_terms[None, :]
    s = terms - 2 * product
    is_near = (((s >= PART * terms) & (terms <= MOST)) == 0) & known      # NaN is near
    columns = tl.max(is_near.to(tl.int32), 0)
    if tl.max(columns, 0) > 0:
        for i in range(0, BK):
            if tl.sum(tl.where(k == first + i, columns, 0), 0) > 0:
                total = tl.zeros((BN,), tl.float32)
                for start in range(0, D, BD):
                    d = start + tl.arange(0, BD)
                    in_x = (n < N)[:, None] & (d < D)[None, :]
                    xv = tl.load(x + n[:, None] * x_stride + d[None, :], in_x, 0.0)
                    cv = tl.load(c + (first + i) * c_stride + d, d < D, 0.0)
                    difference = xv.to(tl.float32) - cv[None, :]
                    square = difference * difference
                    if WEIGHTED:
                        square *= tl.load(w + (first + i) * c_stride + d, d < D, 0.0)[None, :]
                    total += tl.sum(square, 1)
                s = tl.where(is_near & (k == first + i)[None, :], total[:, None], s)
    at_out = n[:, None] * out_stride + k[None, :]
    tl.store(out + at_out, s, known)
    tl.store(near + at_out, is_near.to(tl.uint8), known)


@triton.jit
def many_points_kernel(
    g, near, g_stride,      # dL/ds (N, K), float32; 1 where a pair is near
    x, x_stride,            # points (N, D), any floating type
    c, w, c_stride,         # centres and weights (K, D), float32
    mean,                   # of the centres (D,)
    dx,                     # laid out as x
    N, K, D, WEIGHTED: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, BD: tl.constexpr,
):
    tiles = tl.cdiv(D, BD)
    n = (tl.program_id(0) // tiles).to(tl.int64) * BN + tl.arange(0, BN)
    d = (tl.program_id(0) % tiles) * BD + tl.arange(0, BD)
    in_x = (n < N)[:, None] & (d < D)[None, :]
    at_x = n[:, None] * x_stride + d[None, :]
    xv = tl.load(x + at_x, in_x, 0.0).to(tl.float32)
    m = tl.load(mean + d, d < D, 0.0)[None, :]
    product = tl.zeros((BN, BD), tl.float32)
    sums = tl.zeros((BN, BD), tl.float32)           # sum_k g w
    direct = tl.zeros((BN, BD), tl.float32)
    for start in range(0, K, BK):
        k = start + tl.arange(0, BK)
        at_g = n[:, None] * g_stride + k[None, :]
        in_g, in_c = (n < N)[:, None] & (k < K)[None, :], (k < K)[:, None] & (d < D)[None, :]
        at_c = k[:, None] * c_stride + d[None, :]
        gv = tl.load(g + at_g, in_g, 0.0)
        is_near = tl.load(near + at_g, in_g, 0).to(tl.int32)
        far = tl.where(is_near > 0, 0.0, gv)
        cv = tl.load(c + at_c, in_c, 0.0) - m
        if WEIGHTED:
            wv = tl.load(w + at_c, in_c, 0.0)
            product = tl.dot(far, cv * wv, product, input_precision="tf32x3")
            sums = tl.dot(far, wv, sums, input_precision="tf32x3")
        else:
            product = tl.dot(far, cv, product, input_precision="tf32x3")
            sums += tl.sum(far, 1)[:, None]
        columns = tl.max(is_near, 0)
        if tl.max(columns, 0) > 0:
            for i in range(0, BK):
                if tl.sum(tl.where(k == start + i, columns, 0), 0) > 0:
                    here = (is_near > 0) & (k == start + i)[None, :]
                    h = tl.sum(tl.where(here, gv, 0.0), 1)
                    at = (start + i) * c_stride + d
                    difference = xv - tl.load(c + at, d < D, 0.0)[None, :]
                    if WEIGHTED:
                        difference *= tl.load(w + at, d < D, 0.0)[None, :]
                    direct += tl.where((h != 0)[:, None], h[:, None] * difference, 0.0)
    tl.store(dx + at_x, (2 * ((xv - m) * sums - product + direct)).to(dx.dtype.element_ty), in_x)


@triton.jit
def many_centres_kernel(
    g, near, g_stride,      # dL/ds (N, K), float32; 1 where a pair is near
    x, x_stride,            # points (N, D), any floating type
    c, w, c_stride,         # centres and weights (K, D), float32
    mean,                   # of the centres (D,)
    dc, dw,                 # (splits, K, D): the sums over each part of N
    N, K, D, rows, WEIGHTED: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, BD: tl.constexpr,
):
    split = tl.program_id(1).to(tl.int64)
    tiles = tl.cdiv(D, BD)
    k = (tl.program_id(0) // tiles) * BK + tl.arange(0, BK)
    d = (tl.program_id(0) % tiles) * BD + tl.arange(0, BD)
    known = (k < K)[:, None] & (d < D)[None, :]
    m = tl.load(mean + d, d < D, 0.0)[None, :]
    cv = tl.load(c + k[:, None] * c_stride + d[None, :], known, 0.0)
    product = tl.zeros((BK, BD), tl.float32)        # g^T x
    squares = tl.zeros((BK, BD), tl.float32)        # g^T x^2
    sums = tl.zeros((BK,), tl.float32)              # sum_n g
    direct = tl.zeros((BK, BD), tl.float32)
    direct_squares = tl.zeros((BK, BD), tl.float32)
    for start in range(0, rows, BN):
        place = start + tl.arange(0, BN)
        n = split * rows + place
        inside = (n < N) & (place < rows)
        at_g = n[:, None] * g_stride + k[None, :]
        in_g = inside[:, None] & (k < K)[None, :]
        in_x = inside[:, None] & (d < D)[None, :]
        gv = tl.load(g + at_g, in_g, 0.0)
        is_near = tl.load(near + at_g, in_g, 0).to(tl.int32)
        far = tl.where(is_near > 0, 0.0, gv)
        xv = tl.load(x + n[:, None] * x_stride + d[None, :], in_x, 0.0).to(tl.float32) - m
        product = tl.dot(tl.trans(far), xv, product, input_precision="tf32x3")
        sums += tl.sum(far, 0)
        if WEIGHTED:
            squares = tl.dot(tl.trans(far), xv * xv, squares, input_precision="tf32x3")
        lines = tl.max(is_near, 1)
        if tl.max(lines, 0) > 0:
            for i in range(0, BN):
                if tl.sum(tl.where(place == start + i, lines, 0), 0) > 0:
                    here = (is_near > 0) & (place == start + i)[:, None]
                    h = tl.sum(tl.where(here, gv, 0.0), 0)
                    row = x + (split * rows + start + i) * x_stride + d
                    difference = cv - tl.load(row, d < D, 0.0).to(tl.float32)[None, :]
                    part = tl.where((h != 0)[:, None], h[:, None] * difference, 0.0)
                    direct += part
                    if WEIGHTED:
                        direct_squares += part * difference
    at = split * K * D + k[:, None] * D + d[None, :]
    around = cv - m
    total = 2 * (around * sums[:, None] - product + direct)
    if WEIGHTED:
        total *= tl.load(w + k[:, None] * c_stride + d[None, :], known, 0.0)
        expanded = squares - 2 * around * product + around * around * sums[:, None]
        tl.store(dw + at, expanded + direct_squares, known)
    tl.store(dc + at, total, known)


def forward(x: Tensor, centres: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """Squared distances (N, K) in float32, and which pairs are near; inputs contiguous."""
    (N, D), K = x.shape, len(centres)
    shared, weighted = _shared(x, centres, weights)
    out, near = centres.new_empty(N, K), centres.new_zeros(N, K, dtype=torch.bool)
    if K <= FEW_CENTRES:
        few_forward_kernel[(triton.cdiv(N, 8),)](
            *shared, out, out.stride(0), N, K, D, weighted, BN=8, BK=16, BD=64)
        return out, near
    many_forward_kernel[(triton.cdiv(N, 64) * triton.cdiv(K, 64),)](
        *shared, _mean(centres), out, near.view(torch.uint8), out.stride(0),
        N, K, D, NEAR, weighted, BN=64, BK=64, BD=32)
    return out, near


def backward(
    g: Tensor, x: Tensor, centres: Tensor, weights: Tensor | None, near: Tensor, needed: list[bool]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """The gradients to x, centres and weights."""
    (N, D), K = x.shape, len(centres)
    shared, weighted = _shared(x, centres, weights)
    tiles = triton.cdiv(D, 128) if K <= FEW_CENTRES else triton.cdiv(K, 64) * triton.cdiv(D, 64)
    rows = triton.cdiv(triton.cdiv(N, triton.cdiv(PROGRAMS, tiles)), 32) * 32
    splits = triton.cdiv(N, rows)      # follows from the shapes alone, so sums have one order
    dx, dc = torch.empty_like(x), centres.new_empty(splits, K, D)
    dw = torch.empty_like(dc) if weighted else dc
    if K <= FEW_CENTRES:
        few_backward_kernel[splits, tiles](g, g.stride(0), *shared, dx, dc, dw, N, K, D, rows,
                                           weighted, BN=8, BK=16, BD=128, num_warps=1)
        return dx, dc.sum(0), dw.sum(0) if weighted else None
    mean, gradient = _mean(centres), (g, near.view(torch.uint8), g.stride(0))
    if needed[0]:
        many_points_kernel[(triton.cdiv(N, 64) * triton.cdiv(D, 64),)](
            *gradient, *shared, mean, dx, N, K, D, weighted, BN=64, BK=32, BD=64, num_warps=8)
    if not (needed[1] or needed[2]):
        return dx, None, None
    many_centres_kernel[(tiles, splits)](
        *gradient, *shared, mean, dc, dw, N, K, D, rows, weighted, BN=32, BK=64, BD=64, num_warps=8)
    return dx, dc.sum(0), dw.sum(0) if weighted else None


def _mean(centres: Tensor) -> Tensor:
    """Mean of the centres (D,), 0 where it is not finite."""
    return centres.mean(0).nan_to_num(0.0, 0.0, 0.0)


def _shared(x: Tensor, centres: Tensor, weights: Tensor | None) -> tuple[tuple, bool]:
    """What every kernel is given of points, centres and weights; whether there are weights."""
    weighted = weights is not None
    return (x, x.stride(0), centres, weights if weighted else centres, centres.stride(0)), weighted
