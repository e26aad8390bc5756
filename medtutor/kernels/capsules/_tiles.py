"""Lists for the GPU, made on the device: which capsules come near which tile of voxels."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ._bounds import bounds

SOLID, FLAT = (4, 4, 32), (16, 1, 32)    # shape of a tile in a volume and in a picture: 512 voxels


class Tiles(NamedTuple):
    """Which capsules come near which tile. All volumes' tiles lie in a row, x fastest.

    Attributes:
        table: (M, 9) float32: a, v = b - a, 1 / |v|² (0 for a ball), r, m².
        starts: (T + 1,), tile i has the pairs `starts[i]` up to `starts[i + 1]`.
        capsule: (P,), the capsule of each pair.
        place: (P,), where the pair stood before it was sorted by tile: capsule by capsule.
        ends_at: (M + 1,), capsule c has the places `ends_at[c]` up to `ends_at[c + 1]`.
        grid: tiles along each axis.
        size: voxels along each axis.
        spacing: widths of a voxel.
        near: e, see `Bounds`.
        middle_by_v: (M, 3), see `Bounds`.
        shape: of a tile, in voxels.
    """

    table: Tensor
    starts: Tensor
    capsule: Tensor
    place: Tensor
    ends_at: Tensor
    grid: tuple[int, int, int]
    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    near: float
    middle_by_v: Tensor
    shape: tuple[int, int, int]


def near(ends: Tensor, radii: Tensor, tree: Tensor, batch: int, size: list[int],
         spacing: list[float], smooth: bool) -> Tiles:
    """Pair capsules with tiles, on the device; the host waits once, for the number of pairs.

    A pair for each tile that the box of a capsule meets. Those whose tile the capsule itself does
    not come near are sorted behind the last tile, where no program looks. The sort is stable, so
    a tile has its capsules in their order.
    """
    shape = FLAT if len(size) == 2 else SOLID
    where = bounds(ends.float(), radii.float(), tree, batch, size, spacing, smooth)
    device = ends.device
    voxels = torch.tensor(shape, device=device)
    grid = tuple(-(-n // s) for n, s in zip(where.size, shape, strict=True))
    first = where.first // voxels
    counts = torch.where((where.last < where.first).any(1), 0,
                         (where.last // voxels - first + 1).clamp(min=0).prod(1))        # (M,)
    boxes = where.last // voxels - first + 1                                           # (M, 3)
    ends_at = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    pairs = int(ends_at[-1])
    capsule = torch.arange(len(radii), device=device).repeat_interleave(counts, output_size=pairs)
    within = torch.arange(pairs, device=device) - ends_at[capsule]
    box = boxes[capsule]
    at = first[capsule] + torch.stack([within // (box[:, 1] * box[:, 2]),
                                       within // box[:, 2] % box[:, 1], within % box[:, 2]], 1)
    tile = ((tree[capsule] * grid[0] + at[:, 0]) * grid[1] + at[:, 1]) * grid[2] + at[:, 2]

    a, b = where.ends.unbind(1)
    v = b - a
    square = v.square().sum(1)
    inverse = torch.where(square > 0, 1 / square, 0)
    table = torch.cat([a, v, torch.stack([inverse, where.radii, where.middle], 1)], 1)
    widths = torch.tensor(where.spacing, device=device)
    x = (at * voxels + (voxels - 1) / 2) * widths - a[capsule]                           # (P, 3)
    t = ((x * v[capsule]).sum(1) * inverse[capsule]).clamp(0, 1)
    away = (x - t[:, None] * v[capsule]).square().sum(1)
    corner = (voxels * widths).square().sum().sqrt() / 2       # farther than any part of a voxel
    reach = where.reach[capsule] + 1.001 * corner
    tiles = batch * grid[0] * grid[1] * grid[2]
    tile = torch.where(away > reach * reach, tiles, tile)
    tile, place = tile.sort(stable=True)
    starts = torch.searchsorted(tile, torch.arange(tiles + 1, device=device))
    return Tiles(table, starts, capsule[place], place, ends_at, grid, where.size, where.spacing,
                 where.near, where.middle_by_v, shape)
