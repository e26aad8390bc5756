"""Reference by hand; the fast forms against it: CPU, Triton's interpreter, GPU."""

import functools
from fractions import Fraction

import pytest
import torch

from medtutor.kernels import star_rays

FORMS = ["star_line", "star_neighbour", "star_polar"]
POLAR = {"rays": 12, "radii": 10}
SHAPES = [(3, 5, 9), (5, 17, 12), (2, 1, 7), (2, 6, 1), (4, 23, 23)]


def form(name, reference=False, **options):
    options = options | (POLAR if name == "star_polar" else {})
    return functools.partial(getattr(star_rays, name + "_reference" * reference), **options)


def inputs(shape, dtype=torch.float32, seed=0):
    """Values from 0 to 1 that a float32 holds exactly, with ties; centres anywhere; a target."""
    draw = torch.Generator().manual_seed(seed)
    prob = torch.randint(65, shape, generator=draw).to(dtype) / 64
    centre = torch.stack([torch.randint(size, shape[:1], generator=draw) for size in shape[1:]], 1)
    return prob, centre, torch.rand(shape, generator=draw) > 0.4


def value_and_gradient(term, prob, centre, target):
    prob = prob.detach().clone().requires_grad_()
    value = term(prob, centre, target)
    weight = torch.linspace(0.5, 2, len(prob)).to(value)
    (gradient,) = torch.autograd.grad((weight * value).sum(), prob)
    return value.detach(), gradient


# ------------------------------------------------------------------ reference, by hand

ROW, FIRST = torch.tensor([[[0.1, 0.5, 0.2, 0.9]]], dtype=torch.float64), torch.tensor([[0, 0]])


@pytest.mark.parametrize("options, expected", [
    # p=1: .4   p=2: .1 + .3   p=3: .8 + .4 + .7
    ({}, 2.7),
    # p=2 rises above q=0 only: .4 + .1 + (.8 + .4 + .7)
    ({"one_sided": True}, 2.4),
    # the last pair of each: .4 + .3 + .7
    ({"reach": 1}, 1.4),
    # .4 + (.1 + .3) + (.4 + .7)
    ({"reach": 2}, 1.9),
    # e = .9 .5 .2 .9;  p=1: .5 (.4)   p=2: labels differ   p=3: only q=2, .9 (.7)
    ({"target": torch.tensor([[[1, 1, 0, 0]]])}, 0.2 + 0.63),
])
def test_hand_value(options, expected):
    for line in (star_rays.star_line_reference, star_rays.star_line):
        torch.testing.assert_close(line(ROW, FIRST, **options), torch.tensor([expected]).double())


def test_neighbour_hand_value():
    # .5 over .1, .2 under .5, .9 over .2: one-sided .4 + .7, both sides .4 + .3 + .7
    torch.testing.assert_close(star_rays.star_neighbour(ROW, FIRST), torch.tensor([1.1]).double())
    both = star_rays.star_neighbour(ROW, FIRST, one_sided=False)
    torch.testing.assert_close(both, torch.tensor([1.4]).double())


def test_hand_gradient():
    # without a target each pair adds +1 to the larger and -1 to the smaller of its two:
    # .1 is below three; .5 above .1 .2, below .9; .2 above .1, below .5 .9; .9 above three
    _, gradient = value_and_gradient(lambda *a: 2 * star_rays.star_line(*a), ROW, FIRST, None)
    torch.testing.assert_close(gradient, torch.tensor([[[-3.0, 1, -1, 3]]]).double())


def test_a_hole_costs_its_distance_to_the_centre():
    # In a disk of ones only the hole p is wrong (e = 1), and each of the n pixels between it and
    # the centre differs from it by 1. p - c = (2, -5), so n = 5.
    row, column = torch.arange(17).view(-1, 1), torch.arange(19).view(1, -1)
    disk = ((row - 8) ** 2 + (column - 9) ** 2 <= 36)[None]
    prob = disk.double()
    prob[0, 10, 4] = 0
    for line in (star_rays.star_line_reference, star_rays.star_line):
        assert line(prob, torch.tensor([[8, 9]]), disk).item() == 5


@pytest.mark.parametrize("target", [False, True])
def test_line_is_a_sum_over_pixels_nearest_to_the_segment(target):
    prob, centre, label = inputs((2, 7, 10), torch.float64)
    for image, ((row, column), s) in enumerate(zip(centre.tolist(), prob.tolist(), strict=True)):
        total = 0
        for i in range(7):
            for j in range(10):
                n = max(abs(i - row), abs(j - column))
                for k in range(n):
                    part = Fraction(k, n)
                    # the nearest pixel, halves away from the centre
                    y = int(abs(i - row) * part + Fraction(1, 2)) * (1 if i > row else -1) + row
                    x = int(abs(j - column) * part + Fraction(1, 2)) * (
                        1 if j > column else -1) + column
                    pair = abs(s[i][j] - s[y][x])
                    if target:
                        truth = int(label[image, i, j])
                        pair *= (truth == int(label[image, y, x])) * abs(truth - s[i][j])
                    total += pair
        found = star_rays.star_line_reference(prob, centre, label if target else None)
        assert found[image].item() == pytest.approx(total, rel=1e-12)


