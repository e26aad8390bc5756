"""Star-shape terms, forward and backward to the probabilities, beside the gather loop of torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from benchmarks.case import Call, Case
from medtutor.kernels.star_rays import (
    star_line,
    star_neighbour,
    star_neighbour_reference,
    star_polar,
)

BATCH = {"cpu": 16, "cuda": 256}     # a GPU's batch moves 100 MB or more


def cases(device: str) -> Iterator[Case]:
    """The line form exactly and by rays, gated and not, and the neighbour form.

    The gather loop takes one gather a step along all lines at once, with autograd. It gives the
    same numbers as the exact line, as torch eager does for the neighbour form (the reference, a
    line of one step); the polar form samples otherwise (see `star_polar`), with two thirds as many
    differences at 256^2. Without gates a pixel's 16 bytes are: s read, gradient written, and read
    and written by the backward pass.
    """
    for size in (128, 256, 512) if device == "cpu" else (256,):
        batch = BATCH[device] if size <= 256 else 4
        prob, centre, target = drawn(batch, size, device)
        where = f"{batch} x {size}^2 float32"
        line: dict[str, float] = {"gather loop": 40, "megabytes": 50}
        wanted = line if size == 256 and device == "cpu" else {}
        loop = {"gather loop": maker(gather_loop, prob, centre)}
        yield Case("star_rays", f"line, exact, {where}", 16 * prob.numel(),
                   gradients(star_line, prob, centre), loop, wanted)
        yield Case("star_rays", f"line, polar {2 * size} x {size // 2}, {where}", 16 * prob.numel(),
                   gradients(star_polar, prob, centre, rays=2 * size, radii=size // 2), loop,
                   wanted)
        if size == 256:
            yield Case("star_rays", f"published loss, exact, {where}", 17 * prob.numel(),
                       gradients(star_line, prob, centre, target),
                       {"gather loop": maker(gather_loop, prob, centre, target)}, wanted)
        yield Case("star_rays", f"neighbour, {where}", 16 * prob.numel(),
                   gradients(star_neighbour, prob, centre),
                   {"torch eager": maker(star_neighbour_reference, prob, centre)},
                   {"seconds": 0.005} if wanted else {})


def drawn(batch: int, size: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Noise, centres in the middle quarter of the image's sides, random labels."""
    draw = torch.Generator().manual_seed(0)
    prob = torch.rand(batch, size, size, generator=draw)
    centre = torch.randint(3 * size // 8, 5 * size // 8, (batch, 2), generator=draw)
    target = torch.rand(batch, size, size, generator=draw) > 0.5
    return prob.to(device), centre.to(device), target.to(device)


def gradients(
    term: Callable[..., Tensor], prob: Tensor, centre: Tensor, *rest: Any, **options: Any
) -> Call:
    """A call that returns the value of each image and the gradient of their sum."""
    prob = prob.detach().clone().requires_grad_()

    def call() -> tuple[Tensor, Tensor]:
        value = term(prob, centre, *rest, **options)
        return value.detach(), torch.autograd.grad(value.sum(), prob)[0]

    return call


def gather_loop(prob: Tensor, centre: Tensor, target: Tensor | None = None) -> Tensor:
    """The line form as one would write it for speed; exact in float32 for sides below 2000."""
    _, height, width = prob.shape
    row, column = centre.to(prob).view(-1, 2, 1, 1).unbind(1)
    down = torch.arange(height, device=prob.device).view(1, -1, 1) - row
    right = torch.arange(width, device=prob.device).view(1, 1, -1) - column
    steps = torch.maximum(down.abs(), right.abs())
    least, half_down, half_right = steps.clamp(min=1), down.sign() / 2, right.sign() / 2
    flat, pairs = prob.flatten(1), torch.zeros_like(prob)
    labels = None if target is None else target.flatten(1)
    for k in range(int(steps.max())):
        y = row + (down * k / least + half_down).trunc()
        x = column + (right * k / least + half_right).trunc()
        place = (y * width + x).long().flatten(1)
        # past p (k >= n) the line would go on, out of the image: stay inside, and do not count
        place = place.clamp(0, height * width - 1)
        use = steps > k
        if target is not None and labels is not None:
            use = use & (target == labels.gather(1, place).view_as(target))
        pairs = pairs + use * (prob - flat.gather(1, place).view_as(prob)).abs()
    if target is not None:
        pairs = pairs * (target.to(prob) - prob).abs()
    return pairs.sum((1, 2))


def maker(*arguments: Any) -> Callable[[], Call]:
    return lambda: gradients(*arguments)
