"""The operation as torch sees it: one custom op each way, for CPU and GPU."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.library.custom_op("medtutor::capsules", mutates_args=(), device_types="cpu")
def capsules_op(
    ends: Tensor, radii: Tensor, tree: Tensor, batch: int, size: list[int], spacing: list[float],
    smooth: bool, dtype: torch.dtype,
) -> Tensor:
    """Draw into (batch, *size)."""
    from ._numba import draw

    return draw(ends, radii, tree, batch, size, spacing, smooth, dtype)


@capsules_op.register_kernel("cuda")
def _(ends, radii, tree, batch, size, spacing, smooth, dtype):
    from ._triton import draw

    return draw(ends, radii, tree, batch, size, spacing, smooth, dtype)


@capsules_op.register_fake
def _(ends, radii, tree, batch, size, spacing, smooth, dtype):
    return ends.new_empty((batch, *size), dtype=dtype)


@torch.library.custom_op("medtutor::capsules_backward", mutates_args=(), device_types="cpu")
def capsules_backward(
    grad: Tensor, ends: Tensor, radii: Tensor, tree: Tensor, size: list[int], spacing: list[float],
) -> tuple[Tensor, Tensor]:
    """Gradients to ends and radii of what was drawn smooth, from that to the volume."""
    from ._numba import gradients

    return gradients(grad, ends, radii, tree, size, spacing)


@capsules_backward.register_kernel("cuda")
def _(grad, ends, radii, tree, size, spacing):
    from ._triton import gradients

    return gradients(grad, ends, radii, tree, size, spacing)


@capsules_backward.register_fake
def _(grad, ends, radii, tree, size, spacing):
    return ends.new_empty(ends.shape), radii.new_empty(radii.shape)


def _keep(ctx, inputs, output):
    ends, radii, tree, _, ctx.size, ctx.spacing, ctx.smooth, _ = inputs
    ctx.save_for_backward(ends, radii, tree)


def _backward(ctx, grad):
    if not ctx.smooth:
        raise RuntimeError('no gradient passes through partial="samples": draw with "smooth"')
    to_ends, to_radii = torch.ops.medtutor.capsules_backward(
        grad, *ctx.saved_tensors, ctx.size, ctx.spacing)
    return to_ends, to_radii, *[None] * 6


capsules_op.register_autograd(_backward, setup_context=_keep)
