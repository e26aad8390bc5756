"""What `warp` and `warp_by_grid` ask of their arguments."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..dispatch import has_fast_form
from .splines import control_weights


def checked(
    name: str, image: Tensor, vectors: Tensor, label: Tensor | None, outside: str
) -> Tensor:
    """`vectors` in the precision they are used in, after a look at all arguments.

    Args:
        name: of `vectors`: "displacement", at every voxel, or "control", at control points.
        image: (B or 1, C, *S).
        vectors: (B or 1, d, ...).
        label: (B or 1, *S) or None.
        outside: "edge" or "zero".
    """
    axes, size = image.ndim - 2, image.shape[2:]
    dense = name == "displacement"
    if axes not in (2, 3) or 0 in size:
        raise ValueError(
            "image must be (B, C, H, W) or (B, C, D, H, W) with at least one voxel; "
            f"got {tuple(image.shape)}: image[None, None] adds batch and channel"
        )
    if (vectors.ndim != axes + 2 or vectors.shape[1] != axes or 0 in vectors.shape[2:]
            or (dense and vectors.shape[2:] != size)):
        raise ValueError(
            f"{name} must be (B or 1, {axes}, *{'S' if dense else 'G'}) for an image "
            f"{tuple(image.shape)}; got {tuple(vectors.shape)}: one component an axis of the image"
        )
    batches = {len(image), len(vectors)} - {1} or {1}
    if len(batches) != 1:
        raise ValueError(
            f"image and {name} must have the same batch size, or 1; "
            f"got {len(image)} and {len(vectors)}"
        )
    if label is not None and (label.shape[1:] != size or len(label) not in batches | {1}):
        raise ValueError(
            f"label must be (B or 1, *S), as image {tuple(image.shape)} without C; "
            f"got {tuple(label.shape)}: squeeze(1)?"
        )
    if not (image.is_floating_point() and vectors.is_floating_point()):
        raise TypeError(
            f"image and {name} must be floating; got {image.dtype} and {vectors.dtype}: use "
            ".float(), and give a label map as label"
        )
    if label is not None and label.is_complex():
        raise TypeError(f"label must be of an integer type; got {label.dtype}")
    if label is not None and label.device != image.device:
        raise ValueError(
            f"label must be where the image is, on {image.device}; it is on {label.device}: "
            "move it with .to(device)"
        )
    if outside not in ("edge", "zero"):
        raise ValueError(f'outside must be "edge" or "zero"; got {outside!r}')
    return vectors.to(torch.promote_types(image.dtype, torch.float32))


def spline_matrices(
    image: Tensor, control: Tensor, spline: str | Sequence[Tensor]
) -> list[Tensor]:
    """The weights (S_a, G_a) of each axis, made or checked, in the type of `control`."""
    sizes = list(zip(image.shape[2:], control.shape[2:], strict=True))
    if isinstance(spline, str):
        return [control_weights(n, points, spline).to(control) for n, points in sizes]
    given = [tuple(matrix.shape) for matrix in spline]
    if given != sizes:
        raise ValueError(
            f"spline must be one matrix (voxels, control points) an axis, {sizes}; got {given}"
        )
    return [matrix.to(control) for matrix in spline]


def takes_fast_form(image: Tensor, vectors: Tensor) -> bool:
    """Whether a fast form takes this; inside one volume it counts voxels in 31 bits."""
    return (has_fast_form(image, vectors) and 0 not in image.shape
            and 0 not in vectors.shape and image.shape[2:].numel() < 2**31)
