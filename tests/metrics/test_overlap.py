"""Overlap metrics: hand values, empty masks, properties, and two libraries as witnesses."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from medtutor.metrics.masks import per_case
from medtutor.metrics.overlap import (
    counts,
    dice,
    false_negative_rate,
    false_positive_rate,
    jaccard,
    precision,
    recall,
)

SCORES = (dice, jaccard, precision, recall)
RATES = (false_positive_rate, false_negative_rate)

# Six voxels: TP = 2, FP = 1, FN = 1, TN = 2.
PRED = np.array([[1, 1, 1], [0, 0, 0]])
TRUE = np.array([[1, 1, 0], [1, 0, 0]])
EMPTY = np.zeros_like(TRUE)

label_pairs = array_shapes(min_dims=1, max_dims=3, max_side=5).flatmap(
    lambda shape: st.tuples(*[arrays(np.int64, shape, elements=st.integers(0, 2))] * 2)
)


def test_shape():
    for shape in ((4,), (4, 5), (4, 5, 6)):
        one = np.ones(shape, int)
        assert isinstance(dice(one, one), float)
        assert per_case(np.stack([one] * 3), np.stack([one] * 3), dice).shape == (3,)


def test_hand_value():
    assert counts(PRED, TRUE) == (2, 1, 1, 2)
    assert dice(PRED, TRUE) == 4 / 6
    assert jaccard(PRED, TRUE) == 2 / 4
    assert precision(PRED, TRUE) == 2 / 3
    assert recall(PRED, TRUE) == 2 / 3
    assert false_positive_rate(PRED, TRUE) == 1 / 3
    assert false_negative_rate(PRED, TRUE) == 1 / 3


def test_limits():
    for score in SCORES:
        assert score(TRUE, TRUE) == 1
        assert score(1 - TRUE, TRUE) == 0
    for rate in RATES:
        assert rate(TRUE, TRUE) == 0
        assert rate(1 - TRUE, TRUE) == 1


def test_empty_masks():
    for score in SCORES:
        assert score(EMPTY, EMPTY) == 1  # nothing to find, nothing claimed
        assert score(EMPTY, TRUE) == 0
        assert score(TRUE, EMPTY) == 0
    assert [rate(EMPTY, EMPTY) for rate in RATES] == [0, 0]
    assert false_negative_rate(EMPTY, TRUE) == 1
    assert false_negative_rate(TRUE, EMPTY) == 0  # no voxel to miss
    assert false_positive_rate(TRUE, EMPTY) == 3 / 6
    assert false_positive_rate(EMPTY, np.ones_like(TRUE)) == 0  # no background to mark


def test_each_knob():
    pred, true = np.array([0, 1, 2, 2]), np.array([0, 2, 2, 2])
    assert dice(pred, true, label=2) == 2 * 2 / 5
    assert dice(pred, true, label=1) == 0  # predicted once, never true
    assert dice(pred, true, label=0) == 1
    assert dice(pred, true, label=7) == 1  # on neither side
    np.testing.assert_array_equal(per_case(pred[None], true[None], dice, label=2), [0.8])


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64, np.float32])
def test_kinds_of_labels_agree(kind):
    assert dice(PRED.astype(kind), TRUE.astype(kind)) == 4 / 6
    assert dice(torch.tensor(PRED.astype(kind)), TRUE.tolist()) == 4 / 6
    assert dice(torch.tensor(PRED, requires_grad=False).bool(), torch.tensor(TRUE)) == 4 / 6


def test_libraries_agree_where_they_are_defined():
    from monai.metrics import compute_dice, compute_iou
    from sklearn.metrics import precision_score, recall_score

    rng = np.random.default_rng(0)
    for _ in range(5):
        pred, true = rng.integers(0, 2, (2, 6, 7))
        one = [torch.tensor(a)[None, None].float() for a in (pred, true)]
        assert dice(pred, true) == pytest.approx(float(compute_dice(*one)))
        assert jaccard(pred, true) == pytest.approx(float(compute_iou(*one)))
        assert precision(pred, true) == pytest.approx(precision_score(true.ravel(), pred.ravel()))
        assert recall(pred, true) == pytest.approx(recall_score(true.ravel(), pred.ravel()))


@settings(max_examples=60, deadline=None)
@given(label_pairs)
def test_properties(pair):
    pred, true = pair
    for metric in (*SCORES, *RATES):
        assert 0 <= metric(pred, true) <= 1
    assert sum(counts(pred, true)) == pred.size
    assert dice(pred, true) == dice(true, pred)
    assert jaccard(pred, true) == jaccard(true, pred)
    assert precision(pred, true) == recall(true, pred)
    overlap = jaccard(pred, true)
    assert dice(pred, true) == pytest.approx(2 * overlap / (1 + overlap))
    if (true == 1).any():
        assert recall(pred, true) + false_negative_rate(pred, true) == pytest.approx(1)


@pytest.mark.parametrize("metric", [*SCORES, *RATES])
def test_errors(metric):
    with pytest.raises(ValueError, match=r"one shape, given \(2, 3\) and \(1, 2, 3\)"):
        metric(PRED, TRUE[None])
    with pytest.raises(ValueError, match=r"fractions such as 0\.7.*threshold"):
        metric(np.full((2, 3), 0.7), TRUE)
    with pytest.raises(ValueError, match="NaN"):
        metric(torch.full((2, 3), torch.nan), TRUE)
    with pytest.raises(ValueError, match="at least one label"):
        metric(np.zeros((0, 3), int), np.zeros((0, 3), int))
    with pytest.raises(TypeError, match="array of labels"):
        metric(np.array([["a", "b", "c"]] * 2), TRUE)
    with pytest.raises(ValueError, match="two batches"):
        per_case(PRED[0], TRUE[0], metric)
