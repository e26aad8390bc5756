"""Pull an image and its label through a displacement: new(x) = old(x + u(x)), in voxels.

The image is interpolated linearly between the 2^d voxels around x + u(x). With w = floor(u) and
t = u - w along each axis, and c over the corners {0, 1}^d:

    new(x) = sum_c  prod_a (t_a if c_a else 1 - t_a)  old(x + w + c)

The label takes the voxel whose offset is w_a + [t_a >= 1/2]: half way counts as the next voxel, so
no new label value can arise. Gradients, for g = d loss / d new:

    d old(y)   = sum over x, c with x + w + c = y of  weight(x, c) g(x)
    d u_a(x)   = g(x) sum_c (+1 if c_a else -1) prod_(b != a) (t_b or 1 - t_b) old(x + w + c)

Where u_a is a whole number the derivative jumps; this is the one towards larger u_a.

`warp` takes u at every voxel; `warp_by_grid` takes it at control points, u = sum_k W_k(x) control_k
with W separable along the axes, and never makes the dense field; `warp_by_modes` takes coefficients
of modes of the control points.

Bytes that must move, n voxels, float32 with a label of one byte: dense 8 n + 2 n + 4 d n (46 MB for
128^3); from control points 8 n + 2 n (21 MB).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor

from ._checks import checked, spline_matrices, takes_fast_form
from .splines import control_weights

__all__ = ["control_weights", "warp", "warp_by_grid", "warp_by_grid_reference", "warp_by_modes",
           "warp_reference"]

Warped = Tensor | tuple[Tensor, Tensor]


def warp_reference(
    image: Tensor, displacement: Tensor, label: Tensor | None = None, *, outside: str = "edge"
) -> Warped:
    """The formula above, corner by corner, in plain torch; arguments as `warp`."""
    size = image.shape[2:]
    far = float(max(size) + 1)                           # from anywhere, this far is outside
    whole = displacement.detach().floor()                # (B, d, *S)
    part = displacement - whole
    axes = [torch.arange(n, device=image.device) for n in size]
    place = torch.stack(torch.meshgrid(*axes, indexing="ij"))                    # (d, *S)
    base = place + whole.nan_to_num(-far, far, -far).clamp(-far, far).long()     # (B, d, *S)
    batch = len(displacement) if len(image) == 1 else len(image)
    new = 0
    for corner in product((0, 1), repeat=len(size)):
        step = base.new_tensor(corner).view(-1, *[1] * len(size))
        weight = torch.where(step == 1, part, 1 - part).prod(1, keepdim=True)    # (B, 1, *S)
        new = new + weight * _voxels(image, base + step, batch, outside)
    new = new.to(image.dtype)
    if label is None:
        return new
    nearest = base + (part >= 0.5)
    return new, _voxels(label[:, None], nearest, batch, outside)[:, 0]


def _voxels(values: Tensor, index: Tensor, batch: int, outside: str) -> Tensor:
    """(B, C, *S): values at whole positions (B, d, *S), with what is taken from outside."""
    size = values.shape[2:]
    inside, at = torch.ones_like(index[:, 0], dtype=torch.bool), torch.zeros_like(index[:, 0])
    for axis, n in enumerate(size):
        inside = inside & (index[:, axis] >= 0) & (index[:, axis] < n)
        at = at * n + index[:, axis].clamp(0, n - 1)
    at = at.flatten(1)[:, None].expand(batch, values.shape[1], -1)
    taken = values.flatten(2).expand(batch, -1, -1).gather(2, at)
    taken = taken.view(batch, values.shape[1], *size)
    return taken if outside == "edge" else taken * inside[:, None].to(taken.dtype)


def warp_by_grid_reference(
    image: Tensor, control: Tensor, label: Tensor | None = None, *,
    spline: str | Sequence[Tensor] = "linear", outside: str = "edge",
) -> Warped:
    """Make the dense field, then warp; arguments as `warp_by_grid`."""
    field = control
    weights = spline_matrices(image, control, spline)
    for axis, w in enumerate(weights):                   # (B, d, .., G, ..) -> (B, d, .., S, ..)
        field = torch.tensordot(field, w.to(field), ([axis + 2], [1])).movedim(-1, axis + 2)
    return warp_reference(image, field, label, outside=outside)


def warp(
    image: Tensor, displacement: Tensor, label: Tensor | None = None, *, outside: str = "edge"
) -> Warped:
    """Warp an image, and its label in the same pass, by a displacement at every voxel.

        new(x) = old(x + u(x)),  linear for the image, nearest for the label

    Limits: u = 0 gives the image back, bit for bit; a whole number shifts it. The gradient reaches
    the image and u, once (it cannot be differentiated again). NaN and infinity in u give NaN in the
    image (the label is then some voxel of the edge, or 0). NaN and infinity in the image spread to
    every new voxel pulled from less than a voxel away, and from the last two voxels of an axis to
    what is pulled from beyond.

    Args:
        image: (B or 1, C, *S), S two or three axes, floating.
        displacement: (B or 1, d, *S), u in voxels, floating; component a along axis a of S. Used in
            the image's precision, and at least in float32.
        label: (B or 1, *S), any integer or bool type (a floating one is carried as well), or None.
        outside: what lies outside the image, "edge" (the nearest voxel) or "zero" (also for the
            label; the image falls to 0 over one voxel).

    Returns:
        The new image (B, C, *S) in the image's type, and with a label also the new label (B, *S) in
        the label's type.

    Raises:
        ValueError: shapes that do not belong together, or another `outside`.
        TypeError: an image or displacement that is not floating.
    """
    displacement = checked("displacement", image, displacement, label, outside)
    if not takes_fast_form(image, displacement):
        return warp_reference(image, displacement, label, outside=outside)
    from ._op import warp_op

    image, displacement, labels = _solid(image, displacement, label)
    new, moved = warp_op(image, displacement, labels, outside == "zero")
    return _given_back(new, moved, label, displacement)


def warp_by_grid(
    image: Tensor, control: Tensor, label: Tensor | None = None, *,
    spline: str | Sequence[Tensor] = "linear", outside: str = "edge",
) -> Warped:
    """Warp an image and its label by displacements of control points, without a dense field.

        u(x) = sum_k prod_a W_a[x_a, k_a] control[k]

    Control points lie evenly over the image, G of them along an axis of S voxels. "linear": the
    first and the last on the first and last voxel, h = (S - 1) / (G - 1) apart. "cubic" (B-spline,
    G >= 4): h = (S - 1) / (G - 3) apart, the first and last one step h outside the image; a
    B-spline passes near its control displacements, not through them. For other points or splines
    give W itself: one matrix (S_a, G_a) an axis, whose rows usually sum to 1.

    Limits: the same control displacement everywhere is a shift. The gradient reaches image and
    control; weights that need one are left to the reference.

    Args:
        image: (B or 1, C, *S), as in `warp`.
        control: (B or 1, d, *G), displacements in voxels.
        label: (B or 1, *S) or None, as in `warp`.
        spline: "linear", "cubic", or the weights (S_a, G_a) of each axis.
        outside: "edge" or "zero", as in `warp`.

    Returns:
        As `warp`.

    Raises:
        ValueError: shapes that do not belong together, too few points, another spline or outside.
        TypeError: an image or control that is not floating.
    """
    control = checked("control", image, control, label, outside)
    weights = spline_matrices(image, control, spline)
    if any(w.requires_grad for w in weights) or not takes_fast_form(image, control):
        return warp_by_grid_reference(image, control, label, spline=weights, outside=outside)
    from ._op import warp_by_grid_op

    image, control, labels = _solid(image, control, label)
    weights = [torch.ones_like(weights[0][:1, :1])] * (3 - len(weights)) + weights
    new, moved = warp_by_grid_op(image, control, *weights, labels, outside == "zero")
    return _given_back(new, moved, label, control)


def warp_by_modes(
    image: Tensor, modes: Tensor, coefficients: Tensor, label: Tensor | None = None, *,
    spline: str | Sequence[Tensor] = "linear", outside: str = "edge",
) -> Warped:
    """Warp by a mixture of modes: control = sum_m coefficients[:, m] modes[m], then `warp_by_grid`.

    Args:
        image: (B or 1, C, *S), as in `warp`.
        modes: (M, d, *G), displacements of the control points in each mode.
        coefficients: (B or 1, M); with the modes' unit their product is in voxels.
        label: (B or 1, *S) or None, as in `warp`.
        spline: as in `warp_by_grid`.
        outside: "edge" or "zero", as in `warp`.

    Returns:
        As `warp`; the gradient reaches image, modes and coefficients.

    Raises:
        ValueError: as `warp_by_grid`, and when modes and coefficients do not fit.
    """
    if coefficients.ndim != 2 or modes.shape[:1] != coefficients.shape[1:]:
        raise ValueError(
            f"wanted modes (M, d, *G) and coefficients (B, M); got {tuple(modes.shape)} and "
            f"{tuple(coefficients.shape)}: one coefficient a mode, coefficients[None] for one image"
        )
    control = (coefficients @ modes.flatten(1)).view(-1, *modes.shape[1:])
    return warp_by_grid(image, control, label, spline=spline, outside=outside)


def _solid(image: Tensor, vectors: Tensor, label: Tensor | None) -> tuple:
    """A plane as a volume of one slice, which keeps the two components of its displacement."""
    if image.ndim == 5:
        return image, vectors, label
    return image.unsqueeze(2), vectors.unsqueeze(2), None if label is None else label.unsqueeze(1)


def _given_back(new: Tensor, moved: Tensor, label: Tensor | None, vectors: Tensor) -> Warped:
    """The volume of one slice as a plane again, and the label where there is one."""
    flat = vectors.shape[1] == 2
    new = new.squeeze(2) if flat else new
    if label is None:
        return new
    return new, moved.squeeze(1) if flat else moved
