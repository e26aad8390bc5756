"""Dice with cross entropy, forward and backward to the logits, beside MONAI and plain torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor

from medtutor.kernels.overlap import overlap_sums_reference
from medtutor.methods.loss_functions.overlap import dice_cross_entropy

from .case import Call, Case

Loss = Callable[[Tensor, Tensor], Tensor]


def cases(device: str) -> Iterator[Case]:
    """The two sizes of the targets, and smaller ones; larger batches on a GPU."""
    float32, uint8 = torch.float32, torch.uint8
    if device == "cpu":
        one = {"floor": 4, "monai": 8, "torch.compile": 2, "megabytes": 34.6}
        yield volume(device, (4, 1, 128, 128, 128), float32, float32, one)
        yield volume(device, (4, 1, 128, 128, 128), float32, uint8, {"monai": 8})
        yield volume(device, (4, 1, 64, 64, 64), float32, float32, {})
        yield volume(device, (1, 1, 64, 64, 64), float32, float32, {})
        four = {"floor": 4, "monai": 3, "torch.compile": 1.5}
        yield volume(device, (16, 4, 256, 256), float32, uint8, four)
        yield volume(device, (16, 4, 256, 256), float32, torch.int64, {})
        yield volume(device, (16, 4, 64, 64), float32, uint8, {})
        # As the chapters train: what a call costs beside the voxels counts here.
        yield volume(device, (16, 1, 48, 48), float32, torch.int64, {})
        return
    wanted = {"floor": 2, "torch eager": 5, "torch.compile": 1.2}
    yield volume(device, (4, 1, 128, 128, 128), float32, float32, wanted)
    yield volume(device, (16, 1, 128, 128, 128), torch.bfloat16, uint8, wanted)
    yield volume(device, (64, 4, 256, 256), float32, uint8, wanted)
    yield volume(device, (64, 4, 256, 256), torch.bfloat16, uint8, wanted)


def volume(
    device: str,
    shape: tuple[int, ...],
    dtype: torch.dtype,
    label: torch.dtype,
    wanted: dict[str, float],
) -> Case:
    """Logits (B, K, *S), a tenth of the voxels foreground for K = 1, else all classes alike."""
    classes, generator = shape[1], torch.Generator().manual_seed(0)
    logits = torch.randn(shape, generator=generator).to(device, dtype).requires_grad_()
    space = (shape[0], *shape[2:])
    if classes == 1:
        target = torch.rand(space, generator=generator) < 0.1
    else:
        target = torch.randint(classes, space, generator=generator)
    target = target.to(device, label)

    def both_ways(loss: Loss, truth: Tensor = target) -> Callable[[], Call]:
        def call() -> tuple[Tensor, Tensor]:
            value = loss(logits, truth)
            return value.detach(), *torch.autograd.grad(value, logits)

        return lambda: call

    def monai() -> Call:
        from monai.losses import DiceCELoss

        several = classes > 1
        settings = {"smooth_nr": 1.0, "smooth_dr": 1.0}  # ours; theirs are 1e-5
        loss = DiceCELoss(sigmoid=not several, softmax=several, to_onehot_y=several, **settings)
        return both_ways(loss, target[:, None])()

    def compiled() -> Call:
        threads = torch.get_num_threads()  # which compiling changes
        call = both_ways(torch.compile(written_out))()
        call()
        torch.set_num_threads(threads)
        return call

    voxels, item = prod(space), logits.element_size()
    return Case(
        op="overlap",
        case=f"{' x '.join(map(str, shape))} {_name(dtype)}, target {_name(label)}",
        # Logits and target read forward and again backward, the gradient written.
        bytes=voxels * (3 * classes * item + 2 * target.element_size()),
        ours=both_ways(dice_cross_entropy)(),
        peers={
            "monai": monai,
            "torch eager": both_ways(written_out),
            "torch.compile": compiled,
            "reference": both_ways(by_reference),
        },
        wanted=wanted,
        series=f"{classes} classes, {_name(dtype)}, target {_name(label)}",
    )


def written_out(logits: Tensor, target: Tensor) -> Tensor:
    """Dice and cross entropy as one writes them in torch, with its own stable cross entropies."""
    if logits.shape[1] == 1:
        t = target[:, None].to(logits.dtype)
        p, entropy = logits.sigmoid(), F.binary_cross_entropy_with_logits(logits, t)
    else:
        t = F.one_hot(target.long(), logits.shape[1]).movedim(-1, 1).to(logits.dtype)
        p, entropy = logits.softmax(1), F.cross_entropy(logits, target.long())
    space = tuple(range(2, p.ndim))
    both, extent = (p * t).sum(space), p.sum(space) + t.sum(space)
    return 1 - ((2 * both + 1) / (extent + 1)).mean() + entropy


def by_reference(logits: Tensor, target: Tensor) -> Tensor:
    """The same from the sums of the reference, which has all six."""
    sums = overlap_sums_reference(logits, target)
    entropy = sums.ce_foreground.sum()
    if logits.shape[1] == 1:
        entropy = entropy + sums.ce_background.sum()
    dice = (2 * sums.both + 1) / (sums.predicted + sums.true + 1)
    return 1 - dice.mean() + entropy / target.numel()


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
