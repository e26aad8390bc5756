"""Draw capsules into a volume: trees of vessels, with partial volume.

A capsule is the set of points within r of a segment from a to b: a cylinder with a half ball at
each end. The point of the segment nearest to x, the way q from there to x, and its length:

    t = clamp((x - a) · v / |v|², 0, 1),  v = b - a,    q = x - a - t v,    d = |q|

A voxel gets the share of it that is inside some capsule, estimated in one of two ways.

**samples**: the centres of the voxel's 2^n equal parts (8 in 3D, a quarter voxel off its centre
along each axis) are inside where d <= r of any capsule; the share of those that are inside. The
union is exact, there is no gradient.

**smooth**: at the voxel's centre, a ramp as wide as the voxel is along q,

    c = A clamp(1/2 + (R - d) / w, 0, 1),    w² = (|s q|² + e m²) / (d² + e),

and the largest c of all capsules. s are the voxel's widths, so w = s for cubes. Else w = |s q| / d
away from the axis (like the box of the voxel, the ramp then has variance w²/12), and near it, where
q has no direction to speak of, w = m, a mean over the directions across the axis, u = v / |v|:
3D m² = |u / s| Π s, 2D m = |u / s| Π s, a ball mⁿ = Π s. What is near: e = (least s / 4)².

R and A make the sum over a long tube's cross-section what it is in truth, for tubes far thinner
than a voxel too (a plain ramp, R = r and A = 1, would give a tube of radius w/4 more than twice its
volume):

    3D, sum π r²:  R² = max(r², w²/3) - w²/12,  A = min(1, 3 r² / w²)
    2D, sum 2 r:   R = max(r, w/2),             A = min(1, 2 r / w)

Bytes that must move: the volume written once (4 a voxel as float32, 1 as uint8), the capsules
read. The fast forms therefore never look at a voxel that no capsule comes near, except to write 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor

from .. import dispatch

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.uint8)


def capsules_reference(
    ends: Tensor,
    radii: Tensor,
    size: Sequence[int],
    spacing: Sequence[float],
    *,
    partial: str = "samples",
    dtype: torch.dtype = torch.float32,
    tree: Tensor | None = None,
    batch: int = 1,
) -> Tensor:
    """Draw capsules by looking at every voxel for every capsule. Arguments as of `capsules`."""
    given = torch.promote_types(ends.dtype, torch.float32)    # half precision: computed in float32
    ends, radii = ends.to(given), radii.to(given)
    widths = ends.new_tensor(spacing)                                             # (n,)
    axes = [torch.arange(length).to(ends) * s for length, s in zip(size, spacing, strict=True)]
    centres = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)               # (*S, n)
    corners = ends.new_tensor(list(product((-0.25, 0.25), repeat=len(size))))     # (2^n, n)
    drawn = ends.isfinite().all(2).all(1) & radii.isfinite() & (radii > 0)        # (M,)
    volumes = []
    for item in range(batch):
        cover = centres.new_zeros(size)
        inside = torch.zeros(2 ** len(size), *size, dtype=torch.bool, device=ends.device)
        own = drawn if tree is None else drawn & (tree == item)
        for (a, b), r in zip(ends[own], radii[own], strict=True):
            if partial == "smooth":
                share = _ramp(_from_axis(centres, a, b), r, b - a, widths)
                cover = torch.where(share > cover, share, cover)    # on a tie the first one
            else:
                for corner, hit in zip(corners * widths, inside, strict=True):
                    hit |= _from_axis(centres + corner, a, b).square().sum(-1) <= r * r
        volumes.append(cover if partial == "smooth" else inside.to(given).mean(0))
    volume = torch.stack(volumes) if volumes else centres.new_zeros(0, *size)     # (B, *S)
    return (255 * volume + 0.5).floor().to(dtype) if dtype == torch.uint8 else volume.to(dtype)


def _from_axis(points: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """The way from the nearest point of the segment from a to b: (*S, n) -> (*S, n)."""
    v, x = b - a, points - a
    square = v @ v
    t = (x @ v / torch.where(square > 0, square, 1)).clamp(0, 1)                  # (*S)
    return x - t[..., None] * v


def _ramp(q: Tensor, r: Tensor, v: Tensor, widths: Tensor) -> Tensor:
    """Share of a voxel inside a tube of radius r along v whose axis is q away: (*S, n) -> (*S)."""
    n = q.shape[-1]
    if v.any():
        m = ((v / widths).norm() / v.norm() * widths.prod()) ** (1 / (n - 1))
    else:
        m = widths.prod() ** (1 / n)
    near = (widths.min() / 4) ** 2
    w2 = ((q * widths).square().sum(-1) + near * m * m) / (q.square().sum(-1) + near)
    w, d = w2.sqrt(), torch.linalg.vector_norm(q, dim=-1)
    if n == 3:
        radius = (torch.maximum(r * r, w2 / 3) - w2 / 12).sqrt()
        peak = (3 * r * r / w2).clamp(max=1)
    else:
        radius = torch.maximum(r, w / 2)
        peak = (2 * r / w).clamp(max=1)
    return peak * (0.5 + (radius - d) / w).clamp(0, 1)


def capsules(
    ends: Tensor,
    radii: Tensor,
    size: Sequence[int],
    *,
    spacing: float | Sequence[float] = 1.0,
    partial: str = "samples",
    dtype: torch.dtype = torch.float32,
    tree: Tensor | None = None,
    batch: int | None = None,
) -> Tensor:
    """Draw capsules (cylinders with round ends) into a volume or a picture, with partial volume.

    A voxel gets the share of it that lies inside the union of the capsules: of its 8 parts those
    whose centres are inside ("samples"), or a ramp of the distance to the nearest axis ("smooth");
    the formulas stand at the top of this module. The order of the capsules does not matter, nor
    does the number of threads: the result is the same to the last bit.

    Voxel i has its centre at i * spacing along each axis, so that points in voxel units need no
    shift and a map of 100 voxels of 0.04 cm, drawn with spacing 0.01 cm, takes 401 voxels a side.
    For an image with an origin, subtract it from the ends first.

    Limits: with "samples" a tube thinner than about 1/2 voxel has gaps. With "smooth" the volume
    of a long tube is right at any radius (in oblong voxels to 1 or 2 %, averaged over where in a
    voxel it passes), but round ends are up to half a voxel too long where
    r < w (a lone ball is w² / (8 r²) too large), and where tubes overlap only the largest share
    counts. Where radii stay the same or fall along a tree, round ends do not show at branchings:
    the parent's end covers them.

    Departures: VascuSynth (Hamarneh and Jassi, 2010) draws a cylinder and a ball at the lower end,
    which in a tree of falling radii differs only at the root, where ours has a round end as well.
    It counts 7 of the 8 parts, 32 grey values each, less 1: 223 inside. Ours counts 8: 255 inside.

    Args:
        ends: (M, 2, n), the two end points in the unit of `spacing`, n = 2 or 3; coordinate k runs
            along axis k of the volume. Ends may lie outside, may be equal (a ball), in either
            order.
        radii: (M,), in the same unit. A capsule that has a radius <= 0, NaN or an infinity
            anywhere is left out.
        size: n lengths of the volume, in voxels.
        spacing: width of a voxel, > 0; one number, or one an axis.
        partial: "samples" or "smooth". Gradients to ends and radii pass with "smooth" and a
            floating dtype; each voxel's goes to the capsule that covers most of it, and to the
            first of several that cover it alike.
        dtype: float32, float64, float16 or bfloat16: shares in [0, 1]; uint8: 255 times the share,
            rounded, half up.
        tree: (M,), integers in [0, batch): the volume that a capsule is drawn into; None for one
            volume. On a GPU other numbers are not looked for; such capsules are left out.
        batch: how many volumes; given if and only if `tree` is.

    Returns:
        (B, *size), on the device of `ends`; B = 1 without `tree`.

    Raises:
        ValueError: a shape, a size, a spacing or a name that is none of the above.
        TypeError: ends that are not floating, a tree that is not integer, another dtype.

    Source: Hamarneh and Jassi, "VascuSynth: Simulating vascular trees for generating volumetric
    image data with ground-truth segmentation and tree analysis", 2010, for what is drawn and the 8
    parts of a voxel; the ramp is ours.
    """
    widths = _check(ends, radii, size, spacing, partial, dtype, tree, batch)
    size, items = list(size), 1 if batch is None else batch
    if partial == "samples" or dtype == torch.uint8:
        ends, radii = ends.detach(), radii.detach()
    if tree is None:
        tree = torch.zeros(len(radii), dtype=torch.int64, device=ends.device)
    if ends.is_cuda and dtype == torch.float64 or not dispatch.has_fast_form(ends, radii, tree):
        return capsules_reference(ends, radii, size, widths, partial=partial, dtype=dtype,
                                  tree=tree, batch=items)
    half = dtype in (torch.float16, torch.bfloat16)
    volume = torch.ops.medtutor.capsules(ends, radii, tree.long(), items, size, widths,
                                         partial == "smooth", torch.float32 if half else dtype)
    return volume.to(dtype)


def _check(ends, radii, size, spacing, partial, dtype, tree, batch) -> list[float]:
    """Refuse what cannot be drawn; the spacing as one number an axis."""
    if ends.ndim != 3 or ends.shape[1] != 2 or ends.shape[2] not in (2, 3):
        raise ValueError(f"ends must be (M, 2, 2) or (M, 2, 3), two end points a capsule; got "
                         f"{tuple(ends.shape)}: torch.stack([starts, stops], 1)?")
    if radii.shape != ends.shape[:1]:
        raise ValueError(f"radii must be ({len(ends)},), one a capsule as in ends; got "
                         f"{tuple(radii.shape)}: radii.expand({len(ends)})?")
    if not ends.is_floating_point() or radii.dtype != ends.dtype:
        raise TypeError(f"ends and radii must be floating and of one type; got {ends.dtype} and "
                        f"{radii.dtype}: cast with .float()")
    n = ends.shape[2]
    if len(size) != n or any(length < 0 for length in size):
        raise ValueError(f"size must be {n} lengths >= 0, as ends has {n} coordinates; got "
                         f"{tuple(size)}")
    widths = [float(s) for s in spacing] if isinstance(spacing, Sequence) else [float(spacing)] * n
    if len(widths) != n or not all(0 < s < float("inf") for s in widths):
        raise ValueError(f"spacing must be one number > 0, or {n}, one an axis; got {spacing}")
    if partial not in ("samples", "smooth"):
        raise ValueError(f'partial must be "samples" or "smooth"; got {partial!r}')
    if dtype not in DTYPES:
        raise TypeError(f"dtype must be one of {', '.join(map(str, DTYPES))}; got {dtype}")
    if (tree is None) != (batch is None):
        raise ValueError("tree and batch go together: the volume of each capsule, and how many "
                         f"there are; got tree {'none' if tree is None else tuple(tree.shape)} "
                         f"and batch {batch}")
    if tree is not None:
        if tree.is_floating_point() or tree.dtype == torch.bool:
            raise TypeError(f"tree must be integer; got {tree.dtype}: cast with .long()")
        if tree.shape != radii.shape or batch < 0:
            raise ValueError(f"tree must be ({len(radii)},), one number a capsule, and batch >= 0; "
                             f"got {tuple(tree.shape)} and {batch}")
        look = tree.device.type == "cpu" and len(tree) and not torch.compiler.is_compiling()
        if look and (int(tree.min()) < 0 or int(tree.max()) >= batch):
            raise ValueError(f"tree must be in [0, {batch}), as batch is {batch}; got "
                             f"{int(tree.min())} to {int(tree.max())}")
    return widths


from . import _op  # noqa: E402, F401  registers torch.ops.medtutor.capsules
