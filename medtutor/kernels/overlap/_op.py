"""The operation as torch knows it: for autograd, and for torch.compile."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.library.custom_op("medtutor::overlap", mutates_args=(), device_types="cpu")
def overlap_sums_op(
    logits: Tensor,
    target: Tensor,
    overlap: bool,
    ce_foreground: bool,
    ce_background: bool,
    soft_labels: bool,
) -> Tensor:
    """(6, B, K): both, predicted, true, squares, ce_foreground, ce_background; 0 if off."""
    from medtutor.kernels.overlap._numba import sums_numba

    return sums_numba(logits, target, overlap, ce_foreground, ce_background, soft_labels)


@torch.library.custom_op("medtutor::overlap_backward", mutates_args=(), device_types="cpu")
def overlap_backward_op(
    slopes: Tensor, logits: Tensor, target: Tensor, ce_background: bool
) -> Tensor:
    """dL/dz (B, K, *S) from the slopes dL by each sum, (6, B, K)."""
    from medtutor.kernels.overlap._numba import slope_numba

    return slope_numba(slopes, logits, target, ce_background)


@overlap_sums_op.register_kernel("cuda")
def _sums_cuda(logits, target, overlap, ce_foreground, ce_background, soft_labels):  # noqa: ANN001, ANN202
    from medtutor.kernels.overlap._triton import sums_triton

    return sums_triton(logits, target, overlap, ce_foreground, ce_background)


@overlap_backward_op.register_kernel("cuda")
def _backward_cuda(slopes, logits, target, ce_background):  # noqa: ANN001, ANN202
    from medtutor.kernels.overlap._triton import slope_triton

    return slope_triton(slopes, logits, target, ce_background)


@overlap_sums_op.register_fake
def _sums_fake(logits, target, overlap, ce_foreground, ce_background, soft_labels):  # noqa: ANN001, ANN202
    dtype = torch.float64 if logits.dtype == torch.float64 else torch.float32
    return logits.new_empty((6, *logits.shape[:2]), dtype=dtype)


@overlap_backward_op.register_fake
def _backward_fake(slopes, logits, target, ce_background):  # noqa: ANN001, ANN202
    return logits.new_empty(logits.shape)


def _keep(ctx, inputs, output):  # noqa: ANN001, ANN202
    logits, target, _, _, ctx.ce_background, _ = inputs
    ctx.save_for_backward(logits, target)


def _backward(ctx, slopes):  # noqa: ANN001, ANN202
    logits, target = ctx.saved_tensors
    slope = overlap_backward_op(slopes, logits, target, ctx.ce_background)
    return slope, None, None, None, None, None


overlap_sums_op.register_autograd(_backward, setup_context=_keep)
