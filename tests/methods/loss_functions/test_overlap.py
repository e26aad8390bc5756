import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.losses import DiceCELoss, DiceLoss, TverskyLoss

from medtutor.methods.loss_functions.overlap import (
    cross_entropy,
    dice_cross_entropy,
    dice_loss,
    dice_overlap,
    probabilities,
    tversky_overlap,
)


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 3),
    classes=st.integers(1, 4),
    space=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    over_batch=st.booleans(),
)
def test_shape(batch, classes, space, over_batch):
    logits = torch.randn(batch, classes, *space)
    target = torch.randint(0, max(classes, 2), (batch, *space))
    overlap = dice_overlap(probabilities(logits), target, over_batch=over_batch)
    assert overlap.shape == (1 if over_batch else batch, classes)
    assert (overlap > 0).all() and (overlap <= 1 + 1e-6).all()
    for loss in (dice_loss, dice_cross_entropy, cross_entropy):
        assert loss(logits, target).shape == () and loss(logits, target) >= -1e-6


def test_hand_value():
    # Four voxels, p = .8 .6 .4 .2, g = 1 1 0 0: both = 1.4, sum p = 2, sum g = 2.
    prob = torch.tensor([0.8, 0.6, 0.4, 0.2]).reshape(1, 1, 2, 2)
    target = torch.tensor([1, 1, 0, 0]).reshape(1, 2, 2)
    assert dice_overlap(prob, target, smooth=0).item() == pytest.approx(2.8 / 4)
    assert dice_overlap(prob, target, smooth=1).item() == pytest.approx(3.8 / 5)
    # Squared: sum p^2 = .64 + .36 + .16 + .04 = 1.2, so 2.8 / 3.2.
    assert dice_overlap(prob, target, smooth=0, squared=True).item() == pytest.approx(2.8 / 3.2)
    # Tversky: missed = .2 + .4 = .6, invented = .4 + .2 = .6; 1.4 / (1.4 + .7*.6 + .3*.6).
    weighted = tversky_overlap(prob, target, fn_weight=0.7, fp_weight=0.3, smooth=0)
    assert weighted.item() == pytest.approx(1.4 / 2.0)
    # Logits of these probabilities: the loss is 1 - .76, cross entropy the mean of
    # -ln .8, -ln .6, -ln .6, -ln .8.
    logits = torch.logit(prob)
    assert dice_loss(logits, target).item() == pytest.approx(0.24)
    entropy = -(math.log(0.8) + math.log(0.6)) / 2
    assert cross_entropy(logits, target).item() == pytest.approx(entropy)
    assert dice_cross_entropy(logits, target).item() == pytest.approx(0.24 + entropy)


def test_hand_value_of_classes():
    # Two voxels, three classes; class 2 is absent. Voxel 0 is class 0, voxel 1 is class 1.
    prob = torch.tensor([[[0.5, 0.25], [0.25, 0.5], [0.25, 0.25]]])  # (1, 3, 2)
    overlap = dice_overlap(prob, torch.tensor([[0, 1]]), smooth=1)
    # Classes 0 and 1: (2 * .5 + 1) / (.75 + 1 + 1); class 2: (0 + 1) / (.5 + 0 + 1).
    assert overlap[0].tolist() == pytest.approx([2 / 2.75, 2 / 2.75, 1 / 1.5])
    logits = prob.log()
    assert dice_loss(logits, torch.tensor([[0, 1]]), background=False).item() == pytest.approx(
        1 - (2 / 2.75 + 1 / 1.5) / 2
    )
    assert cross_entropy(logits, torch.tensor([[0, 1]])).item() == pytest.approx(math.log(2))


def test_limits():
    target = torch.zeros(1, 4, 4, dtype=torch.long)
    target[:, :2] = 1
    perfect = target[:, None].float()
    assert dice_overlap(perfect, target, smooth=0).item() == 1
    assert dice_overlap(1 - perfect, target, smooth=0).item() == 0
    assert tversky_overlap(perfect, target).item() == 1
    empty = torch.zeros_like(target)
    assert dice_overlap(torch.zeros_like(perfect), empty).item() == 1  # empty against empty
    assert dice_overlap(perfect, empty, smooth=1).item() == pytest.approx(1 / 9)  # s / (8 + s)
    # Tversky with a = b = 1/2 is Dice; with a = b = 1 and no smoothing it is Jaccard.
    prob = torch.rand(2, 1, 5, 5)
    mask = (torch.rand(2, 5, 5) > 0.5).long()
    torch.testing.assert_close(tversky_overlap(prob, mask), dice_overlap(prob, mask))
    dice = dice_overlap(prob, mask, smooth=0)
    jaccard = tversky_overlap(prob, mask, fn_weight=1, fp_weight=1, smooth=0)
    torch.testing.assert_close(jaccard, dice / (2 - dice))
    # Very large logits neither overflow nor lose the sign of the loss.
    assert dice_cross_entropy(1e4 * (2 * perfect - 1), target).item() == pytest.approx(0)
    assert torch.isfinite(dice_cross_entropy(-1e4 * (2 * perfect - 1), target))


