"""From two label arrays to two Boolean masks, with the checks that every mask metric needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = Any
"""A numpy array, a torch tensor (on any device) or nested lists of labels."""


def masks(pred: Labels, target: Labels, label: int = 1) -> tuple[NDArray, NDArray]:
    """Where ``pred`` and ``target`` carry ``label``, as two Boolean arrays of one shape.

    Integers, Booleans and whole-numbered floats are labels; anything else is refused, because a
    probability compared with a label silently scores zero.

    Args:
        pred: predicted labels, any shape.
        target: true labels, same shape.
        label: the label that counts as foreground.

    Returns:
        Two Boolean numpy arrays.

    Raises:
        ValueError: shapes differ, values are NaN, infinite or not whole numbers, array is empty.
        TypeError: values are not numbers.
    """
    pred, target = _labels(pred, "pred"), _labels(target, "target")
    if pred.shape != target.shape:
        raise ValueError(
            f"pred and target must have one shape, given {pred.shape} and {target.shape}: "
            "is there a channel or batch axis too many? squeeze it, or use per_case for a batch"
        )
    return pred == label, target == label


def per_case(
    pred: Labels, target: Labels, metric: Callable[..., float], **options: Any
) -> NDArray[np.float64]:
    """One value of ``metric`` for each case of a batch.

    Args:
        pred: (B, *S) predicted labels.
        target: (B, *S) true labels.
        metric: a function of this package, called as ``metric(pred[i], target[i], **options)``.
        options: handed on to the metric, for example ``label=2``.

    Returns:
        (B,) values.
    """
    pred, target = _labels(pred, "pred"), _labels(target, "target")
    if pred.shape != target.shape or pred.ndim < 2:
        raise ValueError(
            f"per_case wants two batches (B, *S) of one shape, given {pred.shape} and "
            f"{target.shape}: for a single case call the metric itself"
        )
    return np.array([metric(p, t, **options) for p, t in zip(pred, target, strict=True)])


def _labels(values: Labels, name: str) -> NDArray:
    """The labels as a numpy array, or an error that says why they are none."""
    if hasattr(values, "detach"):  # a torch tensor; torch itself need not be imported
        values = values.detach().cpu().numpy()
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be an array of labels, given dtype {array.dtype}")
    if array.size == 0:
        raise ValueError(
            f"{name} must hold at least one label, given the empty shape {array.shape}"
        )
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise ValueError(
                f"{name} must be labels, given NaN or infinite values: a network that diverged?"
            )
        if (array != np.round(array)).any():
            raise ValueError(
                f"{name} must be labels (whole numbers), given fractions such as "
                f"{array[array != np.round(array)][0]:.4g}: threshold the probabilities or take "
                "their argmax first"
            )
    return array
