"""The door of the losses: what is refused, and the one-against-all logits."""

import math

import pytest
import torch

from medtutor.methods.loss_functions.inputs import checked_logits, one_hot, one_vs_rest


def test_shape():
    z = torch.zeros(2, 4, 3, 3, 3)
    assert one_vs_rest(z).shape == (2, 3, 3, 3, 3)
    assert one_vs_rest(z, background=True).shape == z.shape
    assert one_vs_rest(z[:, :1]).shape == (2, 1, 3, 3, 3)
    assert one_hot(torch.zeros(2, 3), 4).shape == (2, 3, 3)
    assert one_hot(torch.zeros(2, 3), 1).shape == (2, 1, 3)


def test_hand_value():
    # three equal scores: p = 1/3, its logit ln(1/2)
    assert one_vs_rest(torch.zeros(1, 3, 1))[0, 0, 0].item() == pytest.approx(-math.log(2))
    assert one_hot(torch.tensor([[0, 2]]), 3).tolist() == [[[False, False], [False, True]]]


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_limits(classes):
    """sigmoid(u) is softmax(z), and u stays exact where softmax has rounded to 1."""
    z = torch.randn(2, classes, 7, generator=torch.Generator().manual_seed(0))
    u = one_vs_rest(z, background=True)
    torch.testing.assert_close(u.sigmoid(), z.softmax(1))
    far = torch.zeros(1, classes, 1)
    far[0, -1] = 200.0  # p = 1 - e^-200: u = 200 - ln(classes - 1)
    assert one_vs_rest(far)[0, -1, 0].item() == pytest.approx(200 - math.log(classes - 1))


def test_gradient():
    z = torch.randn(1, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: one_vs_rest(x, background=True), z)


@pytest.mark.parametrize(
    ("logits", "target", "error", "message"),
    [
        (torch.zeros(2, 1, 4, 4).long(), torch.zeros(2, 4, 4), TypeError, "floating point"),
        (torch.zeros(4, 4), torch.zeros(4, 4), ValueError, r"\(B, K, \*S\).*got \(4, 4\)"),
        (torch.zeros(0, 1, 4), torch.zeros(0, 4), ValueError, "at least one voxel"),
        (torch.zeros(2, 1, 4), torch.zeros(2, 1, 4), ValueError, r"\(2, 4\).*squeeze\(1\)\?"),
        (torch.zeros(2, 3, 4), torch.zeros(2, 3, 4), ValueError, r"one-hot\? pass argmax\(1\)"),
        (torch.zeros(2, 1, 4), torch.zeros(2, 5), ValueError, r"got \(2, 5\)"),
        (torch.zeros(1, 1, 4), torch.full((1, 4), 255), ValueError, "target > 0"),
        (torch.zeros(1, 3, 4), torch.full((1, 4), 3), ValueError, r"\[0, 3\), got 3 to 3"),
        (torch.zeros(1, 1, 4), torch.full((1, 4), -1), ValueError, "got -1 to -1"),
        (torch.zeros(1, 1, 4), torch.full((1, 4), 0.5), ValueError, "soft labels"),
        (torch.zeros(1, 1, 4), torch.full((1, 4), math.nan), ValueError, "fractions or NaN"),
        (torch.full((1, 1, 4), math.nan), torch.zeros(1, 4), ValueError, "4 NaN or infinite of 4"),
        (torch.full((1, 1, 4), math.inf), torch.zeros(1, 4), ValueError, "NaN or infinite"),
    ],
)
def test_errors(logits, target, error, message):
    with pytest.raises(error, match=message):
        checked_logits(logits, target)


def test_accepts_the_label_types_people_have():
    z = torch.zeros(1, 1, 4)
    for target in (torch.ones(1, 4), torch.ones(1, 4, dtype=torch.bool), torch.ones(1, 4).byte()):
        assert checked_logits(z, target) is z


def test_large_finite_logits_pass():
    z = torch.full((1, 1, 4), 3e38)  # their sum overflows float32; none of them is infinite
    assert checked_logits(z, torch.zeros(1, 4)) is z
