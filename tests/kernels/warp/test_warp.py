"""The reference against hand values and scipy, and the form of the CPU against the reference."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.interpolate import BSpline

from medtutor.kernels.warp import (
    control_weights,
    warp,
    warp_by_grid,
    warp_by_grid_reference,
    warp_by_modes,
    warp_reference,
)

TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-12}
SIZES = [(7, 9), (65, 3), (1, 5), (6, 1), (1, 1), (3, 4, 5), (2, 3, 70), (1, 6, 5), (5, 1, 1)]
OUTSIDE = ["edge", "zero"]
forms = pytest.mark.parametrize("form", [warp_reference, warp])


def drawn(size, dtype=torch.float64, batch=2, channels=2, seed=0, reach=2.5):
    """Image, displacement and label; some voxels come from outside."""
    draw = torch.Generator().manual_seed(seed)
    image = torch.randn(batch, channels, *size, generator=draw, dtype=torch.float64).to(dtype)
    u = reach * torch.randn(batch, len(size), *size, generator=draw, dtype=torch.float64).to(dtype)
    return image, u, torch.randint(1, 9, (batch, *size), generator=draw, dtype=torch.uint8)


def near(got, wanted, dtype):
    torch.testing.assert_close(got, wanted, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@forms
def test_by_hand(form):
    image = torch.tensor([[[[1.0, 2, 4], [10, 20, 40]]]])
    label = torch.tensor([[[1, 2, 3], [4, 5, 6]]])
    u = torch.zeros(1, 2, 2, 3)
    u[0, :, 0, 0] = torch.tensor([0.5, 0.25])   # (1 + 10) / 2 * 3/4 + (2 + 20) / 2 * 1/4 = 6.875
    u[0, 1, 0, 1] = -0.5                        # (1 + 2) / 2; half way is the next voxel: 2
    u[0, 0, 0, 2] = -0.25                       # above the edge: 4, or 3/4 of it
    u[0, 1, 1, 0] = 2                           # 40
    u[0, 1, 1, 2] = 1.5                         # beyond, by more than a voxel
    new, moved = form(image, u, label)
    assert new.tolist() == [[[[6.875, 1.5, 4], [40, 20, 40]]]]
    assert moved.tolist() == [[[4, 2, 3], [6, 5, 6]]]
    new, moved = form(image, u, label, outside="zero")
    assert new.tolist() == [[[[6.875, 1.5, 3], [40, 20, 0]]]]
    assert moved.tolist() == [[[4, 2, 3], [6, 5, 0]]]


@forms
@pytest.mark.parametrize("size", [(7, 9), (4, 5, 6)])
@pytest.mark.parametrize("outside, mode", [("edge", "nearest"), ("zero", "grid-constant")])
def test_scipy(form, size, outside, mode):
    image, u, label = drawn(size)
    new, moved = form(image, u, label, outside=outside)
    for b in range(2):
        place = np.indices(size) + u[b].numpy()
        for c in range(2):
            wanted = ndimage.map_coordinates(image[b, c].numpy(), place, order=1, mode=mode)
            np.testing.assert_allclose(new[b, c], wanted, atol=1e-12)
        wanted = ndimage.map_coordinates(label[b].numpy(), place, order=0, mode=mode)
        np.testing.assert_array_equal(moved[b], wanted)


@pytest.mark.parametrize("outside", OUTSIDE)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("size", SIZES)
def test_dense_form_and_gradients(size, dtype, outside):
    image, u, label = drawn(size, dtype)
    wanted, wanted_label = warp_reference(image.double(), u.double(), label, outside=outside)
    new, moved = warp(image, u, label, outside=outside)
    near(new, wanted.to(dtype), dtype)
    assert new.dtype == dtype and torch.equal(moved, wanted_label)
    near(slopes(warp, image, u, outside=outside),
         slopes(warp_reference, image, u, outside=outside), dtype)


def slopes(form, *given, **how):
    """Gradients of a weighted sum of the new image to image and displacements."""
    given = [t.detach().clone().requires_grad_() for t in given]
    new = form(*given, **how)
    weight = torch.cos(torch.arange(new.numel(), dtype=torch.float64)).to(new.dtype).view_as(new)
    return torch.autograd.grad(new, given, weight)


@pytest.mark.parametrize("spline", ["linear", "cubic", "own"])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("size", [(7, 9), (1, 66), (4, 5, 6), (2, 1, 7)])
def test_grid_form_and_gradients(size, dtype, spline):
    image, _, label = drawn(size, dtype)
    points = (4, 5, 6)[:len(size)]
    draw = torch.Generator().manual_seed(3)
    control = 2 * torch.randn(2, len(size), *points, generator=draw).to(dtype)
    if spline == "own":
        spline = [torch.randn(n, g, generator=draw) / 2
                  for n, g in zip(size, points, strict=True)]
    for outside in OUTSIDE:
        how = {"spline": spline, "outside": outside}
        new, moved = warp_by_grid(image, control, label, **how)
        wanted, wanted_label = warp_by_grid_reference(image, control, label, **how)
        near(new, wanted, dtype)
        assert torch.equal(moved, wanted_label)
        got, wanted = (slopes(form, image, control, **how)
                       for form in (warp_by_grid, warp_by_grid_reference))
        near(got[0], wanted[0], dtype)
        torch.testing.assert_close(got[1], wanted[1], rtol=10 * TOLERANCE[dtype],
                                   atol=20 * TOLERANCE[dtype])


@pytest.mark.parametrize("images, fields", [(1, 3), (3, 1), (1, 1), (3, 3)])
def test_one_image_or_one_field_for_a_batch(images, fields):
    image, u, label = drawn((3, 4, 5), batch=3)
    image, u = image[:images], u[:fields]
    batch = max(images, fields)
    for labels in (label[:1], label[:batch]):
        new, moved = warp(image, u, labels)
        wanted = warp_reference(image.expand(batch, -1, -1, -1, -1),
                                u.expand(batch, -1, -1, -1, -1),
                                labels.expand(batch, -1, -1, -1))
        near(new, wanted[0], torch.float64)
        assert torch.equal(moved, wanted[1])
    near(slopes(warp, image, u), slopes(warp_reference, image, u), torch.float64)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32,
                                   torch.int64, torch.float32])
@pytest.mark.parametrize("form", [warp, warp_reference])
def test_label_types(form, dtype):
    image, u, label = drawn((4, 5))
    for outside in OUTSIDE:
        moved = form(image, u, label.to(dtype), outside=outside)[1]
        assert moved.dtype == dtype
        assert torch.equal(moved, warp_reference(image, u, label, outside=outside)[1].to(dtype))


def test_not_contiguous():
    image, u, label = drawn((4, 5, 6))
    views = [t.movedim(-1, 1).contiguous().movedim(1, -1) for t in (image, u, label)]
    assert not any(t.is_contiguous() for t in views)
    for got, wanted in zip(warp(*views), warp(image, u, label), strict=True):
        assert torch.equal(got, wanted)
    assert torch.equal(slopes(warp, *views[:2])[1], slopes(warp, image, u)[1])


@pytest.mark.parametrize("batch, channels", [(0, 1), (2, 0)])
def test_empty(batch, channels):
    image, u, label = drawn((3, 4), batch=batch, channels=channels)
    new, moved = warp(image, u, label)
    assert new.shape == image.shape and moved.shape == label.shape


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_takes_the_reference(dtype):
    image, u, _ = drawn((5, 6))
    new = warp(image.to(dtype), u.float())
    assert new.dtype == dtype
    torch.testing.assert_close(new.double(), warp(image, u), rtol=0.02, atol=0.05)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@forms
def test_no_place_gives_nan(form, value):
    image, u, label = drawn((3, 4, 5))
    for axis in range(3):
        for outside in OUTSIDE:
            bad = u.clone()
            bad[0, axis, 1, 2, 3] = value
            new, moved = form(image, bad, label, outside=outside)
            good = form(image, u, label, outside=outside)[0]
            assert new[0, :, 1, 2, 3].isnan().all() and new.isnan().sum() == 2
            assert torch.equal(new[1], good[1]) and moved.max() < 9


def test_splines():
    # five points over 9 voxels, h = 2: voxel 3 lies half way between points 1 and 2
    assert control_weights(9, 5)[3].tolist() == [0, 0.5, 0.5, 0, 0]
    # cubic, h = 8 / 4: voxel 2 lies on point 2, with 1/6, 2/3, 1/6 around it
    assert control_weights(9, 7, "cubic")[2].tolist() == pytest.approx([0, 1/6, 2/3, 1/6, 0, 0, 0])
    knots = np.arange(-3, 8) * 2.0                      # the standard uniform cubic B-spline
    wanted = BSpline.design_matrix(np.arange(9) * (1 - 1e-12), knots, 3).toarray()
    np.testing.assert_allclose(control_weights(9, 7, "cubic"), wanted, atol=1e-9)


def test_modes_are_added():
    image, _, label = drawn((4, 5, 6))
    modes = torch.randn(3, 3, 2, 2, 2, dtype=torch.float64)
    much = torch.tensor([[1.0, 0, 2], [0, 0, 0]], dtype=torch.float64)
    new, moved = warp_by_modes(image, modes, much, label)
    control = torch.stack([modes[0] + 2 * modes[2], 0 * modes[0]])
    wanted = warp_by_grid(image, control, label)
    near(new, wanted[0], torch.float64)
    assert torch.equal(moved, wanted[1]) and torch.equal(new[1], image[1])
