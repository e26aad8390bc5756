"""How much each control point counts at each voxel of an axis."""

from __future__ import annotations

import torch
from torch import Tensor


def control_weights(size: int, points: int, spline: str = "linear") -> Tensor:
    """Weights of evenly placed control points along one axis.

    With h the distance of two points and p_k the place of point k, in voxels:

        W[x, k] = b((x - p_k) / h)
        "linear": h = (S - 1) / (G - 1), p_k = k h,        b(r) = 1 - |r|                 |r| < 1
        "cubic":  h = (S - 1) / (G - 3), p_k = (k - 1) h,  b(r) = 2/3 - r^2 + |r|^3 / 2   |r| < 1
                                                                  (2 - |r|)^3 / 6         |r| < 2

    Each row sums to 1. Linear weights put the first and last point on the first and last voxel;
    cubic ones put them one step h outside, so that 4 points count everywhere.

    Args:
        size: S, voxels along the axis.
        points: G, control points along it, at least 1 ("linear") or 4 ("cubic").
        spline: "linear" or "cubic" (the uniform B-spline).

    Returns:
        (S, G), float64.
    """
    if spline not in ("linear", "cubic"):
        raise ValueError(f'spline must be "linear", "cubic" or weights; got {spline!r}')
    least = 1 if spline == "linear" else 4
    if points < least:
        raise ValueError(
            f"a {spline} spline needs at least {least} control points along each axis; got {points}"
        )
    if points == 1:
        return torch.ones(size, 1, dtype=torch.float64)
    before = 0 if spline == "linear" else 1              # points before the first voxel
    steps = points - 1 - 2 * before
    h = (size - 1) / steps if size > 1 else 1.0
    voxel = torch.arange(size, dtype=torch.float64)[:, None]
    point = torch.arange(points, dtype=torch.float64)
    r = (voxel / h + before - point).abs()                                       # (S, G)
    if spline == "linear":
        return (1 - r).clamp(min=0)
    near, far = 2 / 3 - r**2 + r**3 / 2, (2 - r).clamp(min=0) ** 3 / 6
    return torch.where(r < 1, near, far)
