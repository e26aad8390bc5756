"""Distances of features to the centres of a radial basis layer, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from medtutor.kernels.rbf_distance import rbf_distance, rbf_distance_reference

from .case import Call, Case

POINTS = 4096
SIZES, COUNTS = (256, 1024), (10, 64, 512)
LARGEST = 1 << 28       # numbers N K D that the reference may hold: 1 GB


def cases(device: str) -> Iterator[Case]:
    """N = 4096 on the CPU; as many points as move 100 MB and more on a GPU."""
    points = POINTS if device == "cpu" else 65536
    for size in SIZES:
        for count in COUNTS:
            yield distances(device, points, count, size)
    # Scaling: half and twice the points, and points far from the origin, taken off the mean first.
    yield distances(device, points // 2, 64, 256)
    yield distances(device, points * 2, 64, 256)
    yield distances(device, points, 64, 256, offset=1000.0)
    yield distances(device, points, 512, 1024, offset=1000.0)


def distances(device: str, points: int, count: int, size: int, offset: float = 0.0) -> Case:
    """Forward, and backward to points and centres."""
    generator = torch.Generator().manual_seed(0)
    x, centres, g = (
        torch.randn(shape, generator=generator)
        for shape in ((points, size), (count, size), (points, count))
    )
    x, centres = ((t + offset).to(device).requires_grad_() for t in (x, centres))
    g = g.to(device)

    def both_ways(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[], Call]:
        def call() -> tuple[Tensor, Tensor, Tensor]:
            value = function(x, centres)
            return value.detach(), *torch.autograd.grad(value, (x, centres), g)

        return lambda: call

    # The squared distance as it comes from cdist. It loses the digits that ours keeps: with the
    # offset it takes the matrix product of the points as they are.
    peers = {"torch.cdist": both_ways(lambda a, b: torch.cdist(a, b).square()),
             # The product form in torch, differentiated by autograd; loses the same digits.
             "torch eager": both_ways(product_form)}
    if points * count * size <= LARGEST:
        peers["reference"] = both_ways(rbf_distance_reference)
    if device != "cpu":
        peers["torch.compile"] = both_ways(torch.compile(product_form))
    far = f", {offset:g} from the origin" if offset else ""
    return Case(
        op="rbf_distance",
        case=f"{points} points, {count} centres, {size} coordinates{far}, forward and backward",
        # x, centres read and s written; x, centres, g read and both gradients written.
        bytes=4 * (3 * (points + count) * size + 2 * points * count),
        ours=both_ways(rbf_distance)(),
        peers=peers,
        wanted={"torch.cdist": 2.0 if count <= 10 else 1.25},
    )


def product_form(x: Tensor, centres: Tensor) -> Tensor:
    """|x|^2 - 2 x.c + |c|^2."""
    lengths = x.square().sum(1, keepdim=True) + centres.square().sum(1)
    return torch.addmm(lengths, x, centres.T, alpha=-2)
