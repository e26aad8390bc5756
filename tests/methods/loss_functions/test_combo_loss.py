"""Combo loss: worked by hand on four voxels, against plain loops, and each knob alone."""

import math
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from medtutor.methods.loss_functions.combo_loss import (
    combo_loss,
    combo_loss_clipped,
    constant_optimum,
    printed_typo_combo_loss,
    released_sign_combo_loss,
)

# Four voxels: p = .8 .6 .3 .1, truth 1 0 1 0. In all tests below:
#   sum p t = .8 + .3 = 1.1,  sum p = 1.8,  sum t = 2
#   D = (2.2 + 1) / (1.8 + 2 + 1) = 3.2 / 4.8 = 2/3
#   W (both weights 1/2) = -(1/4) [ .5 ln .8 + .5 ln .4 + .5 ln .3 + .5 ln .9 ] = -(1/8) ln .0864
P = torch.tensor([0.8, 0.6, 0.3, 0.1], dtype=torch.float64)
Z = P.logit().view(1, 1, 2, 2)
T = torch.tensor([1, 0, 1, 0]).view(1, 2, 2)
DICE = 2 / 3
CE = -math.log(0.8 * 0.4 * 0.3 * 0.9) / 8  # .306096


def by_loops(prob, truth, ce_weight, fn_weight, smooth, over):
    """The three formulas, written out voxel by voxel. prob, truth: (B, C, N) lists."""
    prob, truth = np.asarray(prob), np.asarray(truth)
    images, classes, voxels = prob.shape
    total = 0.0
    for c in range(classes):
        w = 0.0
        for b in range(images):
            for i in range(voxels):
                p, t = prob[b, c, i], truth[b, c, i]
                w -= fn_weight * t * math.log(p) + (1 - fn_weight) * (1 - t) * math.log(1 - p)
        groups = [list(range(images))] if over == "batch" else [[b] for b in range(images)]
        ratios = []
        for group in groups:
            overlap = sum(prob[b, c, i] * truth[b, c, i] for b in group for i in range(voxels))
            extent = sum(prob[b, c, i] + truth[b, c, i] for b in group for i in range(voxels))
            ratios.append((2 * overlap + smooth) / (extent + smooth))
        total += ce_weight * w / (images * voxels) - (1 - ce_weight) * sum(ratios) / len(ratios)
    return total / classes


@settings(max_examples=25, deadline=None)
@given(
    images=st.integers(1, 3),
    channels=st.integers(1, 4),
    space=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    weights=st.tuples(st.floats(0, 1), st.floats(0.01, 0.99)),
    over=st.sampled_from(["batch", "image"]),
    seed=st.integers(0, 2**20),
)
def test_shape(images, channels, space, weights, over, seed):
    """1D, 2D and 3D, one and several classes: a scalar, equal to the loops."""
    draw = torch.Generator().manual_seed(seed)
    z = torch.randn(images, channels, *space, generator=draw, dtype=torch.float64)
    target = torch.randint(0, max(channels, 2), (images, *space), generator=draw)
    loss = combo_loss(z, target, ce_weight=weights[0], fn_weight=weights[1], over=over)
    if channels == 1:
        prob, truth = z.sigmoid(), target.unsqueeze(1)
    else:
        prob = z.softmax(1)[:, 1:]
        truth = F.one_hot(target, channels).movedim(-1, 1)[:, 1:]
    wanted = by_loops(prob.flatten(2), truth.flatten(2), *weights, 1.0, over)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(wanted, abs=1e-9)


def test_hand_value():
    assert combo_loss(Z, T).item() == pytest.approx(0.5 * CE - 0.5 * DICE, abs=1e-6)
    assert combo_loss(Z, T).item() == pytest.approx(-0.180285, abs=1e-6)
    clipped = combo_loss_clipped(Z.sigmoid(), T.unsqueeze(1))
    assert clipped.item() == pytest.approx(-0.180285, abs=1e-6)


def test_hand_value_of_the_two_slips():
    # released sign: (1/8) [ -ln .8 + ln .4 - ln .3 + ln .9 ] = (1/8) ln(.36 / .24) = (1/8) ln 1.5
    loss = released_sign_combo_loss(P, T.flatten())
    assert loss.item() == pytest.approx(0.5 * math.log(1.5) / 8 - 0.5 * DICE, abs=1e-9)
    # typo: -(1/8) [ sum (t - ln p) + ln .4 + ln .9 ] = -(1/8) [ 2 - ln .0144 + ln .36 ]
    loss = printed_typo_combo_loss(P, T.flatten())
    wanted = -(2 - math.log(0.0144) + math.log(0.36)) / 8
    assert loss.item() == pytest.approx(0.5 * wanted - 0.5 * DICE, abs=1e-9)


def test_limits():
    # ce_weight 0 is minus soft Dice, ce_weight 1 with fn_weight 1/2 is half of cross entropy
    assert combo_loss(Z, T, ce_weight=0).item() == pytest.approx(-DICE, abs=1e-12)
    half = F.binary_cross_entropy_with_logits(Z, T.unsqueeze(1).double()) / 2
    assert combo_loss(Z, T, ce_weight=1).item() == pytest.approx(half.item(), abs=1e-12)
    # a perfect prediction reaches the smallest value, -(1 - ce_weight)
    sure = (T.unsqueeze(1) * 2.0 - 1) * 40
    assert combo_loss(sure, T, ce_weight=0.3).item() == pytest.approx(-0.7, abs=1e-6)


