"""Where a capsule may leave a trace: shared by the forms for the CPU and the GPU."""

from __future__ import annotations

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
        on_axis: squared width of a voxel whose centre lies on an axis, so that no direction is
            known: the mean over the axes that were given.
    """

    ends: Tensor
    radii: Tensor
    reach: Tensor
    full: Tensor
    first: Tensor
    last: Tensor
    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    on_axis: float


def bounds(
    ends: Tensor, radii: Tensor, tree: Tensor, batch: int, size: list[int], spacing: list[float],
    smooth: bool,
) -> Bounds:
    """A picture becomes a volume with a middle axis of one voxel, 0 wide: nothing else changes.

    There the 8 parts of a voxel lie on each other in twos, and shares of them stay what they were.
    """
    flat = len(size) == 2
    on_axis = sum(s * s for s in spacing) / len(spacing)
    if flat:
        size, spacing = [size[0], 1, size[1]], [spacing[0], 0.0, spacing[1]]
        ends = torch.stack([ends[..., 0], torch.zeros_like(ends[..., 0]), ends[..., 1]], -1)
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
    return Bounds(ends, radii, reach, full, first, last, tuple(size), tuple(spacing), on_axis)
