"""The star-shape terms as operations of torch, so that autograd and torch.compile know them.

Each returns its value and the gradient of that value, computed in the same pass; the backward pass
only scales the gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ._checks import check_values


def ray_directions(rays: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Unit vectors (A, 2), row and column, and pixels of a line a unit of length (A,), float64."""
    dtype = torch.float32 if device.type == "mps" else torch.float64     # MPS has no other
    angle = (torch.arange(rays, device=device, dtype=dtype) + 0.5) * (2 * math.pi / rays)
    directions = torch.stack([angle.sin(), angle.cos()], 1)
    return directions, directions.abs().amax(1)


@torch.library.custom_op("medtutor::star_line", mutates_args=(), device_types="cpu")
def star_line(
    prob: Tensor, centre: Tensor, target: Tensor | None, reach: int, one_sided: bool
) -> tuple[Tensor, Tensor]:
    """Value (B,) and gradient (B, H, W); a reach of 0 is all the way."""
    from ._numba import star_line_numba

    check_values(prob, centre, target)
    return star_line_numba(prob, centre, target, reach, one_sided)


@star_line.register_kernel("cuda")
def _(
    prob: Tensor, centre: Tensor, target: Tensor | None, reach: int, one_sided: bool
) -> tuple[Tensor, Tensor]:
    from ._launch import star_line_triton

    check_values(prob, centre, target)
    return star_line_triton(prob, centre, target, reach, one_sided)


@torch.library.custom_op("medtutor::star_neighbour", mutates_args=(), device_types="cpu")
def star_neighbour(
    prob: Tensor, centre: Tensor, target: Tensor | None, one_sided: bool
) -> tuple[Tensor, Tensor]:
    """Value (B,) and gradient (B, H, W)."""
    from ._numba_neighbour import star_neighbour_numba

    check_values(prob, centre, target)
    return star_neighbour_numba(prob, centre, target, one_sided)


@star_neighbour.register_kernel("cuda")
def _(
    prob: Tensor, centre: Tensor, target: Tensor | None, one_sided: bool
) -> tuple[Tensor, Tensor]:
    from ._launch import star_neighbour_triton

    check_values(prob, centre, target)
    return star_neighbour_triton(prob, centre, target, one_sided)


@torch.library.custom_op("medtutor::star_polar", mutates_args=(), device_types="cpu")
def star_polar(
    prob: Tensor, centre: Tensor, target: Tensor | None, rays: int, radii: int, one_sided: bool
) -> tuple[Tensor, Tensor]:
    """Value (B,) and gradient (B, H, W)."""
    from ._numba_polar import star_polar_numba

    check_values(prob, centre, target)
    return star_polar_numba(prob, centre, target, rays, radii, one_sided)


@star_polar.register_kernel("cuda")
def _(
    prob: Tensor, centre: Tensor, target: Tensor | None, rays: int, radii: int, one_sided: bool
) -> tuple[Tensor, Tensor]:
    from ._launch import star_polar_triton

    check_values(prob, centre, target)
    return star_polar_triton(prob, centre, target, rays, radii, one_sided)


@torch.library.custom_op("medtutor::star_rays_backward", mutates_args=())
def star_rays_backward(gradient: Tensor, weight: Tensor) -> Tensor:
    """Each image's gradient (B, H, W) times its weight (B,)."""
    return gradient * weight.view(-1, 1, 1)


@star_rays_backward.register_fake
def _(gradient: Tensor, weight: Tensor) -> Tensor:
    return torch.empty_like(gradient)


def _shapes(prob: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    dtype = torch.float64 if prob.dtype == torch.float64 else torch.float32
    value = prob.new_empty(prob.shape[:1], dtype=dtype)
    return value, prob.new_empty(prob.shape, dtype=dtype)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.dtype = inputs[0].dtype
    ctx.others = len(inputs) - 1
    ctx.save_for_backward(output[1])
    ctx.mark_non_differentiable(output[1])


def _scale(ctx: Any, weight: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    (gradient,) = ctx.saved_tensors
    scaled = star_rays_backward(gradient, weight).to(ctx.dtype)
    return scaled, *[None] * ctx.others


_operations: tuple[Callable[..., Any], ...] = (star_line, star_neighbour, star_polar)
for _operation in _operations:
    _operation.register_fake(_shapes)
    _operation.register_autograd(_scale, setup_context=_keep)