def test_logits_equal_clipped_form():
    p = torch.linspace(1e-4, 1 - 1e-4, 400, dtype=torch.float64).view(1, 1, 20, 20)
    target = (torch.arange(400) % 3 == 0).long().view(1, 20, 20)
    for fn_weight in (0.2, 0.5, 0.9):
        ours = combo_loss(p.logit(), target, fn_weight=fn_weight)
        theirs = combo_loss_clipped(p, target.unsqueeze(1), fn_weight=fn_weight)
        assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)


def test_each_knob():
    # ce_weight .8: .8 W - .2 D
    assert combo_loss(Z, T, ce_weight=0.8).item() == pytest.approx(0.8 * CE - 0.2 * DICE)
    # fn_weight .8: W = -(1/4) [ .8 ln(.8 * .3) + .2 ln(.4 * .9) ] = .336506: misses cost more here
    up = combo_loss(Z, T, ce_weight=1, fn_weight=0.8).item()
    assert up == pytest.approx(0.336506, abs=1e-6)
    # fn_weight .2: W = -(1/4) [ .2 ln .24 + .8 ln .36 ] = .275686
    down = combo_loss(Z, T, ce_weight=1, fn_weight=0.2).item()
    assert down == pytest.approx(0.275686, abs=1e-6)
    assert down < CE < up
    # smooth 2: D = 4.2 / 5.8
    assert combo_loss(Z, T, ce_weight=0, smooth=2).item() == pytest.approx(-4.2 / 5.8)
    # over: as two images of two voxels, D = (2.6 / 3.4 + 1.6 / 2.4) / 2
    z, t = P.logit().view(2, 1, 2), T.view(2, 2)
    per_image = combo_loss(z, t, ce_weight=0, over="image").item()
    assert per_image == pytest.approx(-(2.6 / 3.4 + 1.6 / 2.4) / 2)
    assert combo_loss(z, t, ce_weight=0, over="batch").item() == pytest.approx(-DICE)
    # classes: the sum of two foreground classes is twice their mean
    z = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    t = torch.arange(8).view(2, 4) % 3
    assert combo_loss(z, t, classes="sum").item() == pytest.approx(2 * combo_loss(z, t).item())


def test_softmax_of_two_classes_is_sigmoid_of_the_difference():
    two = torch.cat([torch.zeros_like(Z), Z], 1)
    assert combo_loss(two, T, fn_weight=0.8).item() == pytest.approx(
        combo_loss(Z, T, fn_weight=0.8).item(), abs=1e-12
    )


def test_one_weight_on_both_softmax_channels_cancels():
    two = torch.cat([torch.zeros_like(Z), Z], 1)
    losses = [
        combo_loss(two, T, ce_weight=1, fn_weight=w, background=True).item() for w in (0.1, 0.5)
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-12)
    assert losses[0] == pytest.approx(CE, abs=1e-12)


def test_gradient():
    draw = torch.Generator().manual_seed(1)
    target = torch.randint(0, 3, (2, 3, 2), generator=draw)
    for channels, truth in ((1, target.clamp(max=1)), (3, target)):
        z = torch.randn(2, channels, 3, 2, generator=draw, dtype=torch.float64, requires_grad=True)
        for over in ("batch", "image"):
            assert torch.autograd.gradcheck(
                lambda x, y=truth, o=over: combo_loss(x, y, fn_weight=0.7, over=o), z
            )


def test_gradient_formula():
    # dW/dz = -(1/N) [ fn_weight t (1 - p) - (1 - fn_weight) (1 - t) p ], here fn_weight .7, N = 4
    z = Z.clone().requires_grad_()
    combo_loss(z, T, ce_weight=1, fn_weight=0.7).backward()
    t = T.flatten().double()
    wanted = -(0.7 * t * (1 - P) - 0.3 * (1 - t) * P) / 4
    torch.testing.assert_close(z.grad.flatten(), wanted)
    # dD/dp = ( 2 t (sum p + sum t + S) - (2 sum p t + S) ) / (sum p + sum t + S)^2
    #       = ( 2 t 4.8 - 3.2 ) / 4.8^2, and dp/dz = p (1 - p)
    z = Z.clone().requires_grad_()
    combo_loss(z, T, ce_weight=0).backward()
    wanted = -(2 * t * 4.8 - 3.2) / 4.8**2 * P * (1 - P)
    torch.testing.assert_close(z.grad.flatten(), wanted)


def test_gradient_survives_where_clipping_kills_it():
    z = torch.full((1, 1, 4), -30.0, requires_grad=True)  # p = 1e-13, and all is foreground
    target = torch.ones(1, 4, dtype=torch.long)
    combo_loss(z, target, ce_weight=1).backward()
    torch.testing.assert_close(z.grad, torch.full_like(z, -0.5 / 4))
    z = torch.full((1, 1, 4), -30.0, requires_grad=True)
    combo_loss_clipped(z.sigmoid(), target.unsqueeze(1), ce_weight=1).backward()
    assert z.grad.abs().max() == 0


