"""What holds for any input: symmetries, bounds, threads, torch.compile, refusals."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medtutor.kernels.random_walker import random_walker
from medtutor.kernels.random_walker._op import random_walker_op


@st.composite
def problems(draw):
    shape = draw(st.lists(st.integers(1, 7), min_size=2, max_size=3).filter(
        lambda sizes: torch.Size(sizes).numel() >= 4))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    image = torch.rand(shape, generator=generator, dtype=torch.float64)
    labels = draw(st.integers(1, 3))
    places = torch.randperm(image.numel(), generator=generator)
    seeds = torch.zeros(image.numel(), dtype=torch.int64)
    seeds[places[:labels]] = torch.arange(1, labels + 1)
    if draw(st.booleans()):
        seeds[places[labels]] = -1
    return image, seeds.view(shape)


@given(problems(), st.sampled_from(["multigrid", "jacobi"]), st.floats(0, 200))
@settings(max_examples=60, deadline=None)
def test_probabilities(problem, preconditioner, beta):
    image, seeds = problem
    found = random_walker(image, seeds, beta=beta, preconditioner=preconditioner, tolerance=1e-9)
    inside = found.labels > 0
    total = found.probabilities.sum(0)
    torch.testing.assert_close(total, inside.double())
    assert found.probabilities.min() >= 0 and found.probabilities.max() <= 1
    assert torch.equal(found.labels[seeds > 0], seeds[seeds > 0])
    assert torch.equal(found.labels[inside], (found.probabilities.argmax(0) + 1)[inside])
    assert ((found.labels == -1) == ~inside).all() and (found.labels[seeds < 0] == -1).all()


@given(problems(), st.data())
@settings(max_examples=60, deadline=None)
def test_axes_in_another_order_and_mirrored(problem, data):
    image, seeds = problem
    order = data.draw(st.permutations(range(image.ndim)))
    flips = data.draw(st.lists(st.sampled_from(range(image.ndim)), unique=True))
    found = random_walker(image, seeds, beta=20, tolerance=1e-12)
    other = random_walker(image.permute(order).flip(flips), seeds.permute(order).flip(flips),
                          beta=20, tolerance=1e-12)
    expected = found.probabilities.permute(0, *(axis + 1 for axis in order)).flip(
        [axis + 1 for axis in flips])
    torch.testing.assert_close(other.probabilities, expected, atol=1e-7, rtol=0)


@given(problems(), st.integers(0, 2))
@settings(max_examples=30, deadline=None)
def test_labels_in_another_order(problem, shift):
    image, seeds = problem
    labels = int(seeds.max())
    turned = torch.where(seeds > 0, (seeds - 1 + shift) % labels + 1, seeds)
    found = random_walker(image, seeds, beta=20, tolerance=1e-12).probabilities
    other = random_walker(image, turned, beta=20, tolerance=1e-12).probabilities
    torch.testing.assert_close(other, found.roll(shift, 0), atol=1e-7, rtol=0)


def test_spread_of_values_counts_not_their_level(spheres):
    image, seeds, _ = spheres((9, 9, 9), 2, dtype=torch.float64)
    found = random_walker(image, seeds, tolerance=1e-10).probabilities
    risen = random_walker(image + 5, seeds, tolerance=1e-10).probabilities
    torch.testing.assert_close(risen, found, atol=1e-6, rtol=0)
    # values twice as large: squared differences over their deviation are twice as large
    twice = random_walker(2 * image, seeds, tolerance=1e-10, beta=65).probabilities
    torch.testing.assert_close(twice, found, atol=1e-6, rtol=0)
    doubled = random_walker(torch.stack([image, image]), seeds, tolerance=1e-10,
                            beta=130 / 2**0.5).probabilities
    torch.testing.assert_close(doubled, found, atol=1e-6, rtol=0)


@pytest.mark.parametrize("preconditioner", ["multigrid", "jacobi"])
def test_any_number_of_threads(spheres, preconditioner):
    image, seeds, _ = spheres((45, 66, 67), 3)
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(random_walker(image, seeds, preconditioner=preconditioner))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_strides_and_types_of_seeds(spheres):
    image, seeds, _ = spheres((12, 10, 9), 2)
    wanted = random_walker(image, seeds)
    crossed = image.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    found = random_walker(crossed, seeds.flip(0).flip(0))
    assert torch.equal(found.probabilities, wanted.probabilities)
    for dtype in (torch.uint8, torch.int8, torch.int16, torch.int32):
        found = random_walker(image, seeds.to(dtype))
        assert found.labels.dtype == dtype and torch.equal(found.labels.long(), wanted.labels)
    half = random_walker(image.half(), seeds)
    assert half.probabilities.dtype == torch.float32
    assert torch.equal(half.probabilities, random_walker(image.half().float(), seeds).probabilities)


@pytest.mark.parametrize("dtype", [torch.int16, torch.int64])
def test_inputs_are_left_alone(dtype):
    image, seeds = torch.rand(6, 7), torch.zeros(6, 7, dtype=dtype)
    seeds[0, :4], seeds[5, 0], seeds[2] = 1, 2, -1          # labels change places inside
    before = image.clone(), seeds.clone()
    random_walker(image, seeds)
    assert torch.equal(image, before[0]) and torch.equal(seeds, before[1])
    assert (random_walker(image, seeds.clamp(min=0)).labels[0, :4] == 1).all()
    assert torch.equal(seeds, before[1])
    whole = seeds.clamp(min=0)
    kept = whole.clone()
    random_walker(image, whole)
    assert torch.equal(whole, kept)


def test_opcheck(spheres):
    image, seeds, _ = spheres((6, 5, 7), 3)
    rest = (3, 130.0, [1.0] * 3, 1e-3, True, 100)
    start = torch.full((3, 6, 5, 7), 1 / 3)
    torch.library.opcheck(random_walker_op, (image[None], seeds, None, *rest))
    torch.library.opcheck(random_walker_op, (image[None].double(), seeds.int(), start, *rest))


def test_compiles(spheres):
    image, seeds, _ = spheres((9, 8, 7), 2)

    @torch.compile(fullgraph=True, backend="aot_eager")
    def labels(image, seeds):
        return random_walker(2 * image, seeds, classes=2).labels + 1

    assert torch.equal(labels(image, seeds), random_walker(2 * image, seeds).labels + 1)


GOOD = torch.rand(4, 5, generator=torch.Generator().manual_seed(0))
SEEDS = torch.tensor([[1, 0, 0, 0, 2]] * 4)


@pytest.mark.parametrize("image, seeds, options, message", [
    (GOOD[None, None], SEEDS, {}, r"got \(1, 1, 4, 5\) and \(4, 5\): take .* one by one"),
    (GOOD[0], SEEDS[0], {}, "two or three axes"),
    (GOOD, SEEDS.float(), {}, "seeds must be integers, got torch.float32"),
    (GOOD, SEEDS > 0, {}, "seeds must be integers, got torch.bool"),
    (SEEDS, SEEDS, {}, "image must be floating, got torch.int64"),
    (GOOD[:0], SEEDS[:0], {}, r"must not be empty, got \(0, 5\)"),
    (GOOD.clone().requires_grad_(), SEEDS, {}, r"not differentiable.*image.detach\(\)"),
    (GOOD, SEEDS, {"tolerance": 0}, r"tolerance must be in \(0, 1\), got 0"),
    (GOOD, SEEDS, {"preconditioner": "ilu"}, "preconditioner must be .* got 'ilu'"),
    (GOOD, SEEDS, {"beta": -1}, "beta must be at least 0, got -1"),
    (GOOD, SEEDS, {"max_iterations": -1}, "max_iterations must be at least 0, got -1"),
    (GOOD, SEEDS, {"spacing": (1,)}, "spacing must hold 2 positive numbers"),
    (GOOD, SEEDS, {"spacing": (1, 0)}, "spacing must hold 2 positive numbers"),
    (GOOD, SEEDS, {"start": GOOD}, r"start must be \(L, \*S\) = \(2, 4, 5\), got \(4, 5\)"),
    (GOOD, SEEDS, {"start": torch.full((2, 4, 5), torch.nan)}, "start must be finite"),
    (GOOD / 0, SEEDS, {}, "image must be finite, got NaN or infinity"),
    (GOOD, SEEDS * 0, {}, "seeds must hold labels from 1 to at most 32767, got 0"),
    (GOOD, SEEDS * 2, {}, r"each label from 1 to 4 needs a seed; there is none of \[1, 3\]"),
    (GOOD, SEEDS, {"classes": 1}, "seeds hold the label 2, classes is 1: raise classes"),
])
def test_errors(image, seeds, options, message):
    with pytest.raises(ValueError, match=message):
        random_walker(image, seeds, **options)


def test_gradient_is_refused_only_when_one_is_recorded():
    image = GOOD.clone().requires_grad_()
    with torch.no_grad():
        assert not random_walker(image, SEEDS).probabilities.requires_grad
