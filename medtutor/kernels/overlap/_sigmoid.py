"""One channel on the CPU: the sums of a chunk of voxels, and the slope of each voxel."""

from __future__ import annotations

import numpy as np
from numba import njit

from medtutor.kernels.overlap._vector_math import as_real, exp_negative, log1p_unit, odd_labels

BLOCK = 1024  # voxels that float32 lanes sum before float64 takes over
# Sums may be taken in any order; NaN and infinity keep their meaning.
SUMS = {"contract", "reassoc", "nsz"}


@njit(nogil=True, cache=True, fastmath=SUMS, error_model="numpy")
def sigmoid_sums(first, last, logits, target, chunk, overlap, entropy, sums, odd):
    """Sums of chunks first..last-1.

    With p = 1 / (1 + e^-z), of each chunk: sums[., 0..5, 0] = sum of p t, p, t, p^2, -t ln p,
    -(1 - t) ln(1 - p); odd[., 0] = 0, or NaN where a logit is not finite; odd[., 1] = how many
    blocks have a label outside [0, 1], odd[., 2] a fraction. With e = e^-|z| and l = ln(1 + e):

        p = 1 / (1 + e) or e / (1 + e),   -ln p = l + max(-z, 0),   -ln(1 - p) = l + max(z, 0)

    Reads logits (B, 1, N) and target (B, N) once.
    """
    voxels = logits.shape[2]
    chunks = (voxels + chunk - 1) // chunk
    one, zero = logits.dtype.type(1), logits.dtype.type(0)
    small, truth = np.empty(BLOCK, logits.dtype), np.empty(BLOCK, logits.dtype)
    for index in range(first, last):
        image, start = index // chunks, index % chunks * chunk
        for begin in range(start, min(start + chunk, voxels), BLOCK):
            end = min(begin + BLOCK, start + chunk, voxels)
            z, label = logits[image, 0, begin:end], target[image, begin:end]
            n = end - begin
            strange, true = zero, zero
            for i in range(n):
                strange += z[i] * zero
                truth[i] = as_real(label[i], zero)
                true += truth[i]
                small[i] = exp_negative(-abs(z[i]))
            odd[index, 0] += strange
            sums[index, 2, 0] += true
            if overlap:
                both, predicted, squares = zero, zero, zero
                for i in range(n):
                    t = truth[i]
                    r = one / (one + small[i])
                    p = r if z[i] >= zero else small[i] * r
                    both += p * t
                    predicted += p
                    squares += p * p
                sums[index, 0, 0] += both
                sums[index, 1, 0] += predicted
                sums[index, 3, 0] += squares
            if entropy:
                inside, outside = zero, zero
                for i in range(n):
                    t = truth[i]
                    both_sides = log1p_unit(small[i])
                    outside_voxel = both_sides + max(z[i], zero)  # -ln(1 - p)
                    inside += t * (both_sides + max(-z[i], zero))
                    outside += outside_voxel - t * outside_voxel
                sums[index, 4, 0] += inside
                sums[index, 5, 0] += outside
            beyond, fraction = odd_labels(label)
            odd[index, 1] += beyond
            odd[index, 2] += fraction


@njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
def sigmoid_slope(first, last, logits, target, slopes, chunk, slope):
    """Slope of chunks first..last-1: dL/dz from slopes[B, 0..5, 0], dL by each of the sums.

    With a, b, c, d, e the slopes by p t, p, p^2, -t ln p, -(1 - t) ln(1 - p):

        dL/dz = p (1 - p) (a t + b + 2 c p) - d t (1 - p) + e (1 - t) p

    Reads logits and target once, writes slope.
    """
    voxels = logits.shape[2]
    chunks = (voxels + chunk - 1) // chunk
    one, zero, two = logits.dtype.type(1), logits.dtype.type(0), logits.dtype.type(2)
    truth = np.empty(BLOCK, logits.dtype)
    for index in range(first, last):
        image, start = index // chunks, index % chunks * chunk
        a, b, c = slopes[image, 0, 0], slopes[image, 1, 0], two * slopes[image, 3, 0]
        d, e = slopes[image, 4, 0], slopes[image, 5, 0]
        for begin in range(start, min(start + chunk, voxels), BLOCK):
            end = min(begin + BLOCK, start + chunk, voxels)
            z, label = logits[image, 0, begin:end], target[image, begin:end]
            dz = slope[image, 0, begin:end]
            for i in range(end - begin):
                truth[i] = as_real(label[i], zero)
            for i in range(end - begin):
                t = truth[i]
                small = exp_negative(-abs(z[i]))
                large = one / (one + small)
                p = large if z[i] >= zero else small * large
                q = small * large if z[i] >= zero else large  # 1 - p, to its last digit
                dz[i] = p * q * (a * t + b + c * p) - d * t * q + e * (p - t * p)