def test_each_knob():
    # Image A: 1 voxel of g, p = 1 there. Image B: 3 voxels of g, p = 0 everywhere.
    prob, target = torch.zeros(2, 1, 4), torch.zeros(2, 4, dtype=torch.long)
    prob[0, 0, 0], target[0, 0], target[1, :3] = 1, 1, 1
    assert dice_overlap(prob, target, smooth=0).flatten().tolist() == [1, 0]  # mean 1/2
    # over_batch: 2 * 1 / (1 + 4): the large structure outweighs the small one.
    assert dice_overlap(prob, target, smooth=0, over_batch=True).item() == pytest.approx(0.4)
    # More smoothing raises the overlap of a miss: s / (3 + s) = 1/4, then 3/6.
    assert dice_overlap(prob, target, smooth=1)[1].item() == pytest.approx(0.25)
    assert dice_overlap(prob, target, smooth=3)[1].item() == pytest.approx(0.5)
    # A miss costs more under fn_weight, an invention under fp_weight.
    p, g = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[1, 1]])
    assert tversky_overlap(p, g, fn_weight=0.9, smooth=0).item() == pytest.approx(1 / 1.9)
    assert tversky_overlap(p, g, fn_weight=0.1, smooth=0).item() == pytest.approx(1 / 1.1)
    assert tversky_overlap(1 - p, 1 - g, fp_weight=0.9, smooth=0).item() == 0
    logits = torch.randn(2, 1, 4)
    parts = dice_loss(logits, target), cross_entropy(logits, target)
    both = dice_cross_entropy(logits, target, dice_weight=2, ce_weight=0.5)
    torch.testing.assert_close(both, 2 * parts[0] + 0.5 * parts[1])


@pytest.mark.parametrize("space", [(6, 5), (4, 3, 5)])
@pytest.mark.parametrize("over_batch", [False, True])
@pytest.mark.parametrize("squared", [False, True])
def test_equals_monai(space, over_batch, squared):
    logits, target = torch.randn(3, 4, *space), torch.randint(0, 4, (3, *space))
    settings = dict(
        to_onehot_y=True, smooth_nr=1, smooth_dr=1, batch=over_batch, squared_pred=squared
    )
    ours = dict(smooth=1, over_batch=over_batch, squared=squared)
    torch.testing.assert_close(
        dice_loss(logits, target, **ours),
        DiceLoss(softmax=True, **settings)(logits, target[:, None]),
    )
    torch.testing.assert_close(
        dice_loss(logits, target, background=False, **ours),
        DiceLoss(softmax=True, include_background=False, **settings)(logits, target[:, None]),
    )
    torch.testing.assert_close(
        dice_cross_entropy(logits, target, **ours),
        DiceCELoss(softmax=True, **settings)(logits, target[:, None]),
    )
    binary, settings["to_onehot_y"] = target.clamp(max=1), False
    torch.testing.assert_close(
        dice_cross_entropy(logits[:, :1], binary, **ours),
        DiceCELoss(sigmoid=True, **settings)(logits[:, :1], binary[:, None].float()),
    )
    theirs = TverskyLoss(sigmoid=True, alpha=0.3, beta=0.7, smooth_nr=0.5, smooth_dr=0.5)
    overlap = tversky_overlap(
        probabilities(logits[:, :1]), binary, fp_weight=0.3, fn_weight=0.7, smooth=1
    )
    torch.testing.assert_close(1 - overlap.mean(), theirs(logits[:, :1], binary[:, None].float()))


@pytest.mark.parametrize("classes", [1, 3])
def test_gradient(classes):
    logits = torch.randn(2, classes, 3, 2, dtype=torch.float64, requires_grad=True)
    target = torch.randint(0, max(2, classes), (2, 3, 2))
    for loss in (dice_loss, dice_cross_entropy):
        assert torch.autograd.gradcheck(lambda z, f=loss: f(z, target), (logits,))
    # A class that is absent everywhere still has a finite gradient.
    dice_loss(logits, torch.zeros_like(target)).backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    # 90,000 voxels, more than the largest float16 (65,504): the sums are taken in float32.
    logits = torch.full((1, 1, 300, 300), 2.0, dtype=dtype)
    target = torch.ones(1, 300, 300, dtype=torch.long)
    loss = dice_cross_entropy(logits, target)
    p = 1 / (1 + math.exp(-2))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(1 - 2 * p / (p + 1) - math.log(p), abs=1e-4)


def test_soft_and_boolean_targets():
    logits, mask = torch.randn(2, 1, 4, 4), torch.rand(2, 4, 4) > 0.5
    torch.testing.assert_close(
        dice_cross_entropy(logits, mask), dice_cross_entropy(logits, mask.float())
    )
    assert torch.isfinite(dice_cross_entropy(logits, torch.rand(2, 4, 4)))


@pytest.mark.parametrize(
    ("logits", "target", "error", "words"),
    [
        ((2, 1, 4, 4), torch.zeros(2, 1, 4, 4), ValueError, r"\(2, 1, 4, 4\).*squeeze\(1\)"),
        ((2, 3, 4, 4), torch.zeros(2, 4, 5).long(), ValueError, r"\(2, 3, 4, 4\).*\(2, 4, 5\)"),
        ((2, 1, 2), torch.full((2, 2), 255), ValueError, "255"),
        ((2, 3, 2), torch.full((2, 2), 3), ValueError, r"0\.\.2 for 3"),
        ((2, 3, 2), torch.full((2, 2), -1), ValueError, "-1"),
        ((2, 3, 2), torch.zeros(2, 2), TypeError, r"target\.long\(\)"),
        ((2, 3), torch.zeros(2).long(), ValueError, "target must be"),
    ],
)
def test_errors(logits, target, error, words):
    with pytest.raises(error, match=words):
        dice_cross_entropy(torch.zeros(logits), target)
    with pytest.raises(TypeError, match="floating"):
        dice_overlap(torch.zeros(1, 1, 2).long(), torch.zeros(1, 2))
    with pytest.raises(ValueError, match="smooth"):
        dice_overlap(torch.zeros(1, 1, 2), torch.zeros(1, 2), smooth=-1)
    with pytest.raises(ValueError, match="fn_weight"):
        tversky_overlap(torch.zeros(1, 1, 2), torch.zeros(1, 2), fn_weight=-1)
