"""The operation as torch knows it: a registered one for torch.compile, a plain one for each step.

A registered operation costs 0.1 ms of Python a call, as long as the sums of a small batch take.
Outside torch.compile the same functions are therefore called through `torch.autograd.Function`.
"""

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
    """(B, 6, K): both, predicted, true, squares, ce_foreground, ce_background; 0 if off."""
    from medtutor.kernels.overlap._numba import sums_numba

    return sums_numba(logits, target, overlap, ce_foreground, ce_background, soft_labels)


@torch.library.custom_op("medtutor::overlap_backward", mutates_args=(), device_types="cpu")
def overlap_backward_op(
    slopes: Tensor, logits: Tensor, target: Tensor, ce_background: bool
) -> Tensor:
    """dL/dz (B, K, *S) from the slopes dL by each sum, (B, 6, K)."""
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
    return logits.new_empty((logits.shape[0], 6, logits.shape[1]), dtype=dtype)


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


class _Direct(torch.autograd.Function):
    """The registered operation without its wrapping; each sum comes and goes by itself."""

    @staticmethod
    def forward(  # noqa: ANN205
        ctx, logits, target, overlap, ce_foreground, ce_background, soft_labels  # noqa: ANN001
    ):
        ctx.save_for_backward(logits, target)
        ctx.set_materialize_grads(False)
        wanted = (overlap, ce_foreground, ce_background)
        if logits.device.type == "cuda":
            stack = _sums_cuda(logits, target, *wanted, soft_labels)
        else:
            from medtutor.kernels.overlap._numba import sums_numba

            stack = sums_numba(logits, target, *wanted, soft_labels)
        ctx.mark_non_differentiable(true := stack[:, 2])
        return _apart(stack, true, *wanted)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, *slopes):  # noqa: ANN001, ANN205
        logits, target = ctx.saved_tensors
        given = next((slope for slope in slopes if slope is not None), None)  # (B, K)
        if given is None:
            return None, None, None, None, None, None
        stack = given.new_zeros(given.shape[0], 6, given.shape[1])
        for i, slope in enumerate(slopes):
            if slope is not None:
                stack[:, i] = slope
        background = slopes[5] is not None
        if logits.device.type == "cuda":
            slope = _backward_cuda(stack, logits, target, background)
        else:
            from medtutor.kernels.overlap._numba import slope_numba

            slope = slope_numba(stack, logits, target, background)
        return slope, None, None, None, None, None


def separate_sums(
    logits: Tensor,
    target: Tensor,
    overlap: bool,
    ce_foreground: bool,
    ce_background: bool,
    soft_labels: bool,
) -> tuple[Tensor | None, ...]:
    """The sums (B, K) by the shortest way that the caller allows; None for what is off."""
    settings = (overlap, ce_foreground, ce_background, soft_labels)
    if type(logits) is Tensor and not torch.compiler.is_compiling():
        return _Direct.apply(logits, target, *settings)
    stack = overlap_sums_op(logits, target, *settings)
    return _apart(stack, stack[:, 2], overlap, ce_foreground, ce_background)


def _apart(
    stack: Tensor, true: Tensor, overlap: bool, ce_foreground: bool, ce_background: bool
) -> tuple[Tensor | None, ...]:
    """The rows of the stack that are wanted."""
    return (
        stack[:, 0] if overlap else None,
        stack[:, 1] if overlap else None,
        true,
        stack[:, 3] if overlap else None,
        stack[:, 4] if ce_foreground else None,
        stack[:, 5] if ce_background else None,
    )