def test_polar_hand_value():
    # 3 x 3, centre in the middle, 8 rays x 2 samples, s = distance from the middle column. All
    # samples of a ray at angle θ from the column axis lie at L/4 and 3L/4, L = 1.5 / max(sin, cos).
    # Bilinear s is |sin θ| r while that is below 1. w = max() (3L/4) (2π/8) (L/2)^2.
    prob = torch.tensor([[1.0, 0, 1]] * 3, dtype=torch.float64)[None]
    angle = (torch.arange(8).double() + 0.5) * torch.pi / 4
    across, most = angle.cos().abs(), torch.maximum(angle.cos().abs(), angle.sin().abs())
    length = 1.5 / most
    rise = (across * 3 * length / 4).clamp(max=1) - across * length / 4
    weight = most * 3 * length / 4 * torch.pi / 4 * (length / 2) ** 2
    for polar in (star_rays.star_polar_reference, star_rays.star_polar):
        found = polar(prob, torch.tensor([[1, 1]]), rays=8, radii=2)
        torch.testing.assert_close(found, (rise * weight).sum()[None])


# ------------------------------------------------------------------ the forms agree

TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-6}


def close(found, expected, tolerance):
    for ours, theirs in zip(found, expected, strict=True):
        scale = theirs.abs().max().clamp(min=1).item()
        torch.testing.assert_close(
            ours.double(), theirs.double(), rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", FORMS)
def test_cpu_against_reference(name, shape, dtype):
    prob, centre, label = inputs(shape, dtype)
    for target in (None, label, label.long(), label.to(torch.uint8)):
        for one_sided in (False, True):
            ours, theirs = (form(name, reference, one_sided=one_sided) for reference in (0, 1))
            close(value_and_gradient(ours, prob, centre, target),
                  value_and_gradient(theirs, prob.double(), centre, target), TOLERANCE[dtype])


@pytest.mark.parametrize("reach", [1, 2, 6, 1000])
def test_reach_on_the_cpu(reach):
    prob, centre, target = inputs((3, 19, 14))
    ours, theirs = (form("star_line", reference, reach=reach) for reference in (0, 1))
    close(value_and_gradient(ours, prob, centre, target),
          value_and_gradient(theirs, prob.double(), centre, target), 2e-6)


def test_long_sums_keep_float32():
    # 16 thousand terms meet in the centre's gradient; relative to the largest, against float64
    prob, centre, target = torch.rand(1, 128, 128), torch.tensor([[64, 60]]), torch.rand(
        1, 128, 128) > 0.5
    for label in (None, target):
        found = value_and_gradient(star_rays.star_line, prob, centre, label)
        close(found, value_and_gradient(star_rays.star_line, prob.double(), centre, label), 3e-6)


INTERPRETED = {torch.float32: 2e-6, torch.float16: 2e-6, torch.bfloat16: 2e-6}


@pytest.mark.parametrize("dtype", INTERPRETED)
@pytest.mark.parametrize("name", FORMS)
def test_interpreter_against_reference(interpreter, name, dtype):
    from medtutor.kernels.star_rays import _launch

    prob, centre, label = inputs((2, 4, 6), dtype)       # the same numbers in half precision
    last = {"star_line": (0,), "star_neighbour": (), "star_polar": tuple(POLAR.values())}[name]
    kernel = getattr(_launch, name + "_triton")
    for target, one_sided in ((None, True), (label, False)):
        exact = prob.double().requires_grad_()
        value = form(name, reference=True, one_sided=one_sided)(exact, centre, target)
        expected = value.detach(), torch.autograd.grad(value.sum(), exact)[0]
        found = kernel(prob, centre, target, *last, one_sided)
        assert [x.dtype for x in found] == [torch.float32] * 2
        close(found, expected, INTERPRETED[dtype])


def test_interpreter_reach_and_a_long_octant(interpreter):
    from medtutor.kernels.star_rays._launch import star_line_triton

    prob, _, target = inputs((1, 2, 8))
    centre = torch.tensor([[1, 0]])
    for reach in (2, 0):
        exact = prob.double().requires_grad_()
        value = star_rays.star_line_reference(exact, centre, target, reach=reach or None)
        expected = value.detach(), torch.autograd.grad(value.sum(), exact)[0]
        close(star_line_triton(prob, centre, target, reach, False), expected, 2e-6)


GPU = {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 1e-2}     # gradients are rounded


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", GPU)
@pytest.mark.parametrize("name", FORMS)
def test_gpu_against_reference(name, dtype):
    prob, centre, label = inputs((5, 67, 41), dtype)
    for target in (None, label):
        expected = value_and_gradient(form(name, reference=True), prob.double(), centre, target)
        place = None if target is None else target.cuda()
        found = value_and_gradient(form(name), prob.cuda(), centre.cuda(), place)
        close([x.cpu() for x in found], expected, GPU[dtype])
