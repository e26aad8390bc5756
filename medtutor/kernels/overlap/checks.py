"""What belongs together: the shape and type of logits and target, and the values they hold."""

from __future__ import annotations

import torch
from torch import Tensor


def check_form(logits: Tensor, target: Tensor) -> None:
    """Refuse logits that are not (B, K, *S), floating, with a voxel; target that is not (B, *S)."""
    if not logits.is_floating_point():
        raise TypeError(
            f"logits must be floating point, got {logits.dtype}: pass the network's output, "
            "not labels"
        )
    if logits.ndim < 3 or logits.numel() == 0:
        raise ValueError(
            f"logits must be (B, K, *S) with at least one voxel, and target must be (B, *S); got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}: unsqueeze the missing batch or "
            "channel axis?"
        )
    wanted = (logits.shape[0], *logits.shape[2:])
    if tuple(target.shape) != wanted:
        hint = ""
        if target.ndim == logits.ndim and target.shape[1] == 1:
            hint = ": squeeze(1)?"
        elif target.shape == logits.shape:
            hint = ": one-hot? pass argmax(1)"
        raise ValueError(
            f"target must be (B, *S) = {wanted}, as the logits {tuple(logits.shape)} without K; "
            f"got {tuple(target.shape)}{hint}"
        )
    if target.is_complex():
        raise TypeError(f"target must hold labels, real numbers, got {target.dtype}")


def check_values(logits: Tensor, target: Tensor, soft_labels: bool) -> None:
    """Refuse logits that are not finite, and labels that are none; reads both at leisure."""
    check_labels(target, logits.shape[1], soft_labels)
    # One sum tells of NaN and infinity; only then is it worth looking at each value.
    if not torch.isfinite(logits.detach().sum()):
        bad = int((~torch.isfinite(logits)).sum())
        if bad:
            raise ValueError(
                f"logits must be finite, got {bad} NaN or infinite of {logits.numel()}: "
                "lower the learning rate or check the images"
            )


def check_labels(target: Tensor, channels: int, soft_labels: bool = False) -> None:
    """Refuse labels outside [0, K), [0, 2) for one channel, and fractions unless `soft_labels`."""
    classes = max(channels, 2)
    if target.dtype == torch.bool:
        return
    whole = not target.is_floating_point() or bool((target == target.round()).all())
    low, high = (float(v) for v in target.aminmax())
    if soft_labels and channels == 1:
        if not 0 <= low <= high <= 1:
            raise ValueError(
                f"target must lie in 0..1 for 1 channel(s); got {low:g} to {high:g}: a mask stored "
                "as 0 and 255 needs target > 0"
            )
    elif not whole:
        raise ValueError(
            f"target must hold whole numbers in [0, {classes}), got fractions or NaN: "
            "soft labels need a threshold first"
        )
    elif low < 0 or high >= classes:
        raise ValueError(
            f"target must lie in 0..{classes - 1} for {channels} channel(s), whole numbers in "
            f"[0, {classes}), got {low:g} to {high:g}: a mask stored as 0 and 255 needs "
            "target > 0; or a channel too few?"
        )
