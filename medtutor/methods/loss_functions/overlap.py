"""Overlap losses: soft Dice, its Tversky form, and Dice with cross entropy."""

from __future__ import annotations

import torch
from torch import Tensor

from medtutor.kernels.overlap import OverlapSums, overlap_sums


def dice_overlap(
    prob: Tensor,
    target: Tensor,
    *,
    smooth: float = 1.0,
    squared: bool = False,
    over_batch: bool = False,
) -> Tensor:
    """Soft Dice overlap of each image and class.

    With probabilities p and one-hot truth g, summed over the spatial axes:

        D = (2 Σ p g + s) / (Σ p + Σ g + s)

    ``smooth`` s, in voxels, keeps the ratio and its gradient finite where a class is absent: then
    D = s / (Σ p + s), which is 1 when nothing is predicted either. A large s flatters small
    structures. ``squared`` takes Σ p² + Σ g² below (Milletari et al., 2016). ``over_batch`` sums
    over the images as well, as if the batch were one image: an image without the class is then
    outweighed by those that have it, and one large structure outweighs many small ones.

    Limits (s -> 0): 1 when p equals g, 0 when they are disjoint.

    Args:
        prob: (B, 1, *S), of the foreground, or (B, K, *S), summing to 1 over K classes.
        target: (B, *S): for K = 1 in {0, 1} or a probability, for K > 1 an integer in [0, K).
        smooth: s, at least 0.
        squared: squared extents.
        over_batch: sum over the batch before dividing.

    Returns:
        (B, K), or (1, K) with ``over_batch``; float32 for half-precision input.
    """
    p, g, axes = _aligned(prob, target, smooth, over_batch)
    both = (p * g).sum(axes)  # (B, K) or (1, K)
    extent = (p.square() + g.square() if squared else p + g).sum(axes)
    return ((2 * both + smooth) / (extent + smooth)).reshape(-1, p.shape[1])


def tversky_overlap(
    prob: Tensor,
    target: Tensor,
    *,
    fn_weight: float = 0.5,
    fp_weight: float = 0.5,
    smooth: float = 1.0,
    over_batch: bool = False,
) -> Tensor:
    """Overlap in which missed and invented voxels cost differently (Tversky, 1977).

        T = (Σ p g + s/2) / (Σ p g + b Σ (1 - p) g + a Σ p (1 - g) + s/2)

    with b = ``fn_weight`` for false negatives and a = ``fp_weight`` for false positives. Limits:
    a = b = 1/2 is ``dice_overlap``, a = b = 1 the Jaccard index with smoothing s/2.

    Args:
        prob: as in ``dice_overlap``.
        target: as in ``dice_overlap``.
        fn_weight: b, at least 0.
        fp_weight: a, at least 0.
        smooth: s, in voxels.
        over_batch: sum over the batch before dividing.

    Returns:
        (B, K), or (1, K) with ``over_batch``.
    """
    if fn_weight < 0 or fp_weight < 0:
        raise ValueError(f"weights must be 0 or more; got {fn_weight=}, {fp_weight=}")
    p, g, axes = _aligned(prob, target, smooth, over_batch)
    both = (p * g).sum(axes)  # (B, K) or (1, K)
    missed = ((1 - p) * g).sum(axes)
    invented = (p * (1 - g)).sum(axes)
    below = both + fn_weight * missed + fp_weight * invented
    return ((both + smooth / 2) / (below + smooth / 2)).reshape(-1, p.shape[1])


