"""What a segmentation loss accepts, checked at the door and brought to one form."""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import Tensor

from medtutor.kernels.overlap.checks import check_form, check_values


def checked_logits(logits: Tensor, target: Tensor) -> Tensor:
    """Refuse logits and labels that do not belong together; return the logits ready for summing.

    Half precision becomes float32, because a float16 sum overflows beyond 65504 voxels; float32
    and float64 stay as they are. The checks read both tensors once.

    Args:
        logits: (B, K, *S), finite scores before sigmoid (K = 1) or softmax (K > 1), S 1D to 3D.
        target: (B, *S), class of each voxel: 0 or 1 for K = 1, else a whole number in [0, K).

    Returns:
        (B, K, *S), the logits in float32 or float64.
    """
    check_form(logits, target)
    if logits.dtype in (torch.float16, torch.bfloat16):
        logits = logits.float()
    check_values(logits, target, soft_labels=False)
    return logits


def one_vs_rest(logits: Tensor, *, background: bool = False) -> Tensor:
    """Turn softmax scores into one logit per class, against all other classes together.

        u_k = z_k - ln sum_{j != k} exp(z_j),    so that sigmoid(u_k) = softmax(z)_k

    Both ln p and ln(1 - p) of a softmax channel are then log-sigmoids, exact for any size of z.

    Args:
        logits: (B, K, *S); K = 1 is a sigmoid already and comes back unchanged.
        background: keep channel 0.

    Returns:
        (B, C, *S), with C = 1 for K = 1, K with the background, K - 1 without.
    """
    classes = logits.shape[1]
    if classes == 1:
        return logits
    scores = logits.unbind(1)
    upto = list(accumulate(scores, torch.logaddexp))  # ln of the sum over j <= k
    onward = list(accumulate(scores[::-1], torch.logaddexp))[::-1]  # ln of the sum over j >= k
    between = [torch.logaddexp(upto[k - 1], onward[k + 1]) for k in range(1, classes - 1)]
    rest = [onward[1], *between, upto[-2]]
    first = 0 if background else 1
    return logits[:, first:] - torch.stack(rest[first:], 1)  # (B, C, *S)


def one_hot(target: Tensor, classes: int, *, background: bool = False) -> Tensor:
    """Spread labels (B, *S) over channels in the layout of `one_vs_rest`, as booleans."""
    if classes == 1:
        return (target == 1).unsqueeze(1)  # (B, 1, *S)
    labels = torch.arange(0 if background else 1, classes, device=target.device)
    return target.unsqueeze(1) == labels.view(1, -1, *[1] * (target.ndim - 1))  # (B, C, *S)
