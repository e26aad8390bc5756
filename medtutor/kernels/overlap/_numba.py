"""The CPU form: chunks of voxels shared between threads, their sums added up in float64."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from medtutor.kernels.overlap._sigmoid import sigmoid_slope, sigmoid_sums
from medtutor.kernels.overlap._softmax import softmax_slope, softmax_sums
from medtutor.kernels.overlap.checks import check_values
from medtutor.kernels.threads import in_slabs

CHUNK = 1 << 16  # voxels that share a place for their sums, whatever the number of threads


def sums_numba(
    logits: Tensor,
    target: Tensor,
    overlap: bool,
    ce_foreground: bool,
    ce_background: bool,
    soft_labels: bool,
) -> Tensor:
    """The six sums of each image and class, (B, 6, K), of logits (B, K, *S), target (B, *S).

    Raises:
        ValueError: logits that are not finite, labels that are none, found in the same pass.
    """
    z, t, chunks = _arrays(logits, target)
    sums, odd = np.zeros((chunks, 6, z.shape[1])), np.zeros((chunks, 3))
    if z.shape[1] == 1:
        kernel, wanted = sigmoid_sums, (overlap, ce_foreground or ce_background)
    else:
        kernel, wanted = softmax_sums, (overlap, ce_foreground, ce_background)
    in_slabs(kernel, chunks, z, t, CHUNK, *wanted, sums, odd, work=z.size)
    if odd[:, : 2 if soft_labels else 3].any():  # NaN is taken for true
        check_values(logits, target, soft_labels)
    if chunks > len(z):
        sums = sums.reshape(len(z), -1, 6, z.shape[1]).sum(1)
    return torch.from_numpy(sums.astype(z.dtype, copy=False))


def slope_numba(slopes: Tensor, logits: Tensor, target: Tensor, ce_background: bool) -> Tensor:
    """dL/dz (B, K, *S) from dL by each sum, slopes (B, 6, K)."""
    z, t, chunks = _arrays(logits, target)
    # NumPy asks for large pages where torch does not: the first write is several times cheaper.
    slope = np.empty_like(z)
    by_image = slopes.contiguous().numpy()
    if z.shape[1] == 1:
        in_slabs(sigmoid_slope, chunks, z, t, by_image, CHUNK, slope, work=z.size)
    else:
        in_slabs(softmax_slope, chunks, z, t, by_image, CHUNK, ce_background, slope, work=z.size)
    return torch.from_numpy(slope).view(logits.shape)


def _arrays(logits: Tensor, target: Tensor) -> tuple[np.ndarray, np.ndarray, int]:
    """Logits (B, K, N) and target (B, N), both C-contiguous, and the number of chunks."""
    batch, classes = logits.shape[:2]
    z = logits.contiguous().view(batch, classes, -1).numpy()
    t = target.contiguous().view(batch, -1).numpy()
    return z, t, batch * -(-z.shape[2] // CHUNK)
