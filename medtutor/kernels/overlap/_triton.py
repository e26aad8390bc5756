"""The GPU form: partial sums of spans of voxels, added up in a second stage, in a fixed order."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

PROGRAMS = 1024  # about as many partial sums as fill the largest device several times over


@triton.jit
def _log1p(x):
    """ln(1 + x) for x >= 0 to its last digits: the rounding of 1 + x is divided out again."""
    u = 1 + x
    return tl.where(u == 1, x, tl.log(u) * (x / tl.where(u == 1, 1, u - 1)))


@triton.jit
def _share(z, k):
    """Of scores (K, V): is it the winner's, p, f (0 for the winner), F, 1 / (1 + o), o, m, n.

    As on the CPU (`_softmax.py`): m of the winner, n the next; f = e^(z - n), F = sum f over the
    others, odds o = e^(n - m) F; p = 1 / (1 + o) for the winner, f e^(n - m) / (1 + o) else.
    """
    m = tl.max(z, 0)
    wins = k[:, None] == tl.argmax(z, 0)[None, :]
    rest = tl.where(wins, float("-inf"), z)
    n = tl.max(rest, 0)
    f = tl.exp(rest - n[None, :])
    total = tl.sum(f, 0)
    nearness = tl.exp(n - m)
    odds = nearness * total
    first = 1 / (1 + odds)
    p = tl.where(wins, first[None, :], f * (nearness * first)[None, :])
    return wins, p, f, total, first, odds, m, n


@triton.jit
def sigmoid_sums_kernel(
    logits,  # (B, 1, N), contiguous
    target,  # (B, N), contiguous
    partial,  # (B, parts, 6, 1), out
    voxels,  # N
    parts,  # spans of an image
    span,  # voxels of a span, a multiple of BLOCK
    OVERLAP: tl.constexpr,
    ENTROPY: tl.constexpr,
    BLOCK: tl.constexpr,
):
    # sum p t, p, t, p^2, -t ln p, -(1 - t) ln(1 - p) of one span: with e = e^-|z|, l = ln(1 + e),
    # p = 1 / (1 + e) or e / (1 + e), -ln p = l + max(-z, 0), -ln(1 - p) = l + max(z, 0).
    # Reads logits and target once.
    program = tl.program_id(0)
    image, part = program // parts, program % parts
    z_at = logits + image.to(tl.int64) * voxels
    t_at = target + image.to(tl.int64) * voxels
    both = tl.zeros((BLOCK,), tl.float32)
    predicted = tl.zeros((BLOCK,), tl.float32)
    true = tl.zeros((BLOCK,), tl.float32)
    squares = tl.zeros((BLOCK,), tl.float32)
    inside = tl.zeros((BLOCK,), tl.float32)
    outside = tl.zeros((BLOCK,), tl.float32)
    begin = part.to(tl.int64) * span
    for start in range(begin, tl.minimum(begin + span, voxels), BLOCK):
        at = start + tl.arange(0, BLOCK)
        here = at < voxels
        z = tl.load(z_at + at, mask=here, other=0).to(tl.float32)
        t = tl.load(t_at + at, mask=here, other=0).to(tl.float32)
        e = tl.exp(-tl.abs(z))
        true += t
        if OVERLAP:
            large = 1 / (1 + e)
            p = tl.where(here, tl.where(z >= 0, large, e * large), 0)
            both += p * t
            predicted += p
            squares += p * p
        if ENTROPY:
            log = _log1p(e)
            inside += t * (log + tl.maximum(-z, 0))
            outside += tl.where(here, (1 - t) * (log + tl.maximum(z, 0)), 0)
    out = partial + program.to(tl.int64) * 6
    tl.store(out, tl.sum(both, 0))
    tl.store(out + 1, tl.sum(predicted, 0))
    tl.store(out + 2, tl.sum(true, 0))
    tl.store(out + 3, tl.sum(squares, 0))
    tl.store(out + 4, tl.sum(inside, 0))
    tl.store(out + 5, tl.sum(outside, 0))


@triton.jit
def sigmoid_slope_kernel(
    slopes,  # (B, 6, 1) float32, contiguous: dL by each sum
    logits,  # (B, 1, N), contiguous
    target,  # (B, N), contiguous
    slope,  # (B, 1, N), out
    voxels,  # N
    blocks,  # of an image
    BLOCK: tl.constexpr,
):
    # dL/dz = p (1 - p) (a t + b + 2 c p) - d t (1 - p) + e (1 - t) p with the slopes a, b, c, d, e
    # by p t, p, p^2 and the cross entropies. Reads logits and target once, writes slope.
    program = tl.program_id(0)
    image = program // blocks
    a = tl.load(slopes + 6 * image)
    b = tl.load(slopes + 6 * image + 1)
    c = 2 * tl.load(slopes + 6 * image + 3)
    d = tl.load(slopes + 6 * image + 4)
    e = tl.load(slopes + 6 * image + 5)
    at = (program % blocks).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    here = at < voxels
    first = image.to(tl.int64) * voxels
    z = tl.load(logits + first + at, mask=here, other=0).to(tl.float32)
    t = tl.load(target + first + at, mask=here, other=0).to(tl.float32)
    small = tl.exp(-tl.abs(z))
    large = 1 / (1 + small)
    p = tl.where(z >= 0, large, small * large)
    q = tl.where(z >= 0, small * large, large)
    dz = p * q * (a * t + b + c * p) - d * t * q + e * (1 - t) * p
    tl.store(slope + first + at, dz.to(slope.dtype.element_ty), mask=here)


@triton.jit
def softmax_sums_kernel(
    logits,  # (B, K, N), contiguous
    target,  # (B, N), contiguous
    partial,  # (B, parts, 6, K), out
    classes,  # K
    voxels,  # N
    parts,  # spans of an image
    span,  # voxels of a span, a multiple of BLOCK
    OVERLAP: tl.constexpr,
    INSIDE: tl.constexpr,
    OUTSIDE: tl.constexpr,
    ROWS: tl.constexpr,  # the power of two from K
    BLOCK: tl.constexpr,
):
    # sum p t, p, t, p^2, -t ln p, -(1 - t) ln(1 - p) of one span and each class: with `_share`,
    # -ln p = m - z + ln(1 + o); -ln(1 - p) = (m - n) - ln F + ln(1 + o) for the winner,
    # ln(1 + p / (1 - p)) for the others. Reads logits and target once.
    program = tl.program_id(0)
    image, part = program // parts, program % parts
    k = tl.arange(0, ROWS)
    z_at = logits + image.to(tl.int64) * classes * voxels + k[:, None].to(tl.int64) * voxels
    t_at = target + image.to(tl.int64) * voxels
    both = tl.zeros((ROWS, BLOCK), tl.float32)
    predicted = tl.zeros((ROWS, BLOCK), tl.float32)
    true = tl.zeros((ROWS, BLOCK), tl.float32)
    squares = tl.zeros((ROWS, BLOCK), tl.float32)
    inside = tl.zeros((ROWS, BLOCK), tl.float32)
    outside = tl.zeros((ROWS, BLOCK), tl.float32)
    real = k[:, None] < classes
    begin = part.to(tl.int64) * span
    for start in range(begin, tl.minimum(begin + span, voxels), BLOCK):
        at = start + tl.arange(0, BLOCK)
        here = (at < voxels)[None, :]
        z = tl.load(z_at + at[None, :], mask=real & here, other=0).to(tl.float32)
        z = tl.where(real, z, float("-inf"))
        label = tl.load(t_at + at, mask=at < voxels, other=0)
        t = (label[None, :] == k[:, None]) & here
        wins, p, f, total, first, odds, m, n = _share(z, k)
        true += t.to(tl.float32)
        if OVERLAP:
            q = tl.where(here, p, 0)
            both += tl.where(t, p, 0)
            predicted += q
            squares += q * q
        if INSIDE:
            inside += tl.where(t, (m[None, :] - z) + _log1p(odds)[None, :], 0)
        if OUTSIDE:
            lost = (m - n) - tl.log(total) + _log1p(odds)
            y = tl.where(wins, 0, p)
            entropy = tl.where(wins, lost[None, :], _log1p(y / (1 - y)))
            outside += tl.where(t | (here == 0) | (real == 0), 0, entropy)
    out = partial + program.to(tl.int64) * 6 * classes + k
    tl.store(out, tl.sum(both, 1), mask=k < classes)
    tl.store(out + classes, tl.sum(predicted, 1), mask=k < classes)
    tl.store(out + 2 * classes, tl.sum(true, 1), mask=k < classes)
    tl.store(out + 3 * classes, tl.sum(squares, 1), mask=k < classes)
    tl.store(out + 4 * classes, tl.sum(inside, 1), mask=k < classes)
    tl.store(out + 5 * classes, tl.sum(outside, 1), mask=k < classes)


@triton.jit
def softmax_slope_kernel(
    slopes,  # (B, 6, K) float32, contiguous: dL by each sum
    logits,  # (B, K, N), contiguous
    target,  # (B, N), contiguous
    slope,  # (B, K, N), out
    classes,  # K
    voxels,  # N
    blocks,  # of an image
    OUTSIDE: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    # u_k = p_k (a t_k + b + 2 c p_k) - d t_k + [k != w] e (1 - t_k) p_k / (1 - p_k)
    # v   = e (1 - t_w) p_w
    # dL/dz_j = u_j - p_j sum_k u_k + (v for the winner w, else -v f_j / F)
    # with the slopes a, b, c, d, e of each class. Reads logits and target once, writes slope.
    program = tl.program_id(0)
    image = program // blocks
    k = tl.arange(0, ROWS)
    real, by_class = k < classes, slopes + 6 * image * classes + k
    a = tl.load(by_class, mask=real, other=0)[:, None]
    b = tl.load(by_class + classes, mask=real, other=0)[:, None]
    c = 2 * tl.load(by_class + 3 * classes, mask=real, other=0)[:, None]
    d = tl.load(by_class + 4 * classes, mask=real, other=0)[:, None]
    e = tl.load(by_class + 5 * classes, mask=real, other=0)[:, None]
    at = (program % blocks).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    first_of_image = image.to(tl.int64) * voxels
    index = first_of_image * classes + k[:, None].to(tl.int64) * voxels + at[None, :]
    mask = real[:, None] & (at < voxels)[None, :]
    z = tl.load(logits + index, mask=mask, other=0).to(tl.float32)
    z = tl.where(real[:, None], z, float("-inf"))
    label = tl.load(target + first_of_image + at, mask=at < voxels, other=0)
    t = label[None, :] == k[:, None]
    wins, p, f, total, first, _odds, _m, _n = _share(z, k)
    u = p * (tl.where(t, a, 0) + b + c * p) - tl.where(t, d, 0)
    if OUTSIDE:
        e = tl.where(t, 0, e)
        y = tl.where(wins, 0, p)
        u += e * (y / (1 - y))
        v = tl.sum(tl.where(wins, e, 0), 0) * first
        dz = u - p * tl.sum(u, 0)[None, :]
        dz += tl.where(wins, v[None, :], -f * (v / total)[None, :])
    else:
        dz = u - p * tl.sum(u, 0)[None, :]
    tl.store(slope + index, dz.to(slope.dtype.element_ty), mask=mask)


def sums_triton(
    logits: Tensor, target: Tensor, overlap: bool, ce_foreground: bool, ce_background: bool
) -> Tensor:
    """The six sums of each image and class, (B, 6, K) float32, of logits (B, K, *S)."""
    z, t = logits.contiguous(), target.contiguous()
    batch, classes = z.shape[:2]
    voxels, rows, block = _sizes(z)
    parts = min(triton.cdiv(voxels, block), triton.cdiv(PROGRAMS, batch))
    span = triton.cdiv(triton.cdiv(voxels, parts), block) * block
    parts = triton.cdiv(voxels, span)
    partial = z.new_empty((batch, parts, 6, classes), dtype=torch.float32)
    if classes == 1:
        sigmoid_sums_kernel[(batch * parts,)](
            z, t, partial, voxels, parts, span,
            OVERLAP=overlap, ENTROPY=ce_foreground or ce_background, BLOCK=block, num_warps=4,
        )  # fmt: skip
    else:
        softmax_sums_kernel[(batch * parts,)](
            z, t, partial, classes, voxels, parts, span, OVERLAP=overlap, INSIDE=ce_foreground,
            OUTSIDE=ce_background, ROWS=rows, BLOCK=block, num_warps=4,
        )  # fmt: skip
    return partial.sum(1)


def slope_triton(slopes: Tensor, logits: Tensor, target: Tensor, ce_background: bool) -> Tensor:
    """dL/dz (B, K, *S) in the type of the logits, from dL by each sum, slopes (B, 6, K)."""
    z, t, by_sum = logits.contiguous(), target.contiguous(), slopes.contiguous()
    slope = torch.empty_like(z)
    batch, classes = z.shape[:2]
    voxels, rows, block = _sizes(z)
    blocks = triton.cdiv(voxels, block)
    if classes == 1:
        sigmoid_slope_kernel[(batch * blocks,)](
            by_sum, z, t, slope, voxels, blocks, BLOCK=block, num_warps=4
        )
    else:
        softmax_slope_kernel[(batch * blocks,)](
            by_sum, z, t, slope, classes, voxels, blocks,
            OUTSIDE=ce_background, ROWS=rows, BLOCK=block, num_warps=4,
        )  # fmt: skip
    return slope


def _sizes(logits: Tensor) -> tuple[int, int, int]:
    """Voxels of an image, rows of a tile, and voxels of a tile: 2,048 numbers, 16 a thread."""
    classes = logits.shape[1]
    rows = triton.next_power_of_2(classes)
    numbers = (1 << 16) if triton.knobs.runtime.interpret else 2048
    return logits[0, 0].numel(), rows, max(16, numbers // rows)