@pytest.mark.parametrize(
    ("fraction", "fn_weight", "wanted"), [(0.02, 0.5, 0.02), (0.02, 0.98, 0.5)]
)
def test_constant_predictor(fraction, fn_weight, wanted):
    """W of a constant p is smallest at q = b f / (b f + (1 - b) (1 - f)): .0196 / (2 * .0196)."""
    assert constant_optimum(fraction, fn_weight) == pytest.approx(wanted)
    target = (torch.arange(100) < 100 * fraction).long().view(1, 10, 10)
    q = torch.linspace(0.001, 0.999, 999, dtype=torch.float64)
    losses = [
        combo_loss(x.expand(1, 1, 10, 10), target, ce_weight=1, fn_weight=fn_weight).item()
        for x in q.logit()
    ]
    assert q[int(np.argmin(losses))].item() == pytest.approx(wanted, abs=0.0011)


def test_the_slips_reward_painting():
    """The sign slip likes all-foreground better than the truth; the typo likes all-background."""
    truth = T.flatten()
    full, empty, right = torch.ones(4), torch.zeros(4), truth.float()
    sign, typo, repaired = (
        [loss(p, truth).item() for p in (full, empty, right)]
        for loss in (released_sign_combo_loss, printed_typo_combo_loss, combo_loss_clipped)
    )
    assert sign[0] < sign[2]
    assert typo[1] < typo[2]
    assert min(repaired) == repaired[2]


def test_empty_target():
    # D = 1 / (4 * .5 + 0 + 1) = 1/3; predicted empty it is 1, and the gradient stays finite
    target = torch.zeros(1, 2, 2, dtype=torch.long)
    z = torch.zeros(1, 1, 2, 2, requires_grad=True)
    loss = combo_loss(z, target, ce_weight=0)
    loss.backward()
    assert loss.item() == pytest.approx(-1 / 3)
    assert torch.isfinite(z.grad).all() and z.grad.min() > 0
    assert combo_loss(z.detach() - 40, target, ce_weight=0).item() == pytest.approx(-1)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    """90,000 voxels of p = 1/2 sum to 45,000 each; a float16 sum beyond 65,504 is infinite."""
    z = torch.zeros(1, 1, 300, 300, dtype=dtype, requires_grad=True)
    target = torch.ones(1, 300, 300, dtype=torch.long)
    loss = combo_loss(z, target)
    loss.backward()
    # D = (90,000 + 1) / (45,000 + 90,000 + 1), W = .5 ln 2
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(0.25 * math.log(2) - 0.5 * 90_001 / 135_001, abs=1e-5)
    assert z.grad.dtype == dtype and torch.isfinite(z.grad).all()


def test_errors():
    for name, value in (("ce_weight", 1.5), ("fn_weight", -0.1), ("fn_weight", math.nan)):
        with pytest.raises(ValueError, match=rf"{name} must be in \[0, 1\], got {value}"):
            combo_loss(Z, T, **{name: value})
    for smooth in (0, -1, math.inf):
        with pytest.raises(ValueError, match="smooth must be above 0"):
            combo_loss(Z, T, smooth=smooth)
    with pytest.raises(ValueError, match="over must be one of batch, image; got 'patient'"):
        combo_loss(Z, T, over="patient")
    with pytest.raises(ValueError, match="classes must be one of mean, sum"):
        combo_loss(Z, T, classes="max")
    with pytest.raises(ValueError, match=r"fraction must be in \(0, 1\)"):
        constant_optimum(0.0, 0.5)


def test_errors_of_the_clipped_form():
    t = T.flatten()
    with pytest.raises(ValueError, match="got -2 to 3: logits"):
        combo_loss_clipped(torch.tensor([-2.0, 3, 0, 1]), t)
    with pytest.raises(ValueError, match="got nan to nan"):
        combo_loss_clipped(torch.tensor([math.nan, 0.5, 0, 1]), t)
    with pytest.raises(ValueError, match="one shape"):
        combo_loss_clipped(P.view(1, 4), t)
    with pytest.raises(ValueError, match="target must be 0 or 1"):
        combo_loss_clipped(P, t * 2)
    # 1 - 1e-9 is 1 in float32, and ln 0 is infinite; in float64 it is a number like any other
    with pytest.raises(ValueError, match=r"1 - eps rounds to 1 in torch.float32"):
        combo_loss_clipped(P.float(), t, eps=1e-9)
    assert combo_loss_clipped(P, t, eps=1e-9).isfinite()


@pytest.mark.parametrize(("fn_weight", "what"), [(0, "a miss"), (1, "a false alarm")])
def test_warns_when_one_error_is_free(fn_weight, what):
    with pytest.warns(UserWarning, match=f"{what} costs nothing"):
        combo_loss(Z, T, fn_weight=fn_weight)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        combo_loss(Z, T, fn_weight=0.01)
