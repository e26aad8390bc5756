"""The losses, forward and backward to the logits, beside MONAI and the formula written out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from medtutor.methods.loss_functions.combo_loss import combo_loss
from medtutor.methods.loss_functions.overlap import dice_cross_entropy

Case = tuple[str, str, Callable, dict[str, Callable]]

# Batch, channels and size as the chapters train on, then a volume.
SHAPES = ((16, 1, 48, 48), (16, 3, 48, 48), (16, 1, 256, 256), (2, 1, 64, 64, 64))


def naive_dice_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """The formula as one writes it down first: probabilities, one-hot truth, logarithms."""
    p, t = _both(logits, target)
    space = tuple(range(2, p.ndim))
    dice = (2 * (p * t).sum(space) + 1) / (p.sum(space) + t.sum(space) + 1)
    terms = t * torch.log(p + 1e-7)
    if logits.shape[1] == 1:
        terms = terms + (1 - t) * torch.log(1 - p + 1e-7)
    return 1 - dice.mean() - terms.sum(1).mean()


def naive_combo(logits: Tensor, target: Tensor) -> Tensor:
    """The published form, probabilities clipped; foreground classes one by one, then their mean."""
    p, t = _both(logits, target)
    if logits.shape[1] > 1:
        p, t = p[:, 1:], t[:, 1:]
    axes = (0, *range(2, p.ndim))
    q = p.clamp(1e-7, 1 - 1e-7)
    cross = -(0.5 * t * q.log() + 0.5 * (1 - t) * (1 - q).log()).mean(axes)
    dice = (2 * (p * t).sum(axes) + 1) / (p.sum(axes) + t.sum(axes) + 1)
    return (0.5 * cross - 0.5 * dice).mean()


def _both(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    if logits.shape[1] == 1:
        return logits.sigmoid(), target[:, None].to(logits)
    onehot = torch.nn.functional.one_hot(target, logits.shape[1]).movedim(-1, 1)
    return logits.softmax(1), onehot.to(logits)


def cases() -> Iterator[Case]:
    """Op, case, our call and the peers' calls."""
    from monai.losses import DiceCELoss

    for shape in SHAPES:
        batch, channels, *space = shape
        generator = torch.Generator().manual_seed(0)
        logits = torch.randn(shape, generator=generator, requires_grad=True)
        target = torch.randint(max(channels, 2), (batch, *space), generator=generator)
        multi = channels > 1
        monai = DiceCELoss(sigmoid=not multi, softmax=multi, to_onehot_y=multi)
        channelled = target[:, None] if multi else target[:, None].float()

        def backward(loss: Callable, truth: Tensor = target, x: Tensor = logits) -> Callable:
            def call() -> None:
                x.grad = None
                loss(x, truth).backward()

            return call

        case = f"forward and backward, logits {' x '.join(map(str, shape))}"
        peers = {"MONAI DiceCELoss": backward(monai, channelled)}
        yield (
            "dice_cross_entropy",
            case,
            backward(dice_cross_entropy),
            {**peers, "formula in eager torch": backward(naive_dice_cross_entropy)},
        )
        yield (
            "combo_loss",
            case,
            backward(combo_loss),
            {**peers, "formula in eager torch": backward(naive_combo)},
        )
