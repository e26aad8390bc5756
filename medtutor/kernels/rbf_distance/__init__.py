"""Squared distances of points to centres, plain or weighted: what a radial basis layer needs.

For N points x, K centres c and weights w (1 where none are given):

    s_nk = sum_d w_kd (x_nd - c_kd)^2

    with g = dL/ds:   dL/dx_nd =  2 sum_k g_nk w_kd (x_nd - c_kd)
                      dL/dc_kd = -2 sum_n g_nk w_kd (x_nd - c_kd)
                      dL/dw_kd =    sum_n g_nk (x_nd - c_kd)^2

Bytes that must move at least: the inputs read once and s written forward; inputs and g read, and
the gradients written, backward. Nothing of size N x K x D: written out it is 2 GB at N=4096,
K=512, D=256. With many centres the work is three matrix products, 6 N K D operations.

The product form |x|^2 - 2 x.c + |c|^2 loses digits where a distance is small against the lengths.
So points and centres are taken relative to the mean of the centres where that shortens them, and
a pair that still comes out below `NEAR` of |x|^2 + |c|^2 is taken again by its differences, in
the value and in the gradient.
"""

from __future__ import annotations

import torch
from torch import Tensor

from medtutor.kernels.dispatch import has_fast_form

NEAR = 1 / 16
"""A pair is near where its product form is below this part of the two terms it came from."""


def rbf_distance_reference(x: Tensor, centres: Tensor, weights: Tensor | None = None) -> Tensor:
    """The formula written out; takes memory for N K D numbers.

    Args:
        x: (..., D), points.
        centres: (K, D).
        weights: (K,) or (K, D), or none for 1.

    Returns:
        (..., K), in float32, or float64 where an input is float64.
    """
    dtype = _sum_type(x, centres, weights)
    difference = x.to(dtype)[..., None, :] - centres.to(dtype)     # (..., K, D)
    if weights is None:
        return difference.square().sum(-1)
    if weights.ndim == 1:
        return difference.square().sum(-1) * weights.to(dtype)
    return (weights.to(dtype) * difference.square()).sum(-1)


def rbf_distance(x: Tensor, centres: Tensor, weights: Tensor | None = None) -> Tensor:
    """Squared distance of each point to each centre, with closed-form gradients.

    s_nk = sum_d w_kd (x_nd - c_kd)^2, with w = 1 where no weights are given. A layer's response
    follows in torch: `torch.exp(-beta * s)`, or `torch.exp(-beta * (s + eps).sqrt())` for the
    kernel on the distance itself (its gradient is singular at s = 0 without eps). A full
    Mahalanobis-like form with a matrix P is `rbf_distance(x @ P.T, centres @ P.T)`.

    Accuracy: for weights >= 0, at least 5 digits in float32 and 13 in float64 relative to s
    itself, however far from the origin and however close together the points are. A point is at
    distance exactly 0 from a centre equal to it. Each component of a gradient is as accurate
    relative to the sum of its terms' sizes, |g| w (|x| + |c|) from the mean of the centres, for
    pairs that are not near, and relative to |g| w |x - c| for pairs that are. Weights below 0 are
    taken, and promise only digits relative to sum_d |w| (|x|^2 + |c|^2).

    NaN and infinity give what the formula gives in s; gradients that they touch are not finite.
    Half precision is summed and returned in float32: a half has 3 digits, float16 ends at 65504.
    Can be differentiated once. Weights of shape (K,) scale s and cost one pass more over it.

    Args:
        x: (..., D), floating: N points, or features with their channels last.
        centres: (K, D), floating.
        weights: (K,) one a centre, or (K, D) one a centre and coordinate, floating, >= 0; such as
            1 / width^2.

    Returns:
        (..., K), >= 0, in float32, or float64 where an input is float64.

    Raises:
        TypeError: an input that is not floating.
        ValueError: shapes that do not fit, or tensors on several devices.

    Source:
        Asgari Taghanaki et al., "A Kernelized Manifold Mapping to Diminish the Effect of
        Adversarial Perturbations", CVPR 2019, for the layer; the product form is common knowledge.
    """
    _check(x, centres, weights)
    given = [x, centres] if weights is None else [x, centres, weights]
    dtype = _sum_type(*given)
    if x.device.type == "cpu":
        given = [tensor.to(dtype) for tensor in given]
    if not has_fast_form(*given) or not x.numel() or not centres.numel():
        return rbf_distance_reference(*given)
    from ._op import rbf_distance_op

    points, centres, weights = (*given, None)[:3]
    each = weights if weights is not None and weights.ndim == 2 else None     # (K, D)
    flat = points.reshape(-1, points.shape[-1])                               # (N, D)
    squared, _ = rbf_distance_op(flat, centres.to(dtype), None if each is None else each.to(dtype))
    if weights is not None and weights.ndim == 1:
        squared = squared * weights.to(dtype)
    return squared.reshape(*x.shape[:-1], centres.shape[0])


def _sum_type(*tensors: Tensor | None) -> torch.dtype:
    """The type that sums are kept and returned in."""
    wide = any(tensor is not None and tensor.dtype == torch.float64 for tensor in tensors)
    return torch.float64 if wide else torch.float32


def _check(x: Tensor, centres: Tensor, weights: Tensor | None) -> None:
    for name, tensor in (("x", x), ("centres", centres), ("weights", weights)):
        if tensor is not None and not tensor.is_floating_point():
            raise TypeError(f"{name} must be floating, got {tensor.dtype}: use {name}.float()")
    if x.ndim < 1 or centres.ndim != 2 or x.shape[-1] != centres.shape[1]:
        raise ValueError(
            f"x must be (..., D) and centres (K, D), got {tuple(x.shape)} and "
            f"{tuple(centres.shape)}: channels of x go last, as x.movedim(1, -1) does"
        )
    count, size = centres.shape
    if weights is not None and tuple(weights.shape) not in ((count,), (count, size)):
        raise ValueError(
            f"weights must be ({count},) or ({count}, {size}), as centres, got "
            f"{tuple(weights.shape)}: one weight a coordinate is weights.expand({count}, {size})"
        )
