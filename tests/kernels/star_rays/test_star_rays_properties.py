"""What holds for any input: symmetries, limits, gradients, threads, torch.compile, refusals."""

import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medtutor.kernels import star_rays
from medtutor.kernels.star_rays import _op

FORMS = {
    "star_line": star_rays.star_line,
    "star_neighbour": star_rays.star_neighbour,
    "star_polar": functools.partial(star_rays.star_polar, rays=16, radii=9),
}
each_form = pytest.mark.parametrize("name", FORMS)


def apart(*shape):
    """Values in (0, 1), no two closer than 1 / their number: away from every kink."""
    count = torch.Size(shape).numel()
    order = torch.randperm(count, generator=torch.Generator().manual_seed(1))
    return ((order + 0.5) / count).double().view(shape)


@given(st.data())
@settings(max_examples=30, deadline=None)
@each_form
def test_turned_and_mirrored(name, data):
    height, width = (data.draw(st.integers(1, 12)) for _ in range(2))
    row, column = (data.draw(st.integers(0, size - 1)) for size in (height, width))
    draw = torch.Generator().manual_seed(data.draw(st.integers(0, 99)))
    prob = torch.rand(1, height, width, generator=draw, dtype=torch.float64)
    target = torch.rand(1, height, width, generator=draw) > 0.5
    term = FORMS[name]
    value = term(prob, torch.tensor([[row, column]]), target)
    # a quarter turn brings (row, column) to (width - 1 - column, row)
    turned = term(prob.rot90(1, (1, 2)), torch.tensor([[width - 1 - column, row]]),
                  target.rot90(1, (1, 2)))
    mirrored = term(prob.flip(2), torch.tensor([[row, width - 1 - column]]), target.flip(2))
    torch.testing.assert_close(turned, value)
    torch.testing.assert_close(mirrored, value)


@given(st.integers(1, 20), st.integers(1, 20), st.data())
@settings(max_examples=30, deadline=None)
def test_a_disk_does_not_violate(height, width, data):
    row, column = (data.draw(st.integers(0, size - 1)) for size in (height, width))
    square = data.draw(st.floats(0, 300))
    down, right = torch.arange(height).view(-1, 1) - row, torch.arange(width).view(1, -1) - column
    disk = (down**2 + right**2 <= square)[None]
    centre = torch.tensor([[row, column]])
    assert star_rays.star_line(disk.float(), centre, one_sided=True).item() == 0
    assert star_rays.star_neighbour(disk.float(), centre).item() == 0
    for term in FORMS.values():
        assert term(disk.double(), centre, disk).item() == pytest.approx(0, abs=1e-6) or (
            term is FORMS["star_polar"])        # whose samples are grey at the border


def test_a_mask_that_is_not_star_shaped_violates():
    ring = torch.zeros(1, 7, 7)
    ring[0, 1:6, 1:6] = 1
    ring[0, 3, 4] = 0                  # a hole beside the centre (3, 3): (3, 5) lies behind it
    assert star_rays.star_line(ring, torch.tensor([[3, 3]]), one_sided=True).item() >= 1
    assert star_rays.star_neighbour(ring, torch.tensor([[3, 3]])).item() >= 1


@each_form
def test_constant_costs_nothing(name):
    # 0.25 and 0.75 are exact, so that bilinear weights give them back
    prob = torch.full((2, 9, 8), 0.25).requires_grad_()
    value = FORMS[name](prob, torch.tensor([[4, 4], [0, 7]]), torch.ones(2, 9, 8, dtype=torch.bool))
    torch.testing.assert_close(value, torch.zeros(2), atol=1e-4, rtol=0)


def test_neighbour_is_a_line_of_reach_one():
    prob, centre = apart(3, 8, 11), torch.tensor([[0, 0], [4, 5], [7, 2]])
    for one_sided in (False, True):
        torch.testing.assert_close(
            star_rays.star_neighbour(prob, centre, one_sided=one_sided),
            star_rays.star_line(prob, centre, reach=1, one_sided=one_sided))


