"""The operation as torch knows it: forward, backward, shapes for tracing, CPU and GPU forms."""

from __future__ import annotations

import torch
from torch import Tensor

FEW_CENTRES = 24
"""Up to here all differences are taken directly on the CPU: measured, the two forms meet there."""


@torch.library.custom_op("medtutor::rbf_distance", mutates_args=(), device_types="cpu")
def rbf_distance_op(x: Tensor, centres: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """(N, D), (K, D), (K, D) -> squared distances (N, K), and which pairs are near (N, K)."""
    given = _contiguous(x, centres, weights)
    if centres.shape[0] <= FEW_CENTRES:
        from ._few_centres import forward

        return forward(*given), torch.zeros(x.shape[0], centres.shape[0], dtype=torch.bool)
    from ._many_centres import forward

    return forward(*given)


@rbf_distance_op.register_kernel("cuda")
def _(x: Tensor, centres: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    from ._triton import forward

    return forward(*_contiguous(x, centres, weights))


@rbf_distance_op.register_fake
def _(x: Tensor, centres: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    shape = x.shape[0], centres.shape[0]
    return centres.new_empty(shape), centres.new_empty(shape, dtype=torch.bool)


@torch.library.custom_op("medtutor::rbf_distance_backward", mutates_args=(), device_types="cpu")
def rbf_distance_backward_op(
    g: Tensor, x: Tensor, centres: Tensor, weights: Tensor | None, near: Tensor, needed: list[bool]
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients to x, centres and weights; of shape (0,) where not needed."""
    given = (g.contiguous(), *_contiguous(x, centres, weights))
    if centres.shape[0] <= FEW_CENTRES:
        from ._few_centres import backward

        gradients = backward(*given, needed)
    else:
        from ._many_centres import backward

        gradients = backward(*given, near, needed)
    return _or_nothing(gradients, needed, x, centres)


@rbf_distance_backward_op.register_kernel("cuda")
def _(
    g: Tensor, x: Tensor, centres: Tensor, weights: Tensor | None, near: Tensor, needed: list[bool]
) -> tuple[Tensor, Tensor, Tensor]:
    from ._triton import backward

    gradients = backward(g.contiguous(), *_contiguous(x, centres, weights), near, needed)
    return _or_nothing(gradients, needed, x, centres)


@rbf_distance_backward_op.register_fake
def _(
    g: Tensor, x: Tensor, centres: Tensor, weights: Tensor | None, near: Tensor, needed: list[bool]
) -> tuple[Tensor, Tensor, Tensor]:
    like = x, centres, centres
    return tuple(
        tensor.new_empty(tensor.shape if need else (0,))
        for tensor, need in zip(like, needed, strict=True)
    )


def _remember(ctx, inputs, output) -> None:
    x, centres, weights = inputs
    ctx.save_for_backward(x, centres, weights, output[1])
    ctx.mark_non_differentiable(output[1])


def _backward(ctx, g: Tensor, _near):
    x, centres, weights, near = ctx.saved_tensors
    needed = list(ctx.needs_input_grad)
    gradients = rbf_distance_backward_op(g, x, centres, weights, near, needed)
    return tuple(t if need else None for t, need in zip(gradients, needed, strict=True))


rbf_distance_op.register_autograd(_backward, setup_context=_remember)


def _contiguous(*tensors: Tensor | None) -> tuple[Tensor | None, ...]:
    return tuple(None if tensor is None else tensor.contiguous() for tensor in tensors)


def _or_nothing(
    gradients: tuple[Tensor | None, ...], needed: list[bool], x: Tensor, centres: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    like = x, centres, centres
    return tuple(
        gradient if need else tensor.new_empty(0)
        for gradient, need, tensor in zip(gradients, needed, like, strict=True)
    )
