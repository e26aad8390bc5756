"""Registration: `medtutor::warp` and `medtutor::warp_by_grid`, with their backward.

Volumes only: image (B, C, D, H, W); a displacement of two components moves within its slice.
An empty tensor stands for "no label" and "no gradient wanted".
"""

from __future__ import annotations

import torch
from torch import Tensor

BYTES = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def _form(image: Tensor):
    """The module that serves the image's device."""
    if image.device.type == "cpu":
        from . import _numba as form
    else:
        from . import _triton as form
    return form


def _gradients(image: Tensor):
    if image.device.type == "cpu":
        from . import _numba_gradient as form
    else:
        from . import _triton as form
    return form


def _outputs(image: Tensor, vectors: Tensor, label: Tensor | None) -> tuple[Tensor, Tensor]:
    batch = len(vectors) if len(image) == 1 else len(image)
    new = image.new_empty(batch, *image.shape[1:])
    if label is None:
        return new, image.new_empty(0, dtype=torch.uint8)
    return new, label.new_empty(batch, *label.shape[1:])


def _as_bytes(label: Tensor) -> Tensor:
    """Labels are copied, whatever they are: as integers of their width."""
    return label.view(BYTES[label.element_size()])


def _labels(image: Tensor, label: Tensor | None, moved: Tensor) -> tuple[Tensor, Tensor]:
    if label is None:
        return (image.new_empty(0, 1, 1, 1, dtype=torch.uint8),) * 2
    return _as_bytes(label.contiguous()), _as_bytes(moved)


@torch.library.custom_op("medtutor::warp", mutates_args=(), device_types=("cpu", "cuda"))
def warp_op(
    image: Tensor, displacement: Tensor, label: Tensor | None, zero: bool
) -> tuple[Tensor, Tensor]:
    """New image and label; the label empty where there is none."""
    new, moved = _outputs(image, displacement, label)
    old, into = _labels(image, label, moved)
    _form(image).warp(image.contiguous(), displacement.contiguous(), old, zero, new, into)
    return new, moved


@torch.library.custom_op("medtutor::warp_by_grid", mutates_args=(), device_types=("cpu", "cuda"))
def warp_by_grid_op(
    image: Tensor, control: Tensor, z: Tensor, y: Tensor, x: Tensor, label: Tensor | None,
    zero: bool,
) -> tuple[Tensor, Tensor]:
    """New image and label, with weights (S, G) of the control points along z, y and x."""
    new, moved = _outputs(image, control, label)
    old, into = _labels(image, label, moved)
    _form(image).warp_by_grid(image.contiguous(), control.contiguous(), [z, y, x], old, zero,
                              new, into)
    return new, moved


@torch.library.custom_op("medtutor::warp_backward", mutates_args=(), device_types=("cpu", "cuda"))
def warp_backward(
    grad: Tensor, image: Tensor, displacement: Tensor, zero: bool, to_image: bool, to_u: bool
) -> tuple[Tensor, Tensor]:
    """Gradients to image and displacement; empty where not wanted."""
    grad, image, displacement = (t.contiguous() for t in (grad, image, displacement))
    given = grad, image, displacement
    form = _gradients(image)
    return (form.of_image(*given, zero) if to_image else image.new_empty(0),
            form.of_displacement(*given, zero) if to_u else displacement.new_empty(0))


@torch.library.custom_op("medtutor::warp_by_grid_backward", mutates_args=(),
                         device_types=("cpu", "cuda"))
def warp_by_grid_backward(
    grad: Tensor, image: Tensor, control: Tensor, z: Tensor, y: Tensor, x: Tensor, zero: bool,
    to_image: bool, to_control: bool,
) -> tuple[Tensor, Tensor]:
    """Gradients to image and control points; empty where not wanted."""
    given = *(t.contiguous() for t in (grad, image, control)), [z, y, x]
    form = _gradients(image)
    return (form.of_image_by_grid(*given, zero) if to_image else image.new_empty(0),
            form.of_control(*given, zero) if to_control else control.new_empty(0))


@warp_op.register_fake
def _(image, displacement, label, zero):
    return _outputs(image, displacement, label)


@warp_by_grid_op.register_fake
def _(image, control, z, y, x, label, zero):
    return _outputs(image, control, label)


@warp_backward.register_fake
def _(grad, image, displacement, zero, to_image, to_u):
    return (image.new_empty(image.shape if to_image else (0,)),
            displacement.new_empty(displacement.shape if to_u else (0,)))


@warp_by_grid_backward.register_fake
def _(grad, image, control, z, y, x, zero, to_image, to_control):
    return (image.new_empty(image.shape if to_image else (0,)),
            control.new_empty(control.shape if to_control else (0,)))


def _keep(ctx, inputs, output):
    *tensors, _, zero = inputs                           # without the label
    ctx.save_for_backward(*tensors)
    ctx.zero = zero
    ctx.mark_non_differentiable(output[1])


def _gradient(ctx, backward, grad):
    """One gradient for each input: image, vectors, weights if any, label, zero."""
    image, vectors, *weights = ctx.saved_tensors
    wanted = ctx.needs_input_grad[:2]
    found = backward(grad, image, vectors, *weights, ctx.zero, *wanted)
    first = (one if want else None for one, want in zip(found, wanted, strict=True))
    return *first, *[None] * (len(weights) + 2)


warp_op.register_autograd(
    lambda ctx, grad, _: _gradient(ctx, warp_backward, grad), setup_context=_keep)
warp_by_grid_op.register_autograd(
    lambda ctx, grad, _: _gradient(ctx, warp_by_grid_backward, grad), setup_context=_keep)