def test_polar_nears_the_line_form_as_resolution_grows():
    gaps = []
    for size in (16, 32, 64):
        place = (torch.arange(size).double() + 0.5) / size              # the same picture, finer
        y, x = place.view(-1, 1), place.view(1, -1)
        smooth = (0.5 + 0.4 * torch.sin(5 * x + 1) * torch.cos(4 * y))[None]
        centre = torch.tensor([[size // 2, size // 3]])
        line = star_rays.star_line(smooth, centre)
        polar = star_rays.star_polar(smooth, centre, rays=8 * size, radii=size)
        gaps.append((polar / line - 1).abs().item())
    assert gaps[0] > 1.7 * gaps[1] > 1.7**2 * gaps[2]
    assert gaps[2] < 0.05      # of first order: the line counts the centre in full, p not


@each_form
@pytest.mark.parametrize("with_target", [False, True])
@pytest.mark.parametrize("one_sided", [False, True])
def test_gradcheck(name, with_target, one_sided):
    prob = apart(2, 4, 5).requires_grad_()
    centre = torch.tensor([[1, 2], [3, 0]])
    target = torch.rand(2, 4, 5, generator=torch.Generator().manual_seed(3)) > 0.5
    term = functools.partial(FORMS[name], centre=centre, one_sided=one_sided,
                             target=target if with_target else None)
    assert torch.autograd.gradcheck(term, (prob,))


def test_polar_centre_between_pixels():
    prob = apart(1, 6, 6)
    found = [polar(prob, torch.tensor([[2.5, 3.25]]), rays=16, radii=8)
             for polar in (star_rays.star_polar, star_rays.star_polar_reference)]
    torch.testing.assert_close(*found)


@pytest.mark.filterwarnings("ignore")
@each_form
def test_opcheck(name):
    centre, target = torch.tensor([[1, 2], [3, 0]]), torch.ones(2, 4, 5, dtype=torch.bool)
    last = {"star_line": (2, True), "star_neighbour": (False,), "star_polar": (8, 6, False)}[name]
    for label in (None, target):
        torch.library.opcheck(
            getattr(_op, name), (apart(2, 4, 5).requires_grad_(), centre, label, *last))
    torch.library.opcheck(_op.star_rays_backward, (apart(2, 4, 5), torch.tensor([1.0, 2]).double()))


@each_form
def test_compiles_whole(name):
    centre, target = torch.tensor([[1, 2], [3, 0]]), torch.ones(2, 4, 5, dtype=torch.bool)
    compiled = torch.compile(FORMS[name], fullgraph=True, backend="aot_eager")
    results = []
    for term in (FORMS[name], compiled):
        prob = apart(2, 4, 5).requires_grad_()
        value = term(prob, centre, target)
        results.append((value.detach(), *torch.autograd.grad(value.sum(), prob)))
    torch.testing.assert_close(results[0], results[1])


@each_form
def test_same_bits_for_any_number_of_threads(name):
    draw = torch.Generator().manual_seed(0)
    prob = torch.rand(7, 180, 190, generator=draw)
    centre = torch.randint(60, 120, (7, 2), generator=draw)
    target = torch.rand(prob.shape, generator=draw) > 0.5
    results = []
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        given = prob.clone().requires_grad_()
        value = FORMS[name](given, centre, target)
        results.append((value.detach(), *torch.autograd.grad(value.sum(), given)))
    for value, gradient in results[1:]:
        assert torch.equal(value, results[0][0]) and torch.equal(gradient, results[0][1])


@each_form
def test_layouts_sizes_and_half_precision(name):
    term = FORMS[name]
    prob, centre = apart(2, 6, 9).float(), torch.tensor([[2, 3], [5, 8]])
    target = prob > 0.5
    value = term(prob, centre, target)
    strided = prob.transpose(1, 2).contiguous().transpose(1, 2)
    both = torch.stack([target, target], 3)[..., 0]
    torch.testing.assert_close(term(strided, centre.int(), both), value)
    torch.testing.assert_close(term(prob[:, None], centre, target[:, None]), value)
    half = prob.to(torch.bfloat16).requires_grad_()
    (gradient,) = torch.autograd.grad(term(half, centre, target).sum(), half)
    assert gradient.dtype == torch.bfloat16 and term(half, centre).dtype == torch.float32
    assert term(prob[:0], centre[:0], target[:0]).shape == (0,)
    one = torch.full((1, 1, 1), 0.3, requires_grad=True)
    value = term(one, torch.tensor([[0, 0]]))
    assert value.item() == 0 and torch.autograd.grad(value.sum(), one)[0].item() == 0


@each_form
def test_nan_stays_in_its_image(name):
    prob, centre = apart(2, 6, 9).float(), torch.tensor([[2, 3], [5, 8]])
    prob[0, 3, 3] = torch.nan
    value = FORMS[name](prob, centre)
    assert value[0].isnan() and value[1] == FORMS[name](prob[1:], centre[1:])[0]


def test_no_second_derivative():
    prob = apart(1, 4, 4).requires_grad_()
    value = star_rays.star_line(prob, torch.tensor([[1, 1]])).square().sum()
    (gradient,) = torch.autograd.grad(value, prob, create_graph=True)
    with pytest.raises((NotImplementedError, RuntimeError)):
        gradient.sum().backward()


PROB, CENTRE = torch.rand(2, 4, 5), torch.tensor([[1, 2], [3, 0]])


@pytest.mark.parametrize("change, error, message", [
    ({"prob": torch.ones(2, 4, 5).long()}, TypeError, "after the sigmoid; got torch.int64"),
    ({"prob": PROB[0]}, ValueError, r"\(B, H, W\).*got \(4, 5\).*unsqueeze"),
    ({"prob": PROB[:, :0]}, ValueError, "are empty"),
    ({"prob": PROB[:, None].expand(2, 3, 4, 5)}, ValueError, "select the class"),
    ({"centre": CENTRE[0]}, ValueError, r"must be \(2, 2\).*got \(2,\)"),
    ({"centre": torch.tensor([[1, 2], [4, 0]])}, ValueError, r"within the image.*\[4, 0\]"),
    ({"centre": torch.tensor([[1, -1], [3, 0]])}, ValueError, "within the image"),
    ({"target": PROB}, TypeError, "nearest neighbour"),
    ({"target": PROB[:, :3] > 0}, ValueError, r"must be \(2, 4, 5\).*got \(2, 3, 5\)"),
    ({"target": torch.full((2, 4, 5), 2)}, ValueError, "only the labels 0 and 1"),
])
@each_form
def test_errors(name, change, error, message):
    for dtype in (torch.float32, torch.bfloat16):      # the fast form, the reference
        given = {"prob": PROB.to(dtype), "centre": CENTRE} | change
        with pytest.raises(error, match=message):
            FORMS[name](**given)


def test_errors_of_one_form():
    with pytest.raises(TypeError, match="integer pixels; got torch.float32"):
        star_rays.star_line(PROB, CENTRE.float())
    with pytest.raises(TypeError, match="must be numbers"):
        star_rays.star_polar(PROB, CENTRE.bool())
    with pytest.raises(ValueError, match="within the image"):
        star_rays.star_polar(PROB, torch.tensor([[1, torch.nan], [0, 0]]))
    with pytest.raises(ValueError, match="reach must be at least 1"):
        star_rays.star_line(PROB, CENTRE, reach=0)
    with pytest.raises(ValueError, match="at least 4 rays and 2 radii, got 3 and 2"):
        star_rays.star_polar(PROB, CENTRE, rays=3, radii=2)


def test_a_chain_of_neighbours_is_not_the_segment():
    # (100, 60) steps diagonally while the shorter distance is more than half the longer: (80, 40)
    place = (100, 60)
    for _ in range(20):
        alone = torch.zeros(1, 101, 101, dtype=torch.float64)
        alone[0, place[0], place[1]] = 1
        given = alone.requires_grad_()
        value = star_rays.star_neighbour(given, torch.tensor([[0, 0]]))
        (gradient,) = torch.autograd.grad(value.sum(), given)
        place = tuple(torch.nonzero(gradient[0] < 0)[0].tolist())
    assert place == (80, 40)
