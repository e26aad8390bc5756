"""Combo loss: cross entropy with a weight for each kind of error, minus soft Dice.

Asgari Taghanaki et al., "Combo loss: Handling input and output imbalance in multi-organ
segmentation", Computerized Medical Imaging and Graphics 75 (2019) 24-33.

`combo_loss` is the form to train with. `combo_loss_clipped` is the form of the authors' released
code with its sign repaired; `released_sign_combo_loss` and `printed_typo_combo_loss` keep two
slips of the literature, to be looked at and not to be trained with.
"""

from __future__ import annotations

import warnings
from typing import Literal

import torch
from torch import Tensor

from medtutor.kernels.overlap import overlap_sums


def combo_loss(
    logits: Tensor,
    target: Tensor,
    *,
    ce_weight: float = 0.5,
    fn_weight: float = 0.5,
    smooth: float = 1.0,
    over: Literal["batch", "image"] = "batch",
    classes: Literal["mean", "sum"] = "mean",
    background: bool = False,
) -> Tensor:
    """Combo loss from logits (Asgari Taghanaki et al., 2019).

    With logits z, probabilities p = sigmoid(z), truth t, and N voxels, for each class:

        W = -(1/N) sum [ fn_weight t ln p + (1 - fn_weight) (1 - t) ln(1 - p) ]
        D = (2 sum p t + smooth) / (sum p + sum t + smooth)
        L = ce_weight W - (1 - ce_weight) D

    The paper writes alpha for `ce_weight` and beta for `fn_weight`. Limits: `ce_weight` 0 is minus
    soft Dice; `ce_weight` 1 with `fn_weight` 1/2 is half the binary cross entropy. The smallest
    value is -(1 - ce_weight), not 0. An empty image predicted empty has D = 1.

    The sums over the voxels come from `medtutor.kernels.overlap`, all of them from one pass.

    Departures: ln p and ln(1 - p) come from the logits by log-sigmoid, so nothing is clipped and
    a voxel that is badly wrong keeps its gradient. Of softmax scores, each foreground class is
    taken against all others, and `fn_weight` belongs to the foreground: a miss of class k is a
    voxel of class k with a low p_k. The released code takes the background channel too, under
    the same weight; with two classes the two weights then cancel (`background=True` shows it).

    Args:
        logits: (B, 1, *S) for sigmoid or (B, K, *S) for softmax, floating point, finite. Half
            precision is summed in float32.
        target: (B, *S), 0 or 1 for one channel, else the class in [0, K) with 0 the background.
        ce_weight: in [0, 1], share of cross entropy against Dice.
        fn_weight: in [0, 1], weight of missed foreground; the rest weighs false alarms. Above 1/2
            a miss costs more. 0 and 1 switch one kind of error off, with a warning.
        smooth: above 0, in voxels, added to both sides of the Dice ratio.
        over: "batch" takes the sums of D over the whole batch, as released, where an empty image
            hides; "image" takes D of each image and their mean, where an empty image has full say.
        classes: "mean" or "sum" of the class losses.
        background: take the background channel of softmax scores as one more class.

    Returns:
        Scalar in float32, or float64 for float64 logits.
    """
    _check_knobs(ce_weight, fn_weight, smooth)
    _check_choice("over", over, ("batch", "image"))
    _check_choice("classes", classes, ("mean", "sum"))
    sums = overlap_sums(logits, target, soft_labels=False)  # of each image and class, (B, C)

    # region: cross_entropy
    # ce_foreground = -sum t ln p over the voxels, ce_background = -sum (1 - t) ln(1 - p).
    surprise = fn_weight * sums.ce_foreground + (1 - fn_weight) * sums.ce_background  # (B, C)
    cross_entropy = surprise.sum(0) / target.numel()  # (C,)
    # endregion

    # region: dice
    # both = sum p t over the voxels, predicted = sum p, true = sum t.
    overlap, extent = sums.both, sums.predicted + sums.true  # (B, C)
    if over == "batch":
        overlap, extent = overlap.sum(0), extent.sum(0)  # (C,)
    dice = (2 * overlap + smooth) / (extent + smooth)
    if over == "image":
        dice = dice.mean(0)  # (C,)
    # endregion

    loss = ce_weight * cross_entropy - (1 - ce_weight) * dice  # (C,)
    if len(loss) > 1 and not background:
        loss = loss[1:]
    return loss.sum() if classes == "sum" else loss.mean()


def combo_loss_clipped(
    prob: Tensor,
    target: Tensor,
    *,
    ce_weight: float = 0.5,
    fn_weight: float = 0.5,
    smooth: float = 1.0,
    eps: float = 1e-7,
) -> Tensor:
    """Combo loss from probabilities, clipped as in the authors' code, with the sign repaired.

    The formula of `combo_loss` with p clipped to [eps, 1 - eps] inside the logarithms, and all
    voxels, channels and images flattened into one sum. Beyond the clip the cross entropy has no
    gradient: a voxel that is badly wrong stays so. Train with `combo_loss`.

    Args:
        prob: any shape, in [0, 1].
        target: the shape of `prob`, 0 or 1.
        ce_weight: in [0, 1], share of cross entropy against Dice (released 0.5).
        fn_weight: in [0, 1], weight of missed foreground (released 0.5).
        smooth: above 0, in voxels (released 1).
        eps: clip; refused where 1 - eps rounds to 1.

    Returns:
        Scalar.
    """
    p, clipped, t = _clipped_inputs(prob, target, ce_weight, fn_weight, smooth, eps)
    terms = fn_weight * t * clipped.log() + (1 - fn_weight) * (1 - t) * (1 - clipped).log()
    return ce_weight * -terms.mean() - (1 - ce_weight) * _flat_dice(p, t, smooth)


