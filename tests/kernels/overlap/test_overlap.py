"""Overlap sums: by hand, at the limits, beside float64, and what is refused."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from medtutor.kernels.overlap import overlap_sums, overlap_sums_reference

BOTH = pytest.mark.parametrize("form", [overlap_sums, overlap_sums_reference])


def drawn(*shape, dtype=torch.float32, scale=3.0, seed=0):
    """Logits, and whole labels as int64."""
    draw = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(shape, generator=draw, dtype=dtype)
    target = torch.randint(max(shape[1], 2), (shape[0], *shape[2:]), generator=draw)
    return logits, target


@BOTH
@pytest.mark.parametrize("shape", [(2, 1, 5), (2, 3, 5, 4), (1, 4, 3, 2, 5), (3, 2, 1)])
def test_shape(form, shape):
    for value in form(*drawn(*shape)):
        assert value.shape == shape[:2]
        assert value.dtype == torch.float32


@BOTH
def test_hand_value_of_one_channel(form):
    # p = .8 .6 .3 .1, t = 1 0 1 0
    p = torch.tensor([0.8, 0.6, 0.3, 0.1], dtype=torch.float64)
    sums = form(p.logit().view(1, 1, 4), torch.tensor([[1, 0, 1, 0]]))
    wanted = {
        "both": 0.8 + 0.3,
        "predicted": 1.8,
        "true": 2,
        "squares": 0.64 + 0.36 + 0.09 + 0.01,
        "ce_foreground": -math.log(0.8 * 0.3),
        "ce_background": -math.log(0.4 * 0.9),
    }
    for name, value in wanted.items():
        assert getattr(sums, name).item() == pytest.approx(value), name


@BOTH
def test_hand_value_of_classes(form):
    # Two voxels, three classes; voxel 0 is class 0, voxel 1 is class 1, class 2 is absent.
    p = torch.tensor([[[0.5, 0.25], [0.25, 0.5], [0.25, 0.25]]], dtype=torch.float64)  # (1, 3, 2)
    sums = form(p.log() + 7, torch.tensor([[0, 1]]))
    assert sums.both[0].tolist() == pytest.approx([0.5, 0.5, 0])
    assert sums.predicted[0].tolist() == pytest.approx([0.75, 0.75, 0.5])
    assert sums.true[0].tolist() == [1, 1, 0]
    assert sums.squares[0].tolist() == pytest.approx([0.3125, 0.3125, 0.125])
    assert sums.ce_foreground[0].tolist() == pytest.approx([math.log(2), math.log(2), 0])
    # ln 4/3 for each voxel of another class with p = 1/4
    assert sums.ce_background[0].tolist() == pytest.approx([math.log(4 / 3) * n for n in (1, 1, 2)])


@BOTH
def test_soft_labels(form):
    p = torch.tensor([0.8, 0.6], dtype=torch.float64)
    sums = form(p.logit().view(1, 1, 2), torch.tensor([[0.25, 1.0]]))
    assert sums.both.item() == pytest.approx(0.25 * 0.8 + 0.6)
    assert sums.true.item() == pytest.approx(1.25)
    assert sums.ce_foreground.item() == pytest.approx(-0.25 * math.log(0.8) - math.log(0.6))
    assert sums.ce_background.item() == pytest.approx(-0.75 * math.log(0.2))


def test_equals_torch():
    """With N voxels, cross entropy is the mean of the sums, for a sigmoid and for a softmax."""
    z, t = drawn(2, 1, 6, 5)
    sums = overlap_sums(z, t)
    mean = (sums.ce_foreground + sums.ce_background).sum() / t.numel()
    torch.testing.assert_close(mean, F.binary_cross_entropy_with_logits(z[:, 0], t.float()))
    z, t = drawn(2, 5, 6, 5)
    mean = overlap_sums(z, t).ce_foreground.sum() / t.numel()
    torch.testing.assert_close(mean, F.cross_entropy(z, t))


@pytest.mark.parametrize("size", [1e-6, 1.0, 30.0, 80.0, 200.0, 1e4])
@pytest.mark.parametrize("classes", [1, 2, 3, 6])
def test_any_size_of_logits(classes, size):
    """float32 beside float64: sums to 2e-6 of themselves, slopes beside their largest."""
    z, t = drawn(2, classes, 300, scale=size)
    z[..., :10] = size  # ties
    z.requires_grad_()
    wide = z.detach().double().requires_grad_()
    ours, exact = overlap_sums(z, t), overlap_sums_reference(wide, t)
    for name, value, wanted in zip(ours._fields, ours, exact, strict=True):
        # Below e^-86 a probability is not resolved.
        torch.testing.assert_close(value.double(), wanted, rtol=2e-6, atol=1e-30, msg=name)
    weights = torch.randn(6, 2, classes, generator=torch.Generator().manual_seed(1))
    parts = [(s * w).sum() for s, w in zip(ours, weights, strict=True) if s.requires_grad]
    (slope,) = torch.autograd.grad(sum(parts), z)
    parts = [(s * w).sum() for s, w in zip(exact, weights.double(), strict=True)]
    (wanted,) = torch.autograd.grad(sum(parts), wide)
    torch.testing.assert_close(slope.double(), wanted, rtol=1e-5, atol=4e-6)


def test_very_wrong_voxels_keep_their_slope():
    """p_1 = e^-500 where the class is 1: -ln p = 500, and the slope is -1, not 0."""
    for classes in (1, 2, 4):
        z = torch.zeros(1, classes, 1)
        z[0, -1] = -500 if classes == 1 else 0
        if classes > 1:
            z[0, 0] = 500
        z.requires_grad_()
        sums = overlap_sums(z, torch.tensor([[max(classes - 1, 1)]]))
        assert sums.ce_foreground[0, -1].item() == pytest.approx(500)
        sums.ce_foreground.sum().backward()
        assert z.grad[0, -1].item() == pytest.approx(-1)
    # And a class that is surely, wrongly, predicted: -ln(1 - p_0) = 500 - ln 3, of four classes.
    z = torch.zeros(1, 4, 1)
    z[0, 0] = 500
    z.requires_grad_()
    sums = overlap_sums(z, torch.tensor([[3]]))
    assert sums.ce_background[0, 0].item() == pytest.approx(500 - math.log(3))
    sums.ce_background[0, 0].backward()
    assert z.grad.flatten().tolist() == pytest.approx([1, -1 / 3, -1 / 3, -1 / 3])


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 3),
    classes=st.integers(1, 5),
    space=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    seed=st.integers(0, 2**20),
)
def test_properties(batch, classes, space, seed):
    z, t = drawn(batch, classes, *space, seed=seed)
    sums, voxels = overlap_sums(z, t), t[0].numel()
    assert all((value >= 0).all() for value in sums)
    assert (sums.both <= sums.true + 1e-5).all() and (sums.both <= sums.predicted + 1e-5).all()
    assert (sums.squares <= sums.predicted + 1e-5).all()
    if classes > 1:  # probabilities and labels share out the voxels; a shift of all scores is none
        torch.testing.assert_close(sums.predicted.sum(1), torch.full((batch,), float(voxels)))
        assert sums.true.sum(1).tolist() == [voxels] * batch
        for value, shifted in zip(sums, overlap_sums(z + 8, t), strict=True):
            torch.testing.assert_close(shifted, value, rtol=2e-5, atol=2e-5)
    else:  # the other side: p -> 1 - p, t -> 1 - t
        other = overlap_sums(-z, 1 - t)
        torch.testing.assert_close(other.ce_foreground, sums.ce_background)
        together = other.predicted + sums.predicted
        torch.testing.assert_close(together, torch.full((batch, 1), float(voxels)))
    # The order of the voxels does not matter beyond rounding.
    order = torch.randperm(voxels, generator=torch.Generator().manual_seed(seed))
    mixed = overlap_sums(z.flatten(2)[:, :, order], t.flatten(1)[:, order])
    for value, again in zip(sums, mixed, strict=True):
        torch.testing.assert_close(again, value)


@pytest.mark.parametrize("classes", [1, 2, 4])
@pytest.mark.parametrize("form", [overlap_sums, overlap_sums_reference])
def test_gradient(form, classes):
    z, t = drawn(2, classes, 3, 2, dtype=torch.float64, scale=1.0)
    z.requires_grad_()

    def differentiable(logits):
        sums = form(logits, t)
        return sums.both, sums.predicted, sums.squares, sums.ce_foreground, sums.ce_background

    assert torch.autograd.gradcheck(differentiable, z)


@pytest.mark.parametrize("classes", [1, 3])
def test_parts_switched_off(classes):
    z, t = drawn(2, classes, 7)
    z.requires_grad_()
    full = overlap_sums(z, t)
    for overlap in (True, False):
        for inside in (True, False):
            for outside in (True, False):
                some = overlap_sums(
                    z, t, overlap=overlap, ce_foreground=inside, ce_background=outside
                )
                wanted = (overlap, overlap, True, overlap, inside, outside)
                for asked, value, whole in zip(wanted, some, full, strict=True):
                    assert (value is not None) == asked
                    if asked:
                        torch.testing.assert_close(value, whole, rtol=0, atol=0)
                parts = [v.sum() for v in some if v is not None and v.requires_grad]
                if parts:
                    (slope,) = torch.autograd.grad(sum(parts), z)
                    parts = [w.sum() for a, w in zip(wanted, full, strict=True)
                             if a and w.requires_grad]
                    (same,) = torch.autograd.grad(sum(parts), z, retain_graph=True)
                    torch.testing.assert_close(slope, same)


def test_label_types():
    """The class as any whole type, or floating where fractions are refused: the same bits."""
    types = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.float32, torch.float64)
    for classes in (1, 3):
        z, t = drawn(2, classes, 50)
        wanted = overlap_sums(z, t)
        for dtype in types:
            for value, same in zip(overlap_sums(z, t.to(dtype), soft_labels=False), wanted,
                                   strict=True):
                assert torch.equal(value, same)
    z, t = drawn(2, 1, 50)
    for value, same in zip(overlap_sums(z, t.bool()), overlap_sums(z, t), strict=True):
        assert torch.equal(value, same)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    """90,000 voxels, more than the largest float16: summed in float32, the slope comes back."""
    z = torch.full((1, 1, 300, 300), 2.0, dtype=dtype, requires_grad=True)
    sums = overlap_sums(z, torch.ones(1, 300, 300, dtype=torch.uint8))
    assert sums.predicted.dtype == torch.float32
    assert sums.predicted.item() == pytest.approx(90_000 / (1 + math.exp(-2)), rel=1e-5)
    sums.ce_foreground.sum().backward()
    assert z.grad.dtype == dtype and torch.isfinite(z.grad).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
@pytest.mark.parametrize(
    ("shape", "target", "error", "message"),
    [
        ((2, 3), torch.zeros(2), ValueError, r"\(B, K, \*S\).*got \(2, 3\)"),
        ((0, 1, 4), torch.zeros(0, 4), ValueError, "at least one voxel"),
        ((2, 1, 4), torch.zeros(2, 1, 4), ValueError, r"\(2, 4\).*squeeze\(1\)\?"),
        ((2, 3, 4), torch.zeros(2, 3, 4), ValueError, r"one-hot\? pass argmax\(1\)"),
        ((2, 3, 4), torch.zeros(2, 4), TypeError, r"integer for 3 classes.*target\.long\(\)\?"),
        ((2, 1, 4), torch.zeros(2, 4).cfloat(), TypeError, "real numbers"),
        ((1, 1, 4), torch.tensor([[0, 1, 255, 0]]), ValueError, "0 to 255: a mask stored as 0 and"),
        ((1, 1, 4), torch.tensor([[0, 1, 255, 0]]).byte(), ValueError, "0 to 255"),
        ((1, 1, 4), torch.tensor([[0, -1, 0, 0]]), ValueError, "-1 to 0"),
        ((1, 3, 4), torch.tensor([[0, 3, 0, 0]]), ValueError, r"0\.\.2 for 3 channel"),
        ((1, 3, 4), torch.tensor([[0, -1, 0, 0]]), ValueError, "-1 to 0"),
        ((1, 3, 4), torch.tensor([[0, 2**32 + 1, 0, 0]]), ValueError, "0 to 4.29"),
        ((1, 1, 4), torch.tensor([[0, 2.0, 0, 0]]), ValueError, r"0\.\.1 for 1.*got 0 to 2"),
        ((1, 1, 4), torch.tensor([[0, -0.5, 0, 0]]), ValueError, r"got -0\.5 to 0"),
        ((1, 1, 4), torch.tensor([[0, math.nan, 0, 0]]), ValueError, "got nan"),
        ((1, 1, 4), torch.tensor([[0, math.inf, 0, 0]]), ValueError, "got 0 to inf"),
    ],
)
def test_errors(shape, target, error, message, dtype):
    with pytest.raises(error, match=message):
        overlap_sums(torch.zeros(shape, dtype=dtype), target)


@pytest.mark.parametrize("classes", [1, 2, 3])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 1500, 2999])
def test_logits_that_are_not_finite(classes, bad, place):
    z, t = drawn(2, classes, 3000)
    z[1, -1, place] = bad
    with pytest.raises(ValueError, match=f"finite, got 1 NaN or infinite of {z.numel()}"):
        overlap_sums(z, t)


def test_refusals():
    with pytest.raises(TypeError, match="logits must be floating point, got torch.int64"):
        overlap_sums(torch.zeros(1, 1, 2).long(), torch.zeros(1, 2))
    with pytest.raises(ValueError, match="fractions or NaN: soft labels"):
        overlap_sums(torch.zeros(1, 1, 2), torch.full((1, 2), 0.5), soft_labels=False)
    with pytest.raises(ValueError, match="fractions or NaN: soft labels"):
        overlap_sums(torch.zeros(1, 3, 2), torch.full((1, 2), 0.5), soft_labels=False)
    # Large scores whose sum overflows are finite all the same.
    sums = overlap_sums(torch.full((1, 1, 4), 3e38), torch.ones(1, 4), ce_background=False)
    assert sums.both.item() == 4
