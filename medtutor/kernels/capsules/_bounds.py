"""Where a capsule may leave a trace: shared by the forms for the CPU and the GPU."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Bounds(NamedTuple):
    """Capsules in three axes, with the box of voxels that each may touch.

    Attributes:
        ends: (M, 2, 3).
        radii: (M,).
        reach: (M,), no voxel (or part of one) whose centre is further from the axis is touched.
        full: (M,), where a ramp is drawn, it is 1 as near to the axis as this; negative: nowhere.
        first: (M, 3), integer, of the box along each axis.
        last: (M, 3), integer, of the box; before `first` where a capsule touches nothing.
        size: 3 lengths of the volume.
        spacing: 3 widths of a voxel.
        middle: (M,), m², the squared width of a ramp on a capsule's axis.
        middle_by_v: (M, 3), its derivative by v = b - a.
        near: e, the square of how far from the axis that width counts.
    """

    ends: Tensor
    radii: Tensor
    reach: Tensor
    full: Tensor
    first: Tensor
    last: Tensor
    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    middle: Tensor
    middle_by_v: Tensor
    near: float


def bounds(
    ends: Tensor, radii: Tensor, tree: Tensor, batch: int, size: list[int], spacing: list[float],
    smooth: bool,
) -> Bounds:
    """A picture becomes a volume with a middle axis of one voxel, 0 wide: nothing else changes.

    There the 8 parts of a voxel lie on each other in twos, and shares of them stay what they were.
    """
    flat = len(size) == 2
    middle, middle_by_v = _middle(ends[:, 1] - ends[:, 0], spacing)
    near = (min(spacing) / 4) ** 2
    if flat:
        size, spacing = [size[0], 1, size[1]], [spacing[0], 0.0, spacing[1]]
        ends, middle_by_v = (torch.stack([x[..., 0], torch.zeros_like(x[..., 0]), x[..., 1]], -1)
                             for x in (ends, middle_by_v))
    drawn = ends.isfinite().all(2).all(1) & radii.isfinite() & (radii > 0)
    drawn &= (tree >= 0) & (tree < batch)
    if smooth:    # R + w/2 grows with w and R - w/2 falls
        w = max(spacing)
        if flat:
            ramp = radii.clamp(min=w / 2)
        else:
            ramp = (radii.square().clamp(min=w * w / 3) - w * w / 12).sqrt()
        reach, full, margin = ramp + w / 2, ramp - w / 2, 0.0
        thick = 2 * radii >= w if flat else 3 * radii.square() >= w * w
        full = torch.where(thick, full, -1.0)
    else:
        reach, full, margin = radii, radii, 0.25
    margin += 1e-3    # of a voxel, for rounding
    length = torch.tensor(size, device=ends.device)
    inverse = ends.new_tensor([1 / s if s else 0.0 for s in spacing])
    low = ((ends.amin(1) - reach[:, None]) * inverse - margin).ceil()
    high = ((ends.amax(1) + reach[:, None]) * inverse + margin).floor()
    first = torch.where(drawn[:, None], low.clamp(min=0).minimum(length), 0).long()
    last = torch.where(drawn[:, None], high.clamp(min=-1).minimum(length - 1), -1).long()
    return Bounds(ends, radii, reach, full, first, last, tuple(size), tuple(spacing),
                  middle, middle_by_v, near)


def _middle(v: Tensor, spacing: list[float]) -> tuple[Tensor, Tensor]:
    """m² and its derivative by v: m² = k in 3D and k² in 2D, k = |v / s| Π s / |v|."""
    n, s = len(spacing), v.new_tensor(spacing)
    volume = math.prod(spacing)
    square, scaled = v.square().sum(1), (v / s).square().sum(1)
    ball = (square == 0) | ~square.isfinite()
    square, scaled = torch.where(ball, 1, square), torch.where(ball, 1, scaled)
    middle = ((scaled / square).sqrt() * volume) ** (4 - n)
    middle = torch.where(ball, volume ** (2 / n), middle)
    slope = (4 - n) * middle[:, None] * (v / s.square() / scaled[:, None] - v / square[:, None])
    return middle, torch.where(ball[:, None], 0, slope)


def split(total: Tensor, middle_by_v: Tensor, ends: Tensor, radii: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients to ends and radii from (M, 8): to a, to b, to r, to m² (which a and b make)."""
    turn = total[:, 7:] * middle_by_v
    to_ends = torch.stack([total[:, :3] - turn, total[:, 3:6] + turn], 1)
    if ends.shape[2] == 2:
        to_ends = to_ends[..., ::2]
    return to_ends.to(ends.dtype).contiguous(), total[:, 6].to(radii.dtype, copy=True)