def released_sign_combo_loss(
    prob: Tensor,
    target: Tensor,
    *,
    ce_weight: float = 0.5,
    fn_weight: float = 0.5,
    smooth: float = 1.0,
    eps: float = 1e-7,
) -> Tensor:
    """Combo loss with the sign slip of the released code: for demonstration only.

    The minus stands before the foreground term alone:

        W = (1/N) sum [ -fn_weight t ln p + (1 - fn_weight) (1 - t) ln(1 - p) ]

    As ln(1 - p) is negative, a background voxel painted as foreground *lowers* the loss. Arguments
    and result are those of `combo_loss_clipped`.
    """
    p, clipped, t = _clipped_inputs(prob, target, ce_weight, fn_weight, smooth, eps)
    terms = -(fn_weight * t * clipped.log()) + (1 - fn_weight) * (1 - t) * (1 - clipped).log()
    return ce_weight * terms.mean() - (1 - ce_weight) * _flat_dice(p, t, smooth)


def printed_typo_combo_loss(
    prob: Tensor,
    target: Tensor,
    *,
    ce_weight: float = 0.5,
    fn_weight: float = 0.5,
    smooth: float = 1.0,
    eps: float = 1e-7,
) -> Tensor:
    """Combo loss as equation 3 was once printed: for demonstration only.

    A minus stands where t and ln p are multiplied (the preprint was corrected later):

        W = -(1/N) sum [ fn_weight (t - ln p) + (1 - fn_weight) (1 - t) ln(1 - p) ]

    The truth no longer chooses the voxels: every p is pulled to 0, foreground too. Arguments and
    result are those of `combo_loss_clipped`.
    """
    p, clipped, t = _clipped_inputs(prob, target, ce_weight, fn_weight, smooth, eps)
    terms = fn_weight * (t - clipped.log()) + (1 - fn_weight) * (1 - t) * (1 - clipped).log()
    return ce_weight * -terms.mean() - (1 - ce_weight) * _flat_dice(p, t, smooth)


def constant_optimum(fraction: float, fn_weight: float) -> float:
    """The constant p that minimises W when a `fraction` f of the voxels is foreground.

        q = fn_weight f / (fn_weight f + (1 - fn_weight) (1 - f))

    The same formula holds voxel by voxel with f the chance that the voxel is foreground. Thus
    q > 1/2 exactly where f > 1 - fn_weight: weighting the cross entropy moves the decision
    threshold from 1/2 to 1 - `fn_weight`.

    Args:
        fraction: in (0, 1).
        fn_weight: in [0, 1].
    """
    if not 0 < fraction < 1:
        raise ValueError(f"fraction must be in (0, 1), got {fraction}")
    _check_knobs(1.0, fn_weight, 1.0)
    pull_up, pull_down = fn_weight * fraction, (1 - fn_weight) * (1 - fraction)
    return pull_up / (pull_up + pull_down)


def _flat_dice(p: Tensor, t: Tensor, smooth: float) -> Tensor:
    return (2 * (p * t).sum() + smooth) / (p.sum() + t.sum() + smooth)


def _clipped_inputs(
    prob: Tensor, target: Tensor, ce_weight: float, fn_weight: float, smooth: float, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Check the published forms' inputs; return p, clipped p and t, in float32 or float64."""
    _check_knobs(ce_weight, fn_weight, smooth)
    if prob.shape != target.shape or prob.numel() == 0:
        raise ValueError(
            f"prob and target must have one shape with at least one voxel, got "
            f"{tuple(prob.shape)} and {tuple(target.shape)}: unsqueeze or one-hot the target?"
        )
    p = prob if prob.dtype == torch.float64 else prob.float()
    low, high = (float(v) for v in p.detach().aminmax())
    if not 0 <= low <= high <= 1:
        hint = "lower the learning rate?" if low != low else "logits? Pass sigmoid(logits)"
        raise ValueError(f"prob must be in [0, 1], got {low:g} to {high:g}: {hint}")
    if not bool(((target == 0) | (target == 1)).all()):
        raise ValueError("target must be 0 or 1: threshold soft labels, one-hot class labels")
    smallest = torch.finfo(p.dtype).eps / 2
    if not smallest < eps < 0.5:
        raise ValueError(
            f"eps must be above {smallest:.1e} (below it, 1 - eps rounds to 1 in {p.dtype} and "
            f"ln(1 - p) is infinite) and below 0.5, got {eps}"
        )
    return p, p.clamp(eps, 1 - eps), target.to(p.dtype)


def _check_knobs(ce_weight: float, fn_weight: float, smooth: float) -> None:
    for name, value in (("ce_weight", ce_weight), ("fn_weight", fn_weight)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must be in [0, 1], got {value}")
    if not 0 < smooth < float("inf"):
        raise ValueError(f"smooth must be above 0 and finite, in voxels; got {smooth}")
    if fn_weight in (0, 1):
        error = "a miss" if fn_weight == 0 else "a false alarm"
        warnings.warn(
            f"fn_weight={fn_weight}: in the cross entropy {error} costs nothing", stacklevel=3
        )


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {value!r}")
