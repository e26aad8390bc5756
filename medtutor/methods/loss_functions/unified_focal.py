"""Asymmetric unified focal loss: one family that holds Dice, Tversky and cross entropy losses.

Yeung et al., "Unified Focal loss: Generalising Dice and cross entropy-based losses to handle class
imbalanced medical image segmentation", Computerized Medical Imaging and Graphics 95 (2022) 102026.
"""

from __future__ import annotations

import torch
from torch import Tensor

from medtutor.methods.loss_functions.inputs import checked_logits, one_hot, one_vs_rest


def unified_focal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    region_weight: float = 0.5,
    fn_weight: float = 0.6,
    gamma: float = 0.5,
    smooth: float = 1e-7,
) -> Tensor:
    """Asymmetric unified focal loss from logits (Yeung et al., 2022).

    With the background as class 0, probabilities p_k and truth t_k, over N voxels:

        F = -(1/N) sum [ fn_weight sum_{k>0} t_k ln p_k
                         + (1 - fn_weight) (1 - p_0)^gamma t_0 ln p_0 ]
        E_k = fn_weight FN_k + (1 - fn_weight) FP_k,   V_k = E_k / (TP_k + E_k)
        T = mean of V_0 and of V_k^(1 - gamma), k > 0, over the classes and images
        L = (1 - region_weight) F + region_weight T

    Easy background is suppressed (a power of its error), small foreground error is enhanced (a
    root), hence asymmetric. Limits: `gamma` 0, `fn_weight` 1/2 and `region_weight` 1 is the soft
    Dice loss with the background as a class.

    Departures: logarithms come from the logits, nothing is clipped; one channel is read as the
    foreground of two classes. The paper writes delta for `fn_weight`, and its lambda weighs F.

    Args:
        logits: (B, 1, *S) for sigmoid or (B, K, *S) for softmax, finite.
        target: (B, *S), 0 or 1 for one channel, else the class in [0, K) with 0 the background.
        region_weight: in [0, 1], share of the Tversky part T.
        fn_weight: in [0, 1], weight of missed foreground against false alarms.
        gamma: in [0, 1), strength of suppression and enhancement.
        smooth: above 0, keeps the ratio of an empty class finite.

    Returns:
        Scalar in float32, or float64 for float64 logits.
    """
    for name, value in (("region_weight", region_weight), ("fn_weight", fn_weight)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must be in [0, 1], got {value}")
    if not 0 <= gamma < 1:
        raise ValueError(f"gamma must be in [0, 1), got {gamma}")
    if not 0 < smooth < float("inf"):
        raise ValueError(f"smooth must be above 0 and finite, got {smooth}")
    z = checked_logits(logits, target)
    if z.shape[1] == 1:
        z = torch.cat([torch.zeros_like(z), z], 1)  # (B, 2, *S)
    truth = one_hot(target, z.shape[1], background=True).to(z.dtype)  # (B, K, *S)
    log_p = z.log_softmax(1)  # (B, K, *S)

    # A power of 1 - p_0 in the logarithm: its slope stays finite where p_0 is 1.
    log_error = torch.nn.functional.logsigmoid(-one_vs_rest(z, background=True)[:, 0])
    suppressed = (1 - fn_weight) * (gamma * log_error).exp() * truth[:, 0] * log_p[:, 0]
    enhanced = fn_weight * (truth[:, 1:] * log_p[:, 1:]).sum(1)  # (B, *S)
    focal = -(suppressed + enhanced).mean()

    p, space = log_p.exp(), tuple(range(2, z.ndim))
    hit = (p * truth).sum(space)  # (B, K)
    missed = truth.sum(space) - hit
    false_alarm = p.sum(space) - hit
    error = (fn_weight * missed + (1 - fn_weight) * false_alarm).clamp_min(smooth * 1e-3)
    share = error / (hit + error + smooth)  # (B, K)
    background, foreground = share[:, :1], share[:, 1:].pow(1 - gamma)
    tversky = torch.cat([background, foreground], 1).mean()
    return (1 - region_weight) * focal + region_weight * tversky
