"""Surface distances: hand values, scipy's distance transform as witness, empty masks, errors."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.ndimage import binary_erosion, distance_transform_edt

from medtutor.metrics.masks import per_case
from medtutor.metrics.surface import hausdorff95, mean_surface_distance

METRICS = (hausdorff95, mean_surface_distance)


def by_distance_transform(pred, true, spacing):
    """Both metrics, from the definition: surfaces by erosion, distances by a full transform."""
    surfaces = [m & ~binary_erosion(m) for m in (pred, true)]
    maps = [distance_transform_edt(~s, sampling=spacing) for s in surfaces]
    there, back = maps[1][surfaces[0]], maps[0][surfaces[1]]
    percentile = max(np.percentile(there, 95), np.percentile(back, 95))
    return percentile, np.concatenate([there, back]).mean()


def voxels(shape, *places):
    mask = np.zeros(shape, int)
    for place in places:
        mask[place] = 1
    return mask


def test_shape():
    for shape in ((6, 7), (4, 5, 6)):
        mask = np.ones(shape, int)
        for metric in METRICS:
            assert isinstance(metric(mask, mask), float)
            assert per_case(np.stack([mask] * 2), np.stack([mask] * 2), metric).shape == (2,)


def test_hand_value():
    # Single voxels, 3 rows and 4 columns apart: a 3-4-5 triangle.
    a, b = voxels((8, 8), (1, 1)), voxels((8, 8), (4, 5))
    assert hausdorff95(a, b) == 5
    assert mean_surface_distance(a, b) == 5
    # One voxel against itself and another 4 away: distances 0 there, (0, 4) back.
    b = voxels((8, 8), (1, 1), (1, 5))
    assert mean_surface_distance(a, b) == pytest.approx(4 / 3)
    # 95th percentile of (0, 4), interpolated: 3.8; the other direction is 0.
    assert hausdorff95(a, b) == pytest.approx(3.8)


def test_hand_value_square():
    # A filled 3 x 3 square against its centre: 8 surface voxels, 4 at 1 and 4 at sqrt 2; back: 1.
    square = voxels((7, 7), (slice(2, 5), slice(2, 5)))
    centre = voxels((7, 7), (3, 3))
    total = 4 + 4 * np.sqrt(2) + 1
    assert mean_surface_distance(square, centre) == pytest.approx(total / 9)
    assert hausdorff95(square, centre) == pytest.approx(np.sqrt(2))


def test_each_knob():
    a, b = voxels((4, 4, 8), (1, 1, 1)), voxels((4, 4, 8), (3, 1, 1))
    for metric in METRICS:
        assert metric(a, b) == 2
        assert metric(a, b, spacing=0.5) == 1
        assert metric(a, b, spacing=(3.0, 1.0, 1.0)) == 6  # two planes of 3 mm
        assert metric(a, b, spacing=(1.0, 3.0, 1.0)) == 2  # another axis: no matter
        assert metric(2 * a, 2 * b, label=2) == 2
        assert metric(torch.tensor(a), torch.tensor(b)) == 2


def test_limits():
    mask = voxels((5, 6, 7), (slice(0, 3), slice(2, 4), slice(5, 7)))
    empty = np.zeros_like(mask)
    for metric in METRICS:
        assert metric(mask, mask) == 0
        assert metric(empty, empty) == 0
        assert metric(mask, empty) == np.inf
        assert metric(empty, mask) == np.inf


def test_empty_masks_do_not_warn(recwarn):
    for metric in METRICS:
        metric(np.zeros((4, 4), int), np.eye(4, dtype=int))
        metric(np.eye(4, dtype=int), np.eye(4, dtype=int))
    assert not recwarn.list


def test_objects_at_the_border():
    # The picture border counts as outside: a mask that fills the picture has a surface there.
    full = np.ones((5, 5), int)
    corner = voxels((5, 5), (0, 0))
    expected = by_distance_transform(full > 0, corner > 0, (1, 1))
    assert (hausdorff95(full, corner), mean_surface_distance(full, corner)) == pytest.approx(
        expected
    )


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_distance_transform_agrees(data):
    shape = data.draw(array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=6))
    pred, true = (data.draw(arrays(bool, shape)) for _ in range(2))
    size = st.floats(0.25, 4, width=16)
    spacing = [data.draw(size) for _ in shape]
    found = [metric(pred, true, spacing=spacing) for metric in METRICS]
    if pred.any() and true.any():
        assert found == pytest.approx(by_distance_transform(pred, true, spacing), rel=1e-5)
    # Symmetric, never negative, 0 exactly where the masks are alike.
    assert found == pytest.approx([metric(true, pred, spacing=spacing) for metric in METRICS])
    assert all(value >= 0 for value in found)
    if found[1] == 0:
        assert (pred & ~binary_erosion(pred) == true & ~binary_erosion(true)).all()


@pytest.mark.parametrize("metric", METRICS)
def test_errors(metric):
    mask = np.eye(4, dtype=int)
    with pytest.raises(ValueError, match="one shape"):
        metric(mask, mask[:3])
    with pytest.raises(ValueError, match="2D or 3D case.*per_case"):
        metric(mask[None, None], mask[None, None])
    with pytest.raises(ValueError, match="fractions"):
        metric(mask * 0.5, mask)
    with pytest.raises(ValueError, match="NaN"):
        metric(mask * np.nan, mask)
    for spacing in ((1.0, 1.0, 1.0), (1.0, 0.0), -1.0, (1.0, np.nan)):
        with pytest.raises(ValueError, match="spacing wants one number > 0, or 2"):
            metric(mask, mask, spacing=spacing)