def dice_loss(
    logits: Tensor,
    target: Tensor,
    *,
    smooth: float = 1.0,
    squared: bool = False,
    over_batch: bool = False,
    background: bool = True,
) -> Tensor:
    """One minus the mean soft Dice overlap, from logits.

    The sums of the Dice ratio come from `overlap_sums`, which keeps no probabilities.

    Args:
        logits: (B, 1, *S) before a sigmoid, or (B, K, *S) before a softmax; finite.
        target: (B, *S), as in ``dice_overlap``.
        smooth: in voxels, see ``dice_overlap``.
        squared: see ``dice_overlap``.
        over_batch: see ``dice_overlap``.
        background: count class 0 of K > 1 classes; one channel is all foreground anyway.

    Returns:
        Scalar in [0, 1].
    """
    _check_smooth(smooth)
    sums = overlap_sums(logits, target, ce_foreground=False, ce_background=False)
    return _dice_loss(sums, target, smooth, squared, over_batch, background)


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean cross entropy over voxels: of a sigmoid for one channel, of a softmax for K.

    The same shapes as ``dice_loss``; float32 for half-precision input. Returns a scalar.
    """
    sums = overlap_sums(logits, target, overlap=False, ce_background=logits.shape[1] == 1)
    return _cross_entropy(sums, target)


def dice_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    dice_weight: float = 1.0,
    ce_weight: float = 1.0,
    smooth: float = 1.0,
    squared: bool = False,
    over_batch: bool = False,
    background: bool = True,
) -> Tensor:
    """Dice loss plus cross entropy, with the weights 1 and 1 that nnU-Net takes.

        L = dice_weight * (1 - D) + ce_weight * CE

    Departure from nnU-Net: it adds -D, which shifts the value by a constant and no gradient, and
    has other smoothing and class choices. Shapes and other arguments as in ``dice_loss``.

    Returns:
        Scalar, at least 0.
    """
    _check_smooth(smooth)
    sums = overlap_sums(logits, target, ce_background=logits.shape[1] == 1)
    dice = _dice_loss(sums, target, smooth, squared, over_batch, background)
    return dice_weight * dice + ce_weight * _cross_entropy(sums, target)


def _dice_loss(
    sums: OverlapSums,
    target: Tensor,
    smooth: float,
    squared: bool,
    over_batch: bool,
    background: bool,
) -> Tensor:
    """1 - D, with `both` = Σ p g, `predicted` = Σ p, `true` = Σ g, `squares` = Σ p², (B, K)."""
    both, extent = sums.both, sums.predicted + sums.true
    if squared:
        true = sums.true  # g² is g, but for soft labels
        if target.is_floating_point():
            true = target.to(both).square().flatten(1).sum(1, keepdim=True)
        extent = sums.squares + true
    if over_batch:
        both, extent = both.sum(0, keepdim=True), extent.sum(0, keepdim=True)  # (1, K)
    overlap = (2 * both + smooth) / (extent + smooth)  # (B, K) or (1, K)
    if not background and overlap.shape[1] > 1:
        overlap = overlap[:, 1:]
    return 1 - overlap.mean()


def _cross_entropy(sums: OverlapSums, target: Tensor) -> Tensor:
    """-Σ g ln p over classes and voxels, and for one channel -Σ (1 - g) ln(1 - p), by voxel."""
    surprise = sums.ce_foreground
    if sums.ce_background is not None:
        surprise = surprise + sums.ce_background
    return surprise.sum() / target.numel()


def probabilities(logits: Tensor) -> Tensor:
    """Sigmoid of one channel, softmax of several, at single precision or better.

    (B, K, *S) -> (B, K, *S).
    """
    logits = _full(logits)
    return torch.sigmoid(logits) if logits.shape[1] == 1 else torch.softmax(logits, dim=1)


def _full(x: Tensor) -> Tensor:
    """Half precision overflows at 65,504: sums over voxels need single precision."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _aligned(
    prob: Tensor, target: Tensor, smooth: float, over_batch: bool
) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """Probabilities and one-hot target of one shape, and the axes to sum over."""
    _check_pair(prob, target, "prob")
    _check_smooth(smooth)
    prob = _full(prob)
    if prob.shape[1] == 1:
        onehot = target[:, None].to(prob.dtype)  # (B, 1, *S)
    else:
        onehot = torch.zeros_like(prob).scatter_(1, target[:, None].long(), 1)  # (B, K, *S)
    space = tuple(range(2, prob.ndim))
    return prob, onehot, ((0, *space) if over_batch else space)


def _check_smooth(smooth: float) -> None:
    if smooth < 0:
        raise ValueError(f"smooth must be 0 or more; got {smooth!r}")


def _check_pair(scores: Tensor, target: Tensor, name: str) -> None:
    wanted = (scores.shape[0], *scores.shape[2:]) if scores.ndim >= 2 else ()
    if scores.ndim < 3 or tuple(target.shape) != wanted:
        squeeze = target.ndim == scores.ndim and target.shape[1] == 1
        raise ValueError(
            f"target must be (B, *S), as {name} (B, K, *S) without K; got {name} "
            f"{tuple(scores.shape)} and target {tuple(target.shape)}"
            + (": target.squeeze(1)?" if squeeze else "")
        )
    if not scores.is_floating_point():
        raise TypeError(f"{name} must be a floating tensor; got {scores.dtype}")
    classes = scores.shape[1]
    if classes > 1 and target.is_floating_point():
        raise TypeError(
            f"target must be integer for {classes} classes; got {target.dtype}: target.long()?"
        )
    if target.device.type == "cpu" and target.numel():  # elsewhere a look would cost a wait
        low, high = (float(edge) for edge in torch.aminmax(target))
        if low < 0 or high > max(classes - 1, 1):
            raise ValueError(
                f"target must lie in 0..{max(classes - 1, 1)} for {classes} channel(s); got "
                f"{low:g}..{high:g}: a mask stored as 0 and 255, or a channel too few?"
            )
