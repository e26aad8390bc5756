"""Several classes on the CPU: the sums of a chunk of voxels, and the slope of each voxel.

Everything is taken against the winner, the class w with the largest score m. With n the largest
score of the others, f_j = e^(z_j - n) for j != w, and F the sum of these f (1 to K - 1):

    odds of the others  o = e^(n - m) F
    p_w = 1 / (1 + o),   p_j = f_j e^(n - m) / (1 + o)
    -ln p_k = (m - z_k) + ln(1 + o)
    -ln(1 - p_w) = (m - n) - ln F + ln(1 + o),   -ln(1 - p_j) = ln(1 + p_j / (1 - p_j))

No difference of nearly equal numbers is taken, so each stays exact for scores of any size. Classes
are compared as floating numbers, and all rows of a block lie in one array at fixed distances: then
the compiler knows that they do not overlap, and makes vector code of every loop.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from medtutor.kernels.overlap._vector_math import (
    EXACT,
    as_class,
    exp_negative,
    log1p_positive,
    log1p_unit,
)

SUMS = {"contract", "reassoc", "nsz"}
BLOCK = 512  # voxels at a time: a row a class stays in the nearest cache


@njit(nogil=True, **EXACT)
def share(logits, label, image, begin, n, rows, others):
    """Of n voxels: rows of label, w, m, n, F, p_w and e^(n - m) p_w; in `others` f, 0 for w."""
    classes, zero, one = logits.shape[1], logits.dtype.type(0), logits.dtype.type(1)
    labels, winner = rows[:BLOCK], rows[BLOCK : 2 * BLOCK]
    highest, second = rows[2 * BLOCK : 3 * BLOCK], rows[3 * BLOCK : 4 * BLOCK]
    total, wins = rows[4 * BLOCK : 5 * BLOCK], rows[5 * BLOCK : 6 * BLOCK]
    chance = rows[6 * BLOCK : 7 * BLOCK]
    z0, z1 = logits[image, 0, begin : begin + n], logits[image, 1, begin : begin + n]
    for i in range(n):
        labels[i] = as_class(label[i], zero)
        first = z0[i] >= z1[i]
        winner[i] = zero if first else one
        highest[i] = z0[i] if first else z1[i]
        second[i] = z1[i] if first else z0[i]
        total[i] = zero
    for k in range(2, classes):
        zk, this = logits[image, k, begin : begin + n], logits.dtype.type(k)
        for i in range(n):
            x, high = zk[i], highest[i]
            higher = x > high
            second[i] = high if higher else max(second[i], x)
            winner[i] = this if higher else winner[i]
            highest[i] = x if higher else high
    for k in range(classes):
        zk, this = logits[image, k, begin : begin + n], logits.dtype.type(k)
        f = others[k * BLOCK : (k + 1) * BLOCK]
        for i in range(n):
            e = exp_negative(min(zk[i] - second[i], zero))
            e = zero if winner[i] == this else e
            f[i] = e
            total[i] += e
    for i in range(n):
        nearness = exp_negative(second[i] - highest[i])
        p = one / (one + nearness * total[i])
        wins[i] = p
        chance[i] = nearness * p
    return labels, winner, highest, second, total, wins, chance


@njit(nogil=True, cache=True, fastmath=SUMS, error_model="numpy")
def softmax_sums(first, last, logits, target, chunk, overlap, inside, outside, sums, odd):
    """Sums of chunks first..last-1.

    Of each chunk and class k, t = [label = k]: sums[., 0..5, k] = sum of p t, p, t, p^2, -t ln p,
    -(1 - t) ln(1 - p), the first two and p^2 if `overlap`, the last two if `inside` and if
    `outside`; odd[., 0] = 0, or NaN where a score is not finite; odd[., 1] = how many labels are
    outside [0, K). Reads logits (B, K, N) and target (B, N) once.
    """
    classes, voxels = logits.shape[1:]
    chunks = (voxels + chunk - 1) // chunk
    one, zero = logits.dtype.type(1), logits.dtype.type(0)
    rows, others = np.empty(9 * BLOCK, logits.dtype), np.empty(classes * BLOCK, logits.dtype)
    log, log_lost = rows[7 * BLOCK : 8 * BLOCK], rows[8 * BLOCK : 9 * BLOCK]
    for index in range(first, last):
        image, start = index // chunks, index % chunks * chunk
        stop = min(start + chunk, voxels)
        for begin in range(start, stop, BLOCK):
            n = min(BLOCK, stop - begin)
            label = target[image, begin : begin + n]
            labels, winner, highest, second, total, wins, chance = share(
                logits, label, image, begin, n, rows, others)
            if inside or outside:
                for i in range(n):
                    odds = chance[i] * total[i] / wins[i]
                    log[i] = log1p_positive(odds)
            if outside:
                for i in range(n):
                    gap = highest[i] - second[i]
                    log_lost[i] = log[i] + gap - log1p_positive(max(total[i] - one, zero))
            known = zero
            for k in range(classes):
                zk, this = logits[image, k, begin : begin + n], logits.dtype.type(k)
                f = others[k * BLOCK : (k + 1) * BLOCK]
                strange, true = zero, zero
                for i in range(n):
                    strange += zk[i] * zero
                    true += one if labels[i] == this else zero
                odd[index, 0] += strange
                sums[index, 2, k] += true
                known += true
                if overlap:
                    both, predicted, squares = zero, zero, zero
                    for i in range(n):
                        p = wins[i] if winner[i] == this else f[i] * chance[i]
                        both += p if labels[i] == this else zero
                        predicted += p
                        squares += p * p
                    sums[index, 0, k] += both
                    sums[index, 1, k] += predicted
                    sums[index, 3, k] += squares
                if inside:
                    entropy = zero
                    for i in range(n):
                        lost = (highest[i] - zk[i]) + log[i]
                        entropy += lost if labels[i] == this else zero
                    sums[index, 4, k] += entropy
                if outside:
                    entropy = zero
                    for i in range(n):
                        p = f[i] * chance[i]  # 0 for the winner
                        lost = log1p_unit(p / (one - p))
                        lost = log_lost[i] if winner[i] == this else lost
                        entropy += zero if labels[i] == this else lost
                    sums[index, 5, k] += entropy
            odd[index, 1] += n - known


@njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
def softmax_slope(first, last, logits, target, slopes, chunk, outside, slope):
    """Slope of chunks first..last-1: dL/dz from slopes[B, 0..5, K], dL by each of the sums.

    With a, b, c, d, e the slopes by p t, p, p^2, -t ln p, -(1 - t) ln(1 - p) of class k:

        u_k = p_k (a t_k + b + 2 c p_k) - d t_k + [k != w] e (1 - t_k) p_k / (1 - p_k)
        v   = e (1 - t_w) p_w
        dL/dz_j = u_j - p_j sum_k u_k + (v for j = w, else -v f_j / F)

    Reads logits and target once, writes slope.
    """
    classes, voxels = logits.shape[1:]
    chunks = (voxels + chunk - 1) // chunk
    one, zero, two = logits.dtype.type(1), logits.dtype.type(0), logits.dtype.type(2)
    rows, others = np.empty(9 * BLOCK, logits.dtype), np.empty(2 * classes * BLOCK, logits.dtype)
    total, alarm = rows[7 * BLOCK : 8 * BLOCK], rows[8 * BLOCK : 9 * BLOCK]
    for index in range(first, last):
        image, start = index // chunks, index % chunks * chunk
        stop = min(start + chunk, voxels)
        for begin in range(start, stop, BLOCK):
            n = min(BLOCK, stop - begin)
            label = target[image, begin : begin + n]
            labels, winner, _, _, sum_others, wins, chance = share(
                logits, label, image, begin, n, rows, others)
            for i in range(n):
                total[i] = zero
                alarm[i] = zero
            for k in range(classes):
                this = logits.dtype.type(k)
                f = others[k * BLOCK : (k + 1) * BLOCK]
                u = others[(classes + k) * BLOCK : (classes + k + 1) * BLOCK]
                a, b, c = slopes[image, 0, k], slopes[image, 1, k], two * slopes[image, 3, k]
                d, e = slopes[image, 4, k], slopes[image, 5, k]
                for i in range(n):
                    p = wins[i] if winner[i] == this else f[i] * chance[i]
                    hit = labels[i] == this
                    pull = p * ((a + b if hit else b) + c * p) - (d if hit else zero)
                    u[i] = pull
                    total[i] += pull
                if outside:
                    for i in range(n):
                        p = f[i] * chance[i]  # 0 for the winner
                        push = zero if labels[i] == this else e
                        rest = push * p / (one - p)
                        u[i] += rest
                        total[i] += rest
                        alarm[i] += push * (wins[i] if winner[i] == this else zero)
            for k in range(classes):
                this, dz = logits.dtype.type(k), slope[image, k, begin : begin + n]
                f = others[k * BLOCK : (k + 1) * BLOCK]
                u = others[(classes + k) * BLOCK : (classes + k + 1) * BLOCK]
                if outside:
                    for i in range(n):
                        v = alarm[i]
                        u[i] += (v if winner[i] == this else zero) - v * (f[i] / sum_others[i])
                for i in range(n):
                    p = wins[i] if winner[i] == this else f[i] * chance[i]
                    dz[i] = u[i] - p * total[i]
