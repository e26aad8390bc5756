"""The CPU form beside the reference, gradients, what torch asks of an operation, symmetries."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medtutor.kernels.warp import warp, warp_by_grid, warp_by_grid_reference, warp_reference
from medtutor.kernels.warp._op import (
    warp_backward,
    warp_by_grid_backward,
    warp_by_grid_op,
    warp_op,
)

TOLERANCE = {torch.float64: 1e-11, torch.float32: 2e-5}
BATCHES = [(1, 1), (2, 2), (2, 1), (1, 2)]               # of image and displacement


def drawn(size, batches=(1, 1), dtype=torch.float64, amount=2.0, seed=0):
    draw = torch.Generator().manual_seed(seed)
    image = torch.randn(batches[0], 2, *size, generator=draw, dtype=dtype)
    u = amount * torch.randn(batches[1], len(size), *size, generator=draw, dtype=dtype)
    return image, u, torch.randint(9, (batches[0], *size), generator=draw)


def control_of(size, batch=1, dtype=torch.float64, points=4):
    draw = torch.Generator().manual_seed(5)
    shape = batch, len(size), *[points] * len(size)
    return 2 * torch.randn(shape, generator=draw, dtype=dtype)


def same(ours, theirs, tolerance, inputs):
    """Values, labels and the gradients to every input."""
    for new, wanted in zip(ours, theirs, strict=True):
        assert new.shape == wanted.shape and new.dtype == wanted.dtype
        torch.testing.assert_close(new, wanted, atol=tolerance, rtol=tolerance)
    weight = torch.linspace(-1, 1, ours[0].numel()).view(ours[0].shape).to(ours[0])
    found = torch.autograd.grad(ours[0], inputs, weight)
    for slope, wanted in zip(found, torch.autograd.grad(theirs[0], inputs, weight), strict=True):
        scale = max(1.0, wanted.abs().max().item())
        torch.testing.assert_close(slope, wanted, atol=10 * tolerance * scale, rtol=0)


@pytest.mark.parametrize("outside", ["edge", "zero"])
@pytest.mark.parametrize("batches", BATCHES)
@pytest.mark.parametrize("size", [(3, 4, 66), (2, 1, 5), (7, 65), (1, 1)])
def test_cpu_form(size, batches, outside):
    for dtype, tolerance in TOLERANCE.items():
        image, u, label = drawn(size, batches, dtype)
        image.requires_grad_(), u.requires_grad_()
        same(warp(image, u, label, outside=outside),
             warp_reference(image, u, label, outside=outside), tolerance, (image, u))


@pytest.mark.parametrize("outside", ["edge", "zero"])
@pytest.mark.parametrize("batches", BATCHES)
@pytest.mark.parametrize("size", [(3, 4, 66), (7, 65)])
def test_cpu_form_of_the_grid(size, batches, outside):
    image, _, label = drawn(size, batches)
    control = control_of(size, batches[1]).requires_grad_()
    image.requires_grad_()
    same(warp_by_grid(image, control, label, spline="cubic", outside=outside),
         warp_by_grid_reference(image, control, label, spline="cubic", outside=outside),
         TOLERANCE[torch.float64], (image, control))


def test_float32_keeps_its_digits_far_from_the_origin():
    # floor and rest are taken of u, not of x + u: no digit is lost to a large x.
    image = torch.rand(1, 1, 1, 5000)
    u = torch.full((1, 2, 1, 5000), 0.1).requires_grad_()
    wide = warp(image.double(), u.double())
    assert (warp(image, u) - wide).abs().max() < 2e-7


@pytest.mark.parametrize("outside", ["edge", "zero"])
def test_gradcheck(outside):
    # Every u is at least 0.1 from the next border of two voxels, where the derivative jumps.
    for size in ((3, 4), (2, 3, 3)):
        image, u, _ = drawn(size)
        u = (u.floor() + 0.1 + 0.8 * torch.rand_like(u)).requires_grad_()
        image.requires_grad_()
        assert torch.autograd.gradcheck(lambda i, v: warp(i, v, outside=outside), (image, u))


def test_gradcheck_of_the_grid():
    size = (4, 5)
    image, _, _ = drawn(size)
    control = torch.full((1, 2, 4, 4), 0.4, dtype=torch.float64)
    control += 0.1 * torch.rand_like(control)            # u stays in (0.4, 0.5)
    assert torch.autograd.gradcheck(
        lambda i, c: warp_by_grid(i, c, spline="cubic"),
        (image.requires_grad_(), control.requires_grad_()))


def test_the_derivative_at_a_whole_number_is_the_one_towards_larger_u():
    # old = x^2 at 0, 1, 2, 3: 1, 3, 5 to the right, and 0 beyond the last voxel.
    image = torch.tensor([0.0, 1, 4, 9]).view(1, 1, 1, 4)
    u = torch.zeros(1, 2, 1, 4, requires_grad=True)
    for form in (warp, warp_reference):
        slope, = torch.autograd.grad(form(image, u).sum(), u)
        assert slope[0, 1, 0].tolist() == [1, 3, 5, 0]


def test_opcheck():
    for image, u, label in (drawn((2, 3, 4)), drawn((2, 3, 4), dtype=torch.float32)):
        weights = [torch.rand(n, 4).to(u) for n in (2, 3, 4)]
        control = control_of((2, 3, 4), dtype=u.dtype)
        grad, control = torch.ones_like(image), control.requires_grad_()
        image, u = image.requires_grad_(), u.requires_grad_()
        for case in (label, None):
            torch.library.opcheck(warp_op, (image, u, case, True))
            torch.library.opcheck(warp_by_grid_op, (image, control, *weights, case, False))
        plain = image.detach(), u.detach(), control.detach()
        torch.library.opcheck(warp_backward, (grad, *plain[:2], True, True, True))
        torch.library.opcheck(
            warp_by_grid_backward, (grad, plain[0], plain[2], *weights, False, True, False))


def test_compile():
    image, u, label = drawn((4, 5))
    control = control_of((4, 5)).requires_grad_()
    u.requires_grad_()

    def both(image, u, control):
        new, moved = warp(image, u, label)
        return new.sum() + warp_by_grid(image, control, spline="cubic").square().sum() + moved.sum()

    compiled = torch.compile(both, fullgraph=True, backend="aot_eager")
    wanted = torch.autograd.grad(both(image, u, control), (u, control))
    found = torch.autograd.grad(compiled(image, u, control), (u, control))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_bits_do_not_depend_on_threads():
    size = (40, 64, 65)                                  # 2.5 slabs' worth of voxels
    image, u, label = drawn(size, dtype=torch.float32)
    image.requires_grad_(), u.requires_grad_()
    control = control_of(size, dtype=torch.float32).requires_grad_()
    before = torch.get_num_threads()
    seen = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            new, moved = warp(image, u, label)
            grid = warp_by_grid(image, control, spline="cubic")
            slopes = torch.autograd.grad((new.square() + grid.square()).sum(),
                                         (image, u, control))
            seen.append((new, moved, grid, *slopes))
    finally:
        torch.set_num_threads(before)
    for other in seen[1:]:
        assert all(torch.equal(a, b) for a, b in zip(seen[0], other, strict=True))


def test_views_and_empty_inputs():
    image, u, label = drawn((4, 5, 6))
    wide = image.repeat_interleave(2, -1)[..., ::2], u.flip(1).flip(1), label.mT.contiguous().mT
    for ours, theirs in zip(warp(*wide), warp(image, u, label), strict=True):
        assert torch.equal(ours, theirs)
    none = image[:, :0], u, label
    new, moved = warp(*none)
    assert new.shape == (1, 0, 4, 5, 6) and torch.equal(moved, warp(image, u, label)[1])
    new, moved = warp(image[:0], u[:0], label[:0])
    assert new.shape == (0, 2, 4, 5, 6) and moved.shape == (0, 4, 5, 6)
    assert warp_by_grid(image[:0], control_of((4, 5, 6))[:0]).shape == (0, 2, 4, 5, 6)


def test_weights_that_need_a_gradient_get_one():
    image, _, _ = drawn((4, 5))
    weights = [torch.rand(n, 3, dtype=torch.float64, requires_grad=True) for n in (4, 5)]
    warp_by_grid(image, control_of((4, 5), points=3), spline=weights).sum().backward()
    assert all(w.grad.abs().sum() > 0 for w in weights)


sizes = st.lists(st.integers(1, 7), min_size=2, max_size=3).map(tuple)


@settings(max_examples=20, deadline=None)
@given(sizes, st.integers(0, 1000), st.sampled_from(["edge", "zero"]))
def test_forward_and_scatter_are_adjoint(size, seed, outside):
    # <g, W old> = <W^T g, old>: the gradient to the image is the transpose of the warp.
    image, u, _ = drawn(size, seed=seed)
    image.requires_grad_()
    new = warp(image, u, outside=outside)
    g = torch.randn_like(new)
    slope, = torch.autograd.grad(new, image, g)
    assert (g * new).sum().item() == pytest.approx((slope * image).sum().item(), abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(sizes, st.integers(0, 1000))
def test_new_values_lie_between_old_ones(size, seed):
    image, u, label = drawn(size, dtype=torch.float32, seed=seed, amount=4.0)
    new, moved = warp(image, u, label)
    for c in range(2):
        assert image[:, c].min() - 1e-5 <= new[:, c].min()
        assert new[:, c].max() <= image[:, c].max() + 1e-5
    assert set(moved.unique().tolist()) <= set(label.unique().tolist())


@settings(max_examples=20, deadline=None)
@given(sizes, st.integers(0, 1000), st.sampled_from(["edge", "zero"]))
def test_axes_may_change_places(size, seed, outside):
    image, u, label = drawn(size, seed=seed)
    new, moved = warp(image, u, label, outside=outside)
    turned = warp(image.transpose(-1, -2), u.flip(1).transpose(-1, -2) if len(size) == 2 else
                  u[:, [0, 2, 1]].transpose(-1, -2), label.transpose(-1, -2), outside=outside)
    torch.testing.assert_close(turned[0].transpose(-1, -2), new, atol=1e-12, rtol=1e-12)
    assert torch.equal(turned[1].transpose(-1, -2), moved)
