"""Sums from which every overlap loss is put together: Dice, cross entropy, Combo, Tversky.

Of logits z (B, K, *S) with probabilities p (a sigmoid for K = 1, a softmax for K > 1) and truth t
(the target, or its one-hot form), of each image and class, over its voxels:

    both = sum p t      predicted = sum p      true = sum t      squares = sum p^2
    ce_foreground = -sum t ln p                ce_background = -sum (1 - t) ln(1 - p)

The losses are a few lines on these tiny (B, K) tensors, with N voxels in the batch:

    Dice                   (2 both + s) / (predicted + true + s)
    Tversky                both / (both + b (true - both) + a (predicted - both))
    cross entropy, K = 1   sum (ce_foreground + ce_background) / N
    cross entropy, K > 1   sum ce_foreground / N
    Combo                  sum (w ce_foreground + (1 - w) ce_background) / N

Autograd differentiates those lines; with L's slopes a, b, c, d, e by both, predicted, squares and
the two cross entropies, the slope by the logits is, for a sigmoid,

    dL/dz = p (1 - p) (a t + b + 2 c p) - d t (1 - p) + e (1 - t) p

Nothing is kept for it but logits and target; p is computed again. At least 5 passes must move:
logits and target read forward and again backward, the slope written: 20 bytes a number for one
channel in float32 with a float32 target, 14 with a target of one byte.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from medtutor.kernels.dispatch import has_fast_form
from medtutor.kernels.overlap.checks import check_form, check_labels, check_values


class OverlapSums(NamedTuple):
    """Sums over the voxels of each image and class, (B, K); None for what was not asked for.

    Attributes:
        both: sum p t, the overlap.
        predicted: sum p, extent of the prediction.
        true: sum t, extent of the truth.
        squares: sum p^2.
        ce_foreground: -sum t ln p, cross entropy of the class's own voxels.
        ce_background: -sum (1 - t) ln(1 - p), cross entropy of all other voxels.
    """

    both: Tensor | None
    predicted: Tensor | None
    true: Tensor
    squares: Tensor | None
    ce_foreground: Tensor | None
    ce_background: Tensor | None


def overlap_sums_reference(logits: Tensor, target: Tensor) -> OverlapSums:
    """All six sums as the formulas say; half precision is summed in float32."""
    z = logits if logits.dtype == torch.float64 else logits.float()  # (B, K, *S)
    classes, space = z.shape[1], tuple(range(2, z.ndim))
    if classes == 1:
        t, p, against_rest = target.detach()[:, None].to(z), z.sigmoid(), z
    else:
        t = F.one_hot(target.long(), classes).movedim(-1, 1).to(z)  # (B, K, *S)
        p = z.softmax(1)
        # u_k = z_k - ln sum_{j != k} e^(z_j): its sigmoid is p_k
        rest = [torch.cat([z[:, :k], z[:, k + 1 :]], 1).logsumexp(1) for k in range(classes)]
        against_rest = z - torch.stack(rest, 1)
    return OverlapSums(
        both=(p * t).sum(space),
        predicted=p.sum(space),
        true=t.sum(space),
        squares=p.square().sum(space),
        ce_foreground=-(t * F.logsigmoid(against_rest)).sum(space),  # ln p
        ce_background=-((1 - t) * F.logsigmoid(-against_rest)).sum(space),  # ln(1 - p)
    )


def overlap_sums(
    logits: Tensor,
    target: Tensor,
    *,
    overlap: bool = True,
    ce_foreground: bool = True,
    ce_background: bool = True,
    soft_labels: bool = True,
) -> OverlapSums:
    """Sums of each image and class from which the overlap losses are put together.

        both = sum p t      predicted = sum p      true = sum t      squares = sum p^2
        ce_foreground = -sum t ln p                ce_background = -sum (1 - t) ln(1 - p)

    with p = sigmoid(z) for one channel and softmax(z) for several, t the target, or 1 where the
    target names the class. Logarithms come from the logits and are exact for any finite z. The
    parts that a loss does not need can be switched off; they cost time (a logarithm a number).

    The target has no gradient. A gradient of the gradient is not available in the fast forms.

    Args:
        logits: (B, K, *S), floating point, finite. Half precision is summed in float32.
        target: (B, *S). For K = 1 in {0, 1}, of any type, or in [0, 1], floating. For K > 1 the
            class, a whole number in [0, K), of any integer type.
        overlap: give both, predicted and squares.
        ce_foreground: give -sum t ln p.
        ce_background: give -sum (1 - t) ln(1 - p).
        soft_labels: take a target between 0 and 1 for one channel. False refuses fractions, and
            takes whole floating numbers as classes for K > 1.

    Returns:
        `OverlapSums` of (B, K), in float32, or float64 for float64 logits.

    Raises:
        TypeError: logits not floating; target floating for several classes, or complex.
        ValueError: shapes that do not belong together, no voxel, logits not finite, labels out of
            range. Values are looked at on the CPU only, in the same pass: elsewhere the look would
            make the device wait, NaN spreads into the sums, and a label that is no class of K > 1
            counts as background of every class.
    """
    check_form(logits, target)
    target = _as_labels(logits, target, soft_labels)
    if has_fast_form(logits, target):
        from medtutor.kernels.overlap._op import separate_sums

        wanted = (overlap, ce_foreground, ce_background)
        return OverlapSums(*separate_sums(logits, target, *wanted, soft_labels))
    if logits.device.type == "cpu":
        check_values(logits, target, soft_labels)
    sums = overlap_sums_reference(logits, target)
    return OverlapSums(
        both=sums.both if overlap else None,
        predicted=sums.predicted if overlap else None,
        true=sums.true,
        squares=sums.squares if overlap else None,
        ce_foreground=sums.ce_foreground if ce_foreground else None,
        ce_background=sums.ce_background if ce_background else None,
    )


def _as_labels(logits: Tensor, target: Tensor, soft_labels: bool) -> Tensor:
    """The target in one of the types that the fast forms take, without a copy for the usual."""
    if target.is_floating_point():
        if logits.shape[1] == 1:
            double = logits.dtype == torch.float64
            if target.device.type == "cpu" or double or target.dtype == torch.float64:
                target = target.to(torch.float64 if double else torch.float32)
            return target.detach()
        if soft_labels:
            raise TypeError(
                f"target must be integer for {logits.shape[1]} classes; got {target.dtype}: "
                "target.long()?"
            )
        if target.device.type == "cpu":
            check_labels(target, logits.shape[1])
        return target.long()
    if target.dtype == torch.bool:
        return target.view(torch.uint8)
    return target if target.dtype in (torch.uint8, torch.int64) else target.long()
