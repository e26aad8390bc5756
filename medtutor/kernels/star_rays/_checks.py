"""What the star-shape terms take, said in words when it is something else."""

from __future__ import annotations

import torch
from torch import Tensor


def checked(
    prob: Tensor, centre: Tensor, target: Tensor | None, *, between_pixels: bool = False
) -> tuple[Tensor, Tensor, Tensor | None]:
    """The arguments as (B, H, W), (B, 2) and (B, H, W) or None.

    Raises:
        TypeError: wrong dtype.
        ValueError: wrong shape.
    """
    if not prob.is_floating_point():
        raise TypeError(
            f"prob must be floating: probabilities, after the sigmoid; got {prob.dtype}")
    if prob.ndim == 4 and prob.shape[1] == 1:
        prob = prob.squeeze(1)
    if prob.ndim != 3:
        raise ValueError(
            f"prob must be (B, H, W) or (B, 1, H, W), one foreground; got {tuple(prob.shape)}: "
            "select the class, or unsqueeze(0) for one image")
    if prob.numel() == 0 and len(prob) > 0:
        raise ValueError(f"the images of prob are empty: {tuple(prob.shape)}")
    if tuple(centre.shape) != (len(prob), 2):
        raise ValueError(
            f"centre must be ({len(prob)}, 2), row and column of each image; "
            f"got {tuple(centre.shape)}")
    if centre.dtype == torch.bool or centre.is_complex() or (
            centre.is_floating_point() and not between_pixels):
        raise TypeError(
            f"centre must be {'numbers' if between_pixels else 'integer pixels'}; "
            f"got {centre.dtype}{'' if between_pixels else ': .floor().long(), as the paper does'}")
    if target is not None:
        if target.is_floating_point() or target.is_complex():
            raise TypeError(f"target must be bool or integer labels; got {target.dtype}: "
                            "resize masks with nearest neighbour, then .bool()")
        if target.ndim == 4 and target.shape[1] == 1:
            target = target.squeeze(1)
        if target.shape != prob.shape:
            raise ValueError(
                f"target must be {tuple(prob.shape)}, as prob; got {tuple(target.shape)}")
    return prob, centre, target


def check_values(prob: Tensor, centre: Tensor, target: Tensor | None) -> None:
    """Refuse a centre outside the image and labels other than 0 and 1.

    On a GPU the device looks, and nothing waits for it: a failure is reported by a later call.

    Raises:
        ValueError: one or the other.
    """
    if len(prob) == 0:
        return
    last = torch.tensor(prob.shape[1:], device="cpu") - 1
    last = last.to(centre.device, non_blocking=True)
    inside = ((centre >= 0) & (centre <= last)).all()      # False for NaN, too
    ask = "no centre exists for an empty mask: leave the image out"
    _refuse(~inside, f"centre must lie within the image, {tuple(prob.shape[1:])} pixels; {ask}",
            centre)
    if target is not None and target.dtype != torch.bool:
        least, most = torch.aminmax(target)
        _refuse((least < 0) | (most > 1),
                "target must hold only the labels 0 and 1: compare with the class, "
                "target == label", target)


def _refuse(wrong: Tensor, message: str, seen: Tensor) -> None:
    if wrong.device.type == "cuda":
        torch._assert_async(~wrong, message)
    elif wrong:
        values = seen.tolist() if seen.numel() <= 64 else seen.unique()[:8].tolist()
        raise ValueError(f"{message}; got {values}")
