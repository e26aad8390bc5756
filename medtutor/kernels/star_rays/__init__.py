r"""How far a map of probabilities is from star-shaped, with its gradient.

An object is star-shaped about a centre c when with each of its pixels p it holds every pixel q on
the segment from p to c (Veksler, 2008). With probabilities s, a sum over pixels and over the
pixels between each of them and the centre is a penalty for what is not:

    L = Σ_p  Σ_{q between p and c}  B_pq |y_p - s_p| |s_p - s_q|      (published star-shape loss)
    L = Σ_p  Σ_{q between p and c}  |s_p - s_q|                       (without a target)

y is the true label (0 or 1) and B_pq is 1 where y_p = y_q: a jump is free where the truth jumps,
and a pixel that is right costs nothing. `one_sided` counts max(0, s_p - s_q) instead of
|s_p - s_q|: only what rises away from the centre, so that a mask that is
star-shaped along these lines costs nothing.

**The line on the pixel grid.** With d = p - c and n = max(|d_row|, |d_column|), the pixels between
p and c are, for k = 0 .. n-1, counted from the centre,

    q_k = c + sign(d) floor((2 k |d| + n) / (2 n)),       each axis by itself,

that is: one pixel a step along the longer axis, and the nearest pixel along the other, halves away
from the centre. The centre counts (k = 0), p does not, and the centre itself has no pairs. The rule
is the same in all eight octants, so L does not change when image and centre are turned by 90
degrees or mirrored. `reach=m` keeps the m pixels nearest to p, which are k = n-m .. n-1.

| function | sums over | pairs of a 256 x 256 image |
|---|---|---|
| `star_line` | every pixel, every pixel between it and the centre | 5.6 million |
| `star_polar` | the same integral, by samples on rays | 4.2 million (512 rays x 128 radii) |
| `star_neighbour` | every pixel, the next pixel towards the centre | 65 thousand |

Gradient, with e_p = |y_p - s_p| (1 without a target) and σ = sign(s_p - s_q), 0 in a tie:

    ∂L/∂s_p  gets  Σ_q B_pq (e_p σ + sign(s_p - y_p) |s_p - s_q|),    ∂L/∂s_q  gets  -e_p B_pq σ.

At least these bytes move: s read, gradient written, both read and the result written by the
backward pass, 16 a pixel, one more for the label. The line form is bound by its differences, 90 a
pixel at 256 x 256.

Source: Mirikharaji and Hamarneh, Star shape prior in fully convolutional networks for skin lesion
segmentation, MICCAI 2018; Veksler, Star shape prior for graph-cut image segmentation, ECCV 2008.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .. import dispatch
from . import _op
from ._checks import check_values, checked

__all__ = [
    "star_line", "star_line_reference", "star_neighbour", "star_neighbour_reference",
    "star_polar", "star_polar_reference",
]


def star_line_reference(
    prob: Tensor,
    centre: Tensor,
    target: Tensor | None = None,
    *,
    reach: int | None = None,
    one_sided: bool = False,
) -> Tensor:
    """`star_line` in plain torch: one gather a step along all lines at once. (B, H, W) -> (B,)."""
    prob = _at_least_float32(prob)
    row = torch.arange(prob.shape[1], device=prob.device).view(1, -1, 1)
    column = torch.arange(prob.shape[2], device=prob.device).view(1, 1, -1)
    centre_row, centre_column = (axis.long().view(-1, 1, 1) for axis in centre.unbind(1))
    down, right = row - centre_row, column - centre_column       # p - c: (B, H, 1), (B, 1, W)
    steps = torch.maximum(down.abs(), right.abs())               # n: (B, H, W)
    longest = int(steps.max()) if steps.numel() else 0

    pairs = torch.zeros_like(prob)                               # Σ_q for each p: (B, H, W)
    for j in range(1, min(longest, reach or longest) + 1):       # the j-th pixel from p
        k = steps - j
        there = k >= 0                                           # not past the centre
        twice = 2 * steps.clamp(min=1)
        q_row = centre_row + down.sign() * ((2 * k * down.abs() + steps) // twice)
        q_column = centre_column + right.sign() * ((2 * k * right.abs() + steps) // twice)
        q = torch.where(there, q_row * prob.shape[2] + q_column, 0).flatten(1)
        difference = prob - prob.flatten(1).gather(1, q).view_as(prob)
        if target is not None:
            there = there & (target == target.flatten(1).gather(1, q).view_as(target))
        pairs = pairs + torch.where(there, _penalty(difference, one_sided), 0)
    return (_wrong(prob, target) * pairs).sum((1, 2))


def star_neighbour_reference(
    prob: Tensor, centre: Tensor, target: Tensor | None = None, *, one_sided: bool = True
) -> Tensor:
    """`star_neighbour` in plain torch: the first step of the line. (B, H, W) -> (B,)."""
    return star_line_reference(prob, centre, target, reach=1, one_sided=one_sided)


def star_polar_reference(
    prob: Tensor,
    centre: Tensor,
    target: Tensor | None = None,
    *,
    rays: int = 512,
    radii: int = 128,
    one_sided: bool = False,
) -> Tensor:
    """`star_polar` in plain torch: sample the rays, then compare along each. (B, H, W) -> (B,)."""
    prob = _at_least_float32(prob)
    height, width = prob.shape[1:]
    directions, density = _op.ray_directions(rays, prob.device)
    down, right = directions.unbind(1)                           # (A,)
    row, column = (axis.to(directions).view(-1, 1) for axis in centre.unbind(1))     # (B, 1)
    length = torch.minimum(                                      # to the image's edge: (B, A)
        torch.where(down > 0, height - 0.5 - row, row + 0.5) / down.abs(),
        torch.where(right > 0, width - 0.5 - column, column + 0.5) / right.abs())
    step = (length / radii).unsqueeze(2)                         # Δ: (B, A, 1)
    radius = (torch.arange(radii, device=prob.device) + 0.5) * step            # r: (B, A, R)
    y = row.unsqueeze(2) + radius * down.view(1, -1, 1)          # (B, A, R)
    x = column.unsqueeze(2) + radius * right.view(1, -1, 1)
    sample = _bilinear(prob, y, x)
    weight = (density.view(1, -1, 1) * (2 * math.pi / rays) * step**2 * radius).to(sample)
    label = None if target is None else _nearest(target, y, x)

    pairs = [torch.zeros_like(sample[..., 0])]                   # Σ_q for each p = sample i
    for i in range(1, radii):
        penalty = _penalty(sample[..., i, None] - sample[..., :i], one_sided)  # (B, A, i)
        if label is not None:
            penalty = torch.where(label[..., i, None] == label[..., :i], penalty, 0)
        pairs.append(penalty.sum(2))
    return (weight * _wrong(sample, label) * torch.stack(pairs, 2)).sum((1, 2))


def _at_least_float32(prob: Tensor) -> Tensor:
    """Half precision would overflow in the sums."""
    return prob.float() if prob.dtype in (torch.float16, torch.bfloat16) else prob


def _penalty(difference: Tensor, one_sided: bool) -> Tensor:
    return difference.relu() if one_sided else difference.abs()


def _wrong(prob: Tensor, target: Tensor | None) -> Tensor:
    """The factor e = |y - s|, or 1 without a target."""
    return torch.ones_like(prob) if target is None else (target.to(prob) - prob).abs()


def _nearest(image: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """`image` (B, H, W) at the pixels nearest to y, x (B, ...), those outside moved to the edge."""
    height, width = image.shape[1:]
    row = (y + 0.5).floor().long().clamp(0, height - 1)
    column = (x + 0.5).floor().long().clamp(0, width - 1)
    return image.flatten(1).gather(1, (row * width + column).flatten(1)).view_as(y)


def _bilinear(image: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """`image` (B, H, W) between the four pixels around y, x (B, ...), moved to the edge."""
    height, width = image.shape[1:]
    y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    top, left = y.floor(), x.floor()
    fy, fx = (y - top).to(image), (x - left).to(image)
    bottom, right = (top + 1).clamp(max=height - 1), (left + 1).clamp(max=width - 1)
    above = _nearest(image, top, left) * (1 - fx) + _nearest(image, top, right) * fx
    below = _nearest(image, bottom, left) * (1 - fx) + _nearest(image, bottom, right) * fx
    return above * (1 - fy) + below * fy


def star_line(
    prob: Tensor,
    centre: Tensor,
    target: Tensor | None = None,
    *,
    reach: int | None = None,
    one_sided: bool = False,
) -> Tensor:
    """The star-shape loss on the pixel grid, exactly: every pixel against all between it and c.

        L = Σ_p Σ_{q between p and c} B_pq |y_p - s_p| |s_p - s_q|

    The module says which pixels lie between p and c. Limits: 0 for a constant map, and for a map
    equal to a target that is star-shaped about c. The centre takes no gradient, nor does the
    target, and there is no second derivative. Where s_p = s_q, or s_p = y_p, that absolute value
    has gradient 0. A NaN makes its own image's L NaN, unless B leaves it out; its image's gradient
    is then of no use.

    Departure from the paper's released code: that sums the differences before it takes the
    absolute value, gates by pixel instead of by pair, has eight directions, and takes the mean over
    the pixels. Divide by H W for the mean.

    Args:
        prob: s, (B, H, W) or (B, 1, H, W), probabilities; not looked at, any number will do.
        centre: c, (B, 2), row and column, integer pixels within the image.
        target: y, the shape of `prob`, bool or integer in {0, 1}; None leaves out B and |y - s|.
        reach: compare each pixel with this many pixels nearest to it, at least 1; None: with all.
        one_sided: max(0, s_p - s_q) in place of |s_p - s_q|.

    Returns:
        (B,), sum of each image; float32 for half precision. The gradient is kept until the backward
        pass. On the CPU about four times the memory of a batch of such images is needed, on a GPU
        about twenty times (`star_polar` and `star_neighbour`: three times).

    Raises:
        TypeError: wrong dtype of any argument.
        ValueError: wrong shape, a centre outside the image, labels other than 0 and 1, reach < 1;
            values of tensors on a GPU are looked at there, and end the program's use of it.

    Source: Mirikharaji and Hamarneh, MICCAI 2018.
    """
    prob, centre, target = checked(prob, centre, target)
    if reach is not None and reach < 1:
        raise ValueError(f"reach must be at least 1 pixel, or None for all; got {reach}")
    if _has_fast_form(prob, centre, target):
        return _op.star_line(prob, centre, target, reach or 0, one_sided)[0]
    check_values(prob, centre, target)
    return star_line_reference(prob, centre, target, reach=reach, one_sided=one_sided)


def star_neighbour(
    prob: Tensor, centre: Tensor, target: Tensor | None = None, *, one_sided: bool = True
) -> Tensor:
    """Each pixel against the next one towards the centre: `star_line` with a reach of 1.

        L = Σ_p max(0, s_p - s_q),   q the last pixel before p on the line from c to p

    For a mask this counts the pairs that break Veksler's constraint "p in the object, then q in the
    object", and is 0 exactly when each pixel's chain of next pixels stays in the object; so it is
    for a disk about c. A chain is not the segment, since each pixel finds its own next one among 8:
    from p - c = (100, 60) it runs diagonally to (80, 40), where the segment is at (80, 48). A spoke
    thinner than that is star-shaped and yet costs. Arguments, limits and errors: `star_line`.

    Source: Veksler, ECCV 2008, as a penalty.
    """
    prob, centre, target = checked(prob, centre, target)
    if _has_fast_form(prob, centre, target):
        return _op.star_neighbour(prob, centre, target, one_sided)[0]
    check_values(prob, centre, target)
    return star_neighbour_reference(prob, centre, target, one_sided=one_sided)


def star_polar(
    prob: Tensor,
    centre: Tensor,
    target: Tensor | None = None,
    *,
    rays: int = 512,
    radii: int = 128,
    one_sided: bool = False,
) -> Tensor:
    """`star_line` as an integral, by samples on rays from the centre, which may lie between pixels.

        L = ΣΣ_i w_i Σ_{j<i} B_ij |y_i - s_i| |s_i - s_j|,   w_i = m(θ) r_i Δθ Δ²

    over rays at angles θ = (a + 1/2) Δθ, Δθ = 2π / rays, each with samples at r_i = (i + 1/2) Δ up
    to the edge of the image, Δ its length / radii. r_i Δθ Δ is the area that a sample stands for.
    A length Δ holds m(θ) Δ pixels of `star_line`, which takes one a step along the longer axis:
    m(θ) = max(|sin θ|, |cos θ|). s is sampled bilinearly, y at the nearest pixel, beyond the
    outermost pixel centres both at the edge.

    Not bit-equal to `star_line`: for smooth maps and labels without a target the difference shrinks
    as the image's resolution grows with rays and radii; for noise it does not, since bilinear
    samples are smoother than pixels. Rays and radii should be such that the samples are about a
    pixel apart; 512 x 128 suits 256 x 256. Other limits are those of `star_line`. On a GPU the
    gradient is summed by atomic additions: its last bits may differ from run to run.

    Args:
        prob: s, (B, H, W) or (B, 1, H, W).
        centre: c, (B, 2), row and column, integer or floating, in pixels within the image.
        target: y, the shape of `prob`, bool or integer in {0, 1}; None leaves out B and |y - s|.
        rays: directions, at least 4.
        radii: samples on a ray, at least 2.
        one_sided: max(0, s_p - s_q) in place of |s_p - s_q|.

    Returns:
        (B,), as `star_line`.

    Raises:
        TypeError: wrong dtype of any argument.
        ValueError: wrong shape, a centre outside the image, labels other than 0 and 1, too few
            rays or radii.
    """
    prob, centre, target = checked(prob, centre, target, between_pixels=True)
    if rays < 4 or radii < 2:
        raise ValueError(f"wanted at least 4 rays and 2 radii, got {rays} and {radii}")
    if _has_fast_form(prob, centre, target):
        return _op.star_polar(prob, centre, target, rays, radii, one_sided)[0]
    check_values(prob, centre, target)
    return star_polar_reference(
        prob, centre, target, rays=rays, radii=radii, one_sided=one_sided)


def _has_fast_form(prob: Tensor, centre: Tensor, target: Tensor | None) -> bool:
    together = [prob, centre.long()] + ([] if target is None else [target])
    return dispatch.has_fast_form(*together)
