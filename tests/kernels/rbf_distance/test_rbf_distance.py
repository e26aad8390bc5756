"""The reference against numbers worked out by hand, and the public function against it."""

import pytest
import torch

from medtutor.kernels.rbf_distance import rbf_distance, rbf_distance_reference

TOLERANCE = {torch.float32: 5e-6, torch.float64: 1e-13}     # relative to the distance itself
FEW, MANY = 5, 40                                           # centres: direct and product form


def inputs(points, count, size, weights=None, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(points, size, generator=generator, dtype=torch.float64)
    centres = torch.randn(count, size, generator=generator, dtype=torch.float64)
    w = None
    if weights is not None:
        shape = (count,) if weights == 1 else (count, size)
        w = torch.rand(shape, generator=generator, dtype=torch.float64).to(dtype)
    return x.to(dtype), centres.to(dtype), w


def both(x, centres, weights, g):
    """Value and gradients of ours, and of the reference in float64 from the same numbers."""
    results = []
    for function, dtype in ((rbf_distance, x.dtype), (rbf_distance_reference, torch.float64)):
        given = [t.to(dtype).clone().requires_grad_() for t in (x, centres, weights)
                 if t is not None]
        value = function(*given)
        value.backward(g.to(value.dtype))
        results.append((value.detach().double(), [t.grad.double() for t in given]))
    return results


def relative(ours, truth):
    return ((ours - truth).abs() / truth.abs().clamp_min(1e-300)).max().item()


def test_hand_values():
    # From (1, 2): to (0, 0) 1 + 4 = 5; to (1, 5) 0 + 9 = 9; to itself 0.
    x, centres = torch.tensor([[1., 2.]]), torch.tensor([[0., 0.], [1., 5.], [1., 2.]])
    for function in (rbf_distance_reference, rbf_distance):
        assert function(x, centres).tolist() == [[5., 9., 0.]]
        # One weight a centre: 5 * 2, 9 * 0.5, 0.
        assert function(x, centres, torch.tensor([2., .5, 7.])).tolist() == [[10., 4.5, 0.]]
        # One a coordinate: 3 * 1 + 0.5 * 4 = 5; 1 * 0 + 2 * 9 = 18; 0.
        w = torch.tensor([[3., .5], [1., 2.], [1., 1.]])
        assert function(x, centres, w).tolist() == [[5., 18., 0.]]


def test_hand_gradients():
    # s = w1 (1 - 0)^2 + w2 (2 - 0)^2, w = (3, .5): dx = 2 w (x - c) = (6, 2), dc = -dx,
    # dw = (x - c)^2 = (1, 4).
    x, centres = torch.tensor([[1., 2.]]), torch.tensor([[0., 0.]])
    w = torch.tensor([[3., .5]])
    for function in (rbf_distance_reference, rbf_distance):
        given = [t.clone().requires_grad_() for t in (x, centres, w)]
        function(*given).sum().backward()
        assert [t.grad.tolist() for t in given] == [[[6., 2.]], [[-6., -2.]], [[1., 4.]]]


def test_the_reference_is_cdist_squared():
    x, centres, _ = inputs(9, 4, 7)
    assert torch.allclose(rbf_distance_reference(x, centres), torch.cdist(x, centres) ** 2)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("weights", [None, 1, 2])
@pytest.mark.parametrize("count", [1, 2, FEW, 8, 17, 24, 25, MANY])
def test_fast_form_against_the_reference(count, weights, dtype):
    x, centres, w = inputs(131, count, 37, weights, dtype)
    g = torch.randn(131, count, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    (value, ours), (true_value, truth) = both(x, centres, w, g.to(dtype))
    assert relative(value, true_value) < TOLERANCE[dtype]
    for mine, true in zip(ours, truth, strict=True):
        assert (mine - true).abs().max() < TOLERANCE[dtype] * true.abs().max()


def offset(points, count, size):
    """All at 1e4 from the origin, 1e-2 apart."""
    x, centres, _ = inputs(points, count, size)
    return x * 1e-2 + 1e4, centres * 1e-2 + 1e4


def clusters(points, count, size):
    """Centres 1e4 apart, points 1e-2 from theirs: no shift of the origin helps."""
    x, centres, _ = inputs(points, count, size)
    centres = centres * 1e4
    return centres[torch.arange(points) % count] + x * 1e-2, centres


@pytest.mark.parametrize("size", [3, 64, 1024])
@pytest.mark.parametrize("weights", [None, 2])
@pytest.mark.parametrize("count", [FEW, MANY])
@pytest.mark.parametrize("place", [offset, clusters])
def test_digits_far_from_the_origin(place, count, weights, size):
    x, centres = (t.float() for t in place(90, count, size))
    w = inputs(90, count, size, weights, torch.float32)[2]
    truth = rbf_distance_reference(*(None if t is None else t.double() for t in (x, centres, w)))
    # The gradient weighs near pairs, as that of exp(-s / width) does.
    g = torch.exp(-truth / truth.min(1).values.mean()).float()
    (value, ours), (true_value, truth) = both(x, centres, w, g)
    assert relative(value, true_value) < 1e-5
    for mine, true in zip(ours, truth, strict=True):
        assert (mine - true).abs().max() < 1e-5 * true.abs().max()


def test_the_product_form_alone_would_lose_these_digits():
    x, centres = (t.float() for t in clusters(90, MANY, 64))
    x, centres = x - centres.mean(0), centres - centres.mean(0)
    plain = x.square().sum(1)[:, None] - 2 * x @ centres.T + centres.square().sum(1)
    truth = rbf_distance_reference(x.double(), centres.double())
    assert relative(plain.double(), truth) > 1


@pytest.mark.parametrize("count", [FEW, MANY])
def test_a_point_is_at_0_from_itself(count):
    _, centres, _ = inputs(1, count, 50, dtype=torch.float32)
    centres = centres + 300
    assert (rbf_distance(centres, centres).diagonal() == 0).all()


@pytest.mark.parametrize("count", [FEW, MANY])
def test_nan_infinity_and_overflow_give_what_the_formula_gives(count):
    x, centres, _ = inputs(12, count, 6, dtype=torch.float32)
    x[1, 2], x[2, 3], x[3, 0] = float("nan"), float("inf"), 1e30
    centres[1, 2], centres[2, 3] = float("nan"), float("-inf")
    ours, truth = rbf_distance(x, centres), rbf_distance_reference(x, centres)
    assert torch.allclose(ours, truth, rtol=1e-5, atol=0, equal_nan=True)
    assert ours.isnan().sum() == 12 + count - 1 and ours.isinf().any()


@pytest.mark.parametrize("count", [FEW, MANY])
def test_large_values_whose_squares_overflow(count):
    x, centres, _ = inputs(12, count, 6, dtype=torch.float32)
    x, centres = x + 3e19, centres * 1e18      # squares overflow; differences are 3e19
    x[0] = centres[0]
    assert rbf_distance(x, centres)[0, 0] == 0
    assert torch.equal(rbf_distance(x, centres)[1:].isinf(),
                       rbf_distance_reference(x, centres)[1:].isinf())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(dtype):
    x, centres, _ = inputs(10, 30, 300)
    x, centres = (100 * x).to(dtype).requires_grad_(), centres.to(dtype)
    ours = rbf_distance(x, centres)
    assert ours.dtype == torch.float32 and ours.max() > 65504
    assert torch.allclose(ours, rbf_distance_reference(x, centres), rtol=1e-5)
    ours.sum().backward()
    assert x.grad.dtype == dtype


@pytest.mark.parametrize("shape", [(7,), (1, 7), (2, 3, 4, 7), (0, 7), (3, 0, 7), (2, 1, 7)])
@pytest.mark.parametrize("count", [1, FEW, MANY])
def test_shapes(shape, count):
    x, centres, w = inputs(1, count, 7, 1)
    x = x[0].expand(shape).clone().requires_grad_()
    value = rbf_distance(x, centres, w)
    assert value.shape == (*shape[:-1], count)
    assert torch.allclose(value, rbf_distance_reference(x, centres, w))
    value.sum().backward()
    assert x.grad.shape == shape


@pytest.mark.parametrize("points, count, size", [(5, 0, 3), (5, 4, 0), (0, 4, 3)])
def test_empty(points, count, size):
    x, centres = torch.zeros(points, size), torch.zeros(count, size, requires_grad=True)
    value = rbf_distance(x, centres)
    assert value.shape == (points, count) and not value.any()
    value.sum().backward()
    assert not centres.grad.any()


@pytest.mark.parametrize("count", [FEW, MANY])
def test_not_contiguous(count):
    x, centres, w = inputs(24, count, 18, 2)
    turned = x.T.contiguous().T, centres.repeat_interleave(2, 0)[::2], w.flip(1).flip(1)
    assert torch.equal(rbf_distance(*turned), rbf_distance(x, centres, w))
    image = torch.randn(2, 18, 4, 3, dtype=torch.float64, requires_grad=True)
    features = image.movedim(1, -1)
    expanded = torch.ones((), dtype=torch.float64).expand(2, 4, 3, count)
    gradient, = torch.autograd.grad(rbf_distance(features, centres), image, expanded)
    truth, = torch.autograd.grad(rbf_distance_reference(features, centres), image, expanded)
    assert torch.allclose(gradient, truth)


@pytest.mark.parametrize("change, error, words", [
    (dict(x=torch.zeros(4, 3, dtype=torch.long)), TypeError, r"x must be floating.*x\.float\(\)"),
    (dict(x=torch.zeros(4, 2)), ValueError, r"\(\.\.\., D\).*\(4, 2\) and \(5, 3\).*movedim"),
    (dict(x=torch.zeros(())), ValueError, r"x must be \(\.\.\., D\)"),
    (dict(centres=torch.zeros(3)), ValueError, r"centres \(K, D\)"),
    (dict(weights=torch.ones(3)), ValueError, r"must be \(5,\) or \(5, 3\).*\(3,\).*expand"),
    (dict(weights=torch.ones(5, dtype=torch.int)), TypeError, "weights must be floating"),
])
def test_errors(change, error, words):
    with pytest.raises(error, match=words):
        rbf_distance(**{"x": torch.zeros(4, 3), "centres": torch.zeros(5, 3), **change})
