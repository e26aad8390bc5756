"""A whole number of voxels shifts; what is refused, and in which words."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medtutor.kernels.warp import warp, warp_by_grid, warp_by_modes


def drawn(*size, dtype=torch.float64):
    """Image, displacement between whole voxels, and label."""
    draw = torch.Generator().manual_seed(0)
    image = torch.randn(1, 1, *size, generator=draw, dtype=dtype)
    shape = 1, len(size), *size
    u = torch.randint(-2, 3, shape, generator=draw) + 0.1 + 0.8 * torch.rand(shape, generator=draw)
    return image, u.to(dtype), torch.randint(9, (1, *size), generator=draw)


@given(st.lists(st.integers(1, 8), min_size=2, max_size=3), st.data())
@settings(max_examples=40, deadline=None)
def test_a_whole_number_shifts(size, data):
    shift = [data.draw(st.integers(-9, 9)) for _ in size]
    image, u, label = drawn(*size, dtype=torch.float32)
    whole = torch.tensor(shift).view(1, -1, *[1] * len(size))
    wanted = image[0, 0], label[0]
    for axis, (n, by) in enumerate(zip(size, shift, strict=True)):
        index = (torch.arange(n) + by).clamp(0, n - 1)
        wanted = tuple(t.index_select(axis, index) for t in wanted)
    new, moved = warp(image, torch.zeros_like(u) + whole, label)
    assert torch.equal(new[0, 0], wanted[0]) and torch.equal(moved[0], wanted[1])


@pytest.mark.parametrize("change, error, words", [
    ({"image": torch.zeros(3, 4)}, ValueError, "batch and channel"),
    ({"displacement": torch.zeros(1, 3, 3, 4)}, ValueError, "one component an axis"),
    ({"displacement": torch.zeros(1, 2, 3, 5)}, ValueError, "displacement must be"),
    ({"image": torch.zeros(3, 1, 3, 4), "displacement": torch.zeros(2, 2, 3, 4)}, ValueError,
     "same batch size"),
    ({"label": torch.zeros(1, 1, 3, 4)}, ValueError, "label must be"),
    ({"image": torch.zeros(1, 1, 3, 4).long()}, TypeError, "floating"),
    ({"label": torch.zeros(1, 3, 4).cfloat()}, TypeError, "integer"),
    ({"outside": "wrap"}, ValueError, "wrap"),
])
def test_refusals(change, error, words):
    given = {"image": torch.zeros(1, 1, 3, 4), "displacement": torch.zeros(1, 2, 3, 4)}
    with pytest.raises(error, match=words):
        warp(**{**given, **change})


def test_refusals_of_splines_and_modes():
    image, control = torch.zeros(1, 1, 3, 4), torch.zeros(1, 2, 2, 2)
    with pytest.raises(ValueError, match="at least 4 control points"):
        warp_by_grid(image, control, spline="cubic")
    with pytest.raises(ValueError, match="must be \"linear\""):
        warp_by_grid(image, control, spline="square")
    with pytest.raises(ValueError, match="one matrix"):
        warp_by_grid(image, control, spline=[torch.ones(3, 2)])
    with pytest.raises(ValueError, match="one coefficient a mode"):
        warp_by_modes(image, control, torch.ones(1, 3))
