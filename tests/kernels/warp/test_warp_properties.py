"""What holds for any input: shifts, gradients, threads, torch.compile, refusals."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medtutor.kernels.warp import _op, control_weights, warp, warp_by_grid, warp_by_modes


def drawn(*size, dtype=torch.float64):
    """Image, displacement between whole voxels, control points and label."""
    draw = torch.Generator().manual_seed(0)
    image = torch.randn(1, 1, *size, generator=draw, dtype=dtype)
    shape = 1, len(size), *size
    u = torch.randint(-2, 3, shape, generator=draw) + 0.1 + 0.8 * torch.rand(shape, generator=draw)
    control = 0.3 + 0.1 * torch.rand(1, len(size), *[2] * len(size), generator=draw)
    return image, u.to(dtype), control.to(dtype), torch.randint(9, (1, *size), generator=draw)


@given(st.lists(st.integers(1, 8), min_size=2, max_size=3), st.data())
@settings(max_examples=40, deadline=None)
def test_a_whole_number_shifts(size, data):
    shift = [data.draw(st.integers(-9, 9)) for _ in size]
    image, u, control, label = drawn(*size, dtype=torch.float32)
    whole = torch.tensor(shift).view(1, -1, *[1] * len(size))
    wanted = image[0, 0], label[0]
    for axis, (n, by) in enumerate(zip(size, shift, strict=True)):
        index = (torch.arange(n) + by).clamp(0, n - 1)
        wanted = tuple(t.index_select(axis, index) for t in wanted)
    new, moved = warp(image, torch.zeros_like(u) + whole, label)
    assert torch.equal(new[0, 0], wanted[0]) and torch.equal(moved[0], wanted[1])


@pytest.mark.parametrize("size", [(3, 4), (3, 2, 4), (1, 3, 2)])
@pytest.mark.parametrize("outside", ["edge", "zero"])
def test_gradcheck(size, outside):
    image, u, control, _ = drawn(*size)
    image, u, control = (t.requires_grad_() for t in (image, u, control))
    assert torch.autograd.gradcheck(lambda i, v: warp(i, v, outside=outside), (image, u))
    assert torch.autograd.gradcheck(lambda i, v: warp_by_grid(i, v, outside=outside),
                                    (image, control))


def test_opcheck():
    image, u, control, label = drawn(3, 4, 5, dtype=torch.float32)
    image, u, control = (t.requires_grad_() for t in (image, u, control))
    weights = [control_weights(n, 2).float() for n in (3, 4, 5)]
    grad = torch.randn_like(image)
    torch.library.opcheck(_op.warp_op, (image, u, label, True))
    torch.library.opcheck(_op.warp_by_grid_op, (image, control, *weights, None, False))
    image, u, control = (t.detach() for t in (image, u, control))
    torch.library.opcheck(_op.warp_backward, (grad, image, u, False, True, True))
    torch.library.opcheck(_op.warp_by_grid_backward,
                          (grad, image, control, *weights, True, True, True))


@pytest.mark.parametrize("form", [0, 1])
def test_torch_compile(form):
    image, *vectors, label = drawn(3, 4, 5, dtype=torch.float32)
    form, v = [(warp, vectors[0]), (warp_by_grid, vectors[1])][form]
    compiled = torch.compile(form, fullgraph=True, backend="aot_eager")
    image, v = image.requires_grad_(), v.requires_grad_()
    new, wanted = compiled(image, v, label), form(image, v, label)
    assert torch.equal(new[0], wanted[0]) and torch.equal(new[1], wanted[1])
    for got, want in zip(*(torch.autograd.grad(t[0].sum(), (image, v)) for t in (new, wanted)),
                         strict=True):
        assert torch.equal(got, want)


def test_bits_do_not_depend_on_threads():
    image, u, control, label = drawn(40, 48, 33, dtype=torch.float32)
    before, found = torch.get_num_threads(), []
    image, u, control = (t.requires_grad_() for t in (image, u, control))
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append([])
            for form, v in ((warp, u), (warp_by_grid, control)):
                new, moved = form(image, v, label)
                found[-1] += [new, moved, *torch.autograd.grad(new.square().sum(), (image, v))]
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


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
