"""Overlap of two masks: Dice, Jaccard, precision, recall and the two error rates.

With TP, FP, FN and TN counted over the voxels:

    dice      = 2 TP / (2 TP + FP + FN)         precision           = TP / (TP + FP)
    jaccard   = TP / (TP + FP + FN)             recall              = TP / (TP + FN)
    false_positive_rate = FP / (FP + TN)        false_negative_rate = FN / (FN + TP)

Empty masks. Both empty: agreement, so the four scores are 1 and the two rates 0. One empty: dice,
jaccard, precision and recall are 0, also where the formula reads 0/0 (precision of an empty
prediction, recall of an empty truth), so that an empty answer is never rewarded in a mean over
cases. A rate with nothing to count (no true voxel to miss; no background to mark) is 0.

The counts are our own three lines, because the common library functions answer NaN, or warn, on an
empty truth; the tests hold them to MONAI and scikit-learn where these are defined.
"""

from __future__ import annotations

from typing import NamedTuple

from medtutor.metrics.masks import Labels, masks


class Counts(NamedTuple):
    """Voxels of a two-way comparison: true/false positives, false/true negatives."""

    tp: int
    fp: int
    fn: int
    tn: int


def counts(pred: Labels, target: Labels, *, label: int = 1) -> Counts:
    """Count the voxels on which prediction and truth agree and differ.

    Args:
        pred: predicted labels, numpy or torch, any shape.
        target: true labels, same shape.
        label: the label that counts as foreground; every other label is background.

    Returns:
        The four counts, which sum to the number of voxels.
    """
    p, t = masks(pred, target, label)
    tp, predicted, true = int((p & t).sum()), int(p.sum()), int(t.sum())
    return Counts(tp, predicted - tp, true - tp, p.size - predicted - true + tp)


def dice(pred: Labels, target: Labels, *, label: int = 1) -> float:
    """Dice overlap 2 TP / (2 TP + FP + FN), in [0, 1]; empty against empty is 1.

    Args:
        pred: predicted labels, numpy or torch, any shape.
        target: true labels, same shape.
        label: the label that counts as foreground.

    Returns:
        The overlap; symmetric in its arguments and equal to 2 J / (1 + J) of :func:`jaccard`.
    """
    tp, fp, fn, _ = counts(pred, target, label=label)
    return _ratio(2 * tp, 2 * tp + fp + fn, nothing=1.0)


def jaccard(pred: Labels, target: Labels, *, label: int = 1) -> float:
    """Jaccard overlap TP / (TP + FP + FN), in [0, 1]; empty against empty is 1.

    Args:
        pred: predicted labels, numpy or torch, any shape.
        target: true labels, same shape.
        label: the label that counts as foreground.

    Returns:
        Intersection over union; symmetric in its arguments.
    """
    tp, fp, fn, _ = counts(pred, target, label=label)
    return _ratio(tp, tp + fp + fn, nothing=1.0)


def precision(pred: Labels, target: Labels, *, label: int = 1) -> float:
    """Share of the predicted voxels that are right, TP / (TP + FP).

    Args:
        pred: predicted labels, numpy or torch, any shape.
        target: true labels, same shape.
        label: the label that counts as foreground.

    Returns:
        A value in [0, 1]. Nothing predicted: 1 where nothing was to be found, else 0.
    """
    tp, fp, fn, _ = counts(pred, target, label=label)
    return _ratio(tp, tp + fp, nothing=float(fn == 0))


def recall(pred: Labels, target: Labels, *, label: int = 1) -> float:
    """Share of the true voxels that were found, TP / (TP + FN); also called sensitivity.

    Args:
        pred: predicted labels, numpy or torch, any shape.
        target: true labels, same shape.
        label: the label that counts as foreground.

    Returns:
        A value in [0, 1]. Nothing to be found: 1 where nothing was predicted, else 0.
    """
    tp, fp, fn, _ = counts(pred, target, label=label)
    return _ratio(tp, tp + fn, nothing=float(fp == 0))


def false_positive_rate(pred: Labels, target: Labels, *, label: int = 1) -> float:
    """Share of the true background that was marked, FP / (FP + TN).

    Args:
        pred: predicted labels, numpy or torch, any shape.
        target: true labels, same shape.
        label: the label that counts as foreground.

    Returns:
        A value in [0, 1]; 0 where there is no background. It is small for every small structure,
        however wrong, because the background is large: read it beside :func:`precision`.
    """
    _, fp, _, tn = counts(pred, target, label=label)
    return _ratio(fp, fp + tn, nothing=0.0)


def false_negative_rate(pred: Labels, target: Labels, *, label: int = 1) -> float:
    """Share of the true voxels that were missed, FN / (FN + TP).

    Args:
        pred: predicted labels, numpy or torch, any shape.
        target: true labels, same shape.
        label: the label that counts as foreground.

    Returns:
        A value in [0, 1], 1 - recall where there is something to find, else 0.
    """
    tp, _, fn, _ = counts(pred, target, label=label)
    return _ratio(fn, fn + tp, nothing=0.0)


def _ratio(part: int, whole: int, nothing: float) -> float:
    return part / whole if whole else nothing
