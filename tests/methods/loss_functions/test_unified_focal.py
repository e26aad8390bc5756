"""Asymmetric unified focal loss: by hand, against MONAI's two halves, at its limits."""

import math

import pytest
import torch
from monai.losses.unified_focal_loss import (
    AsymmetricFocalLoss,
    AsymmetricFocalTverskyLoss,
    AsymmetricUnifiedFocalLoss,
)

from medtutor.methods.loss_functions.unified_focal import unified_focal_loss

P = torch.tensor([0.8, 0.6, 0.3, 0.1], dtype=torch.float64)
Z = P.logit().view(1, 1, 2, 2)
T = torch.tensor([1, 0, 1, 0]).view(1, 2, 2)


def test_shape():
    for shape in ((2, 1, 5), (2, 1, 4, 4), (1, 3, 3, 3, 3)):
        target = torch.zeros(shape[0], *shape[2:], dtype=torch.long)
        assert unified_focal_loss(torch.zeros(shape), target).shape == ()


def test_hand_value():
    # p = .8 .6 .3 .1, truth 1 0 1 0, fn_weight .6, gamma .5
    # F = -(1/4) [ .6 (ln .8 + ln .3) + .4 (sqrt(.6) ln .4 + sqrt(.1) ln .9) ]
    focal = -0.6 * math.log(0.24) / 4
    focal -= 0.4 * (math.sqrt(0.6) * math.log(0.4) + math.sqrt(0.1) * math.log(0.9)) / 4
    loss = unified_focal_loss(Z, T, region_weight=0)
    assert loss.item() == pytest.approx(focal, abs=1e-9)
    # foreground: TP 1.1, FN .9, FP .7: E = .54 + .28 = .82, V = .82 / 1.92
    # background: TP 1.3, FN .7, FP .9: E = .42 + .36 = .78, V = .78 / 2.08
    region = (math.sqrt(0.82 / 1.92) + 0.78 / 2.08) / 2
    loss = unified_focal_loss(Z, T, region_weight=1)
    assert loss.item() == pytest.approx(region, abs=1e-6)


def test_against_monai():
    """MONAI takes probabilities, and its focal half is a mean over two channels, not a sum."""
    draw = torch.Generator().manual_seed(0)
    z = torch.randn(3, 1, 9, 8, generator=draw, dtype=torch.float64)
    target = (torch.rand(3, 9, 8, generator=draw) < 0.1).long()
    p = torch.cat([1 - z.sigmoid(), z.sigmoid()], 1)
    truth = torch.stack([1 - target, target], 1).double()
    focal = AsymmetricFocalLoss(delta=0.7, gamma=0.4)(p, truth) * 2
    region = AsymmetricFocalTverskyLoss(delta=0.7, gamma=0.4)(p, truth)
    ours = unified_focal_loss(z, target, region_weight=0.3, fn_weight=0.7, gamma=0.4)
    assert ours.item() == pytest.approx((0.7 * focal + 0.3 * region).item(), abs=1e-6)


def test_limits():
    # gamma 0, fn_weight 1/2, region only: 1 - Dice, of background 2.6 / 4.2, foreground 2.2 / 3.8
    loss = unified_focal_loss(Z, T, region_weight=1, fn_weight=0.5, gamma=0)
    assert loss.item() == pytest.approx(1 - (2.6 / 4.2 + 2.2 / 3.8) / 2, abs=1e-6)
    two = torch.cat([torch.zeros_like(Z), Z], 1)
    assert unified_focal_loss(two, T).item() == pytest.approx(unified_focal_loss(Z, T).item())
    sure = (T.unsqueeze(1) * 2.0 - 1) * 40
    assert unified_focal_loss(sure, T).item() == pytest.approx(0, abs=1e-4)


def test_each_knob():
    # a missed voxel costs more, a false alarm less, as fn_weight grows
    miss = torch.tensor([[[-2.0, -9.0]]]), torch.tensor([[1, 0]])
    alarm = torch.tensor([[[9.0, 2.0]]]), torch.tensor([[1, 0]])
    assert unified_focal_loss(*miss, fn_weight=0.9) > unified_focal_loss(*miss, fn_weight=0.5)
    assert unified_focal_loss(*alarm, fn_weight=0.9) < unified_focal_loss(*alarm, fn_weight=0.5)
    # gamma suppresses easy background in the focal half
    easy = torch.full((1, 1, 4), -3.0), torch.zeros(1, 4)
    losses = [unified_focal_loss(*easy, region_weight=0, gamma=g).item() for g in (0.0, 0.5, 0.9)]
    assert losses[0] > losses[1] > losses[2]


def test_gradient():
    draw = torch.Generator().manual_seed(2)
    target = torch.randint(0, 3, (2, 3, 2), generator=draw)
    z = torch.randn(2, 3, 3, 2, generator=draw, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: unified_focal_loss(x, target), z)


@pytest.mark.parametrize("score", [-200.0, 200.0])
@pytest.mark.parametrize("label", [0, 1])
def test_gradient_is_finite_for_sure_predictions(score, label):
    z = torch.full((1, 1, 4, 4), score, requires_grad=True)
    unified_focal_loss(z, torch.full((1, 4, 4), label)).backward()
    assert torch.isfinite(z.grad).all()


@pytest.mark.parametrize(
    "bad", [{"region_weight": 2}, {"fn_weight": -1}, {"gamma": 1}, {"smooth": 0}]
)
def test_errors(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} must be"):
        unified_focal_loss(Z, T, **bad)


def test_monai_takes_probabilities_whatever_its_docstring_says():
    """The chapter warns of it: logits are clipped to [0, 1], not squashed by a sigmoid."""
    monai, truth = AsymmetricUnifiedFocalLoss(), torch.ones(1, 1, 4, 4)
    z = torch.full((1, 1, 4, 4), -2.0, requires_grad=True)
    loss = monai(z, truth)
    loss.backward()
    assert loss.item() == pytest.approx(monai(torch.zeros(1, 1, 4, 4), truth).item())
    assert loss.item() != pytest.approx(monai(z.detach().sigmoid(), truth).item(), abs=0.1)
    assert z.grad.abs().max() == 0
