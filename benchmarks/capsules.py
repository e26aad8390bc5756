"""Trees of vessels drawn with partial volume: one on the CPU, many at once on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from medtutor.kernels.capsules import capsules, capsules_reference

from .case import Case

MAP = 100        # voxels a side of the map that a tree grows in; the picture has one more
WIDTH = 0.04     # mm, of a voxel of the map
ROOT = 0.11      # mm, radius of the root: 2.7 voxels


def random_tree(terminals: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Ends (2N - 1, 2, 3) and radii (2N - 1,) in mm of a tree that fills the map.

    Each new terminal, uniform in the map, is joined to the segment whose middle is nearest: the
    segment gets a fork between its ends and the terminal. Radii follow Murray's law for terminals
    of equal flow. Lengths and radii come out near those of grown trees of the same size (in all
    232 mm, 21 µm on average for 500 terminals); nothing is optimised.
    """
    generator = torch.Generator().manual_seed(seed)
    points = MAP * WIDTH * torch.rand(terminals, 3, generator=generator)
    below = torch.tensor([[0.0, 0.5, 0.5]]) * MAP * WIDTH    # each segment's lower end: the root
    below = torch.cat([below, points[:1]])
    parent = [-1, 0]
    for point in points[1:]:
        above = below[torch.tensor(parent[1:])]
        middle = (above + below[1:]) / 2
        split = 1 + int((middle - point).square().sum(1).argmin())
        fork = (above[split - 1] + below[split] + point) / 3
        parent += [parent[split], len(parent)]
        parent[split] = len(below)
        below = torch.cat([below, fork[None], point[None]])
    flow = torch.zeros(len(parent))
    leaves = set(range(len(parent))) - set(parent)
    for node in leaves:
        while node >= 0:
            flow[node] += 1
            node = parent[node]
    ends = torch.stack([below[torch.tensor(parent[1:])], below[1:]], 1)
    return ends, ROOT * (flow[1:] / terminals) ** (1 / 3)


def cases(device: str) -> Iterator[Case]:
    """Three trees and two finer pictures of one; batches of trees on a GPU."""
    if device == "cuda":
        yield from batches()
        return
    for terminals, finer, wanted in ((100, 1, {}), (500, 1, {"seconds": 0.01}),
                                     (2000, 1, {}), (500, 2, {}), (500, 4, {"seconds": 0.2})):
        ends, radii = random_tree(terminals)
        side, spacing = MAP * finer + 1, WIDTH / finer
        for dtype in (torch.float32, torch.uint8):
            for how in ("samples", "smooth"):
                given = {"spacing": spacing, "partial": how, "dtype": dtype}
                peers = {"torch eager": partial(boxes, ends, radii, side, **given)}
                if terminals == 500 and finer < 4:
                    wanted = {**wanted, "torch eager": 20}
                yield Case(
                    "capsules", f"{len(radii)} capsules into {side}^3, {how}, {name(dtype)}",
                    side ** 3 * dtype.itemsize + 28 * len(radii),
                    partial(capsules, ends, radii, (side,) * 3, **given),
                    peers if finer < 4 else {}, wanted)
    ends, radii = random_tree(10)
    side, spacing = 41, WIDTH * MAP / 40
    yield Case(
        "capsules", f"{len(radii)} capsules into {side}^3, samples, float32",
        side ** 3 * 4 + 28 * len(radii),
        partial(capsules, ends, radii, (side,) * 3, spacing=spacing),
        {"reference": lambda: partial(capsules_reference, ends, radii, (side,) * 3, [spacing] * 3)})


def batches() -> Iterator[Case]:
    """64 trees of 500 terminals at once, and one tree into a fine volume."""
    trees = [random_tree(500, seed) for seed in range(8)] * 8
    ends = torch.cat([tree[0] for tree in trees]).cuda()
    radii = torch.cat([tree[1] for tree in trees]).cuda()
    tree = torch.arange(64, device="cuda").repeat_interleave(999)
    for dtype in (torch.float32, torch.uint8):
        for how in ("samples", "smooth"):
            given = {"partial": how, "dtype": dtype}
            yield Case(
                "capsules", f"64 trees of 999 capsules into 101^3, {how}, {name(dtype)}",
                64 * 101 ** 3 * dtype.itemsize + 36 * len(radii),
                partial(capsules, ends, radii, (101,) * 3, spacing=WIDTH, tree=tree, batch=64,
                        **given), wanted={"floor": 2.0})
            yield Case(
                "capsules", f"999 capsules into 401^3, {how}, {name(dtype)}",
                401 ** 3 * dtype.itemsize + 28 * 999,
                partial(capsules, ends[:999], radii[:999], (401,) * 3, spacing=WIDTH / 4, **given),
                {"torch eager": partial(boxes, ends[:999], radii[:999], 401, spacing=WIDTH / 4,
                                        **given)},
                wanted={"floor": 2.0, "torch eager": 5})


def name(dtype: torch.dtype) -> str:
    """As people say it."""
    return str(dtype).removeprefix("torch.")


def boxes(ends: Tensor, radii: Tensor, side: int, *, spacing: float, partial: str,
          dtype: torch.dtype) -> Callable[[], Tensor]:
    """As one would write it in torch: capsule by capsule, each in its own box of voxels."""
    parts = [(i, j, k) for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)]
    corners = spacing / 4 * torch.tensor(parts).to(ends)          # (8, 3)
    reach = radii if partial == "samples" else radii.clamp(min=spacing) + spacing
    low = ((ends.amin(1) - reach[:, None]) / spacing - 1).floor().clamp(0, side).long().tolist()
    high = ((ends.amax(1) + reach[:, None]) / spacing + 2).ceil().clamp(0, side).long().tolist()

    def smooth(d2: Tensor, r: Tensor) -> Tensor:
        w2 = spacing * spacing
        radius = ((r * r).clamp(min=w2 / 3) - w2 / 12).sqrt()
        return (3 * r * r / w2).clamp(max=1) * (
            0.5 + (radius - d2.sqrt()) / spacing).clamp(0, 1)

    def draw() -> Tensor:
        size = (side,) * 3
        if partial == "samples":
            inside = ends.new_zeros(8, *size, dtype=torch.bool)
        else:
            volume = ends.new_zeros(size)
        for (a, b), r, first, last in zip(ends, radii, low, high, strict=True):
            axes = [torch.arange(i, j, device=a.device) * spacing
                    for i, j in zip(first, last, strict=True)]
            x = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1) - a
            if partial == "samples":
                x = x + corners[:, None, None, None]
            v = b - a
            t = (x @ v / (v @ v)).clamp(0, 1)
            d2 = (x - t[..., None] * v).square().sum(-1)
            here = tuple(slice(i, j) for i, j in zip(first, last, strict=True))
            if partial == "samples":
                inside[(slice(None), *here)] |= d2 <= r * r
            else:
                volume[here] = torch.maximum(volume[here], smooth(d2, r))
        if partial == "samples":
            volume = inside.sum(0) / 8
        return (255 * volume + 0.5).to(dtype)[None] if dtype == torch.uint8 else volume[None]

    return draw
