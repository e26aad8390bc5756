"""Exercises of chapter 14: predict a value, turn a knob, write the loss."""

import torch

from medtutor.course.exercises import Exercise
from medtutor.methods.loss_functions.combo_loss import combo_loss, released_sign_combo_loss


def smallest_loss():
    return -0.7


def weight_for_threshold(threshold):
    return 1 - threshold


def threshold_itself(threshold):
    return threshold


def odds_of_the_threshold(threshold):
    return threshold / (1 - threshold)


def combo_by_hand(logits, target, ce_weight, fn_weight, smooth):
    return combo_loss(logits, target, ce_weight=ce_weight, fn_weight=fn_weight, smooth=smooth)


def sign_slip(logits, target, ce_weight, fn_weight, smooth):
    weights = {"ce_weight": ce_weight, "fn_weight": fn_weight, "smooth": smooth}
    return released_sign_combo_loss(logits.sigmoid(), target.unsqueeze(1), **weights)


def weights_swapped(logits, target, ce_weight, fn_weight, smooth):
    return combo_by_hand(logits, target, ce_weight, 1 - fn_weight, smooth)


def naive_logarithm(logits, target, ce_weight, fn_weight, smooth):
    p, t = logits.sigmoid(), target.unsqueeze(1).to(logits)
    w = -(fn_weight * t * p.log() + (1 - fn_weight) * (1 - t) * (1 - p).log()).mean()
    d = (2 * (p * t).sum() + smooth) / (p.sum() + t.sum() + smooth)
    return ce_weight * w - (1 - ce_weight) * d


def four_voxels(ce_weight, fn_weight, smooth=1.0):
    """The example of the chapter: p = .8 .6 .3 .1, truth 1 0 1 0."""
    logits = torch.tensor([0.8, 0.6, 0.3, 0.1]).logit().view(1, 1, 2, 2)
    return logits, torch.tensor([[[1, 0], [1, 0]]]), ce_weight, fn_weight, smooth


def very_sure():
    """A missed voxel and a false alarm, both at a logit that sigmoid rounds to 0 and to 1."""
    logits = torch.tensor([[[[-120.0, 120.0, 3.0, -2.0, 0.5, -0.5]]]])
    return logits, torch.tensor([[[1, 0, 1, 0, 1, 0]]]), 0.5, 0.7, 1.0


EXERCISES = [
    Exercise(
        name="smallest_loss",
        kind="read",
        reference=smallest_loss,
        hint="Perfect means W = 0 and D = 1. What does L = ce_weight W - (1 - ce_weight) D leave?",
        mistakes=[0.0, 0.7, -0.3],
    ),
    Exercise(
        name="weight_for_threshold",
        kind="change",
        reference=weight_for_threshold,
        hint="Set constant_optimum(threshold, fn_weight) to 1/2 and solve for fn_weight.",
        mistakes=[threshold_itself, odds_of_the_threshold],
        cases=[(0.5,), (0.1,), (0.8,), (0.02,)],
    ),
    Exercise(
        name="combo_by_hand",
        kind="build",
        reference=combo_by_hand,
        hint="One minus before the whole bracket; ln p is F.logsigmoid(z), which never overflows.",
        mistakes=[sign_slip, weights_swapped, naive_logarithm],
        cases=[
            four_voxels(0.5, 0.5),
            four_voxels(1.0, 0.8),
            four_voxels(0.0, 0.5, 2.0),
            very_sure,
        ],
        tolerance=1e-5,
    ),
]
