"""Distance between the surfaces of two masks, in the unit of the spacing.

The surface of a mask is its voxels with a face neighbour outside (the picture border counts as
outside). d(a, B) is the distance of surface voxel a to the nearest surface voxel of B.

    hausdorff95           = max( P95 of d(p, T) over p in P,  P95 of d(t, P) over t in T )
    mean_surface_distance = mean of d(p, T) over p in P and d(t, P) over t in T, taken together

Empty masks. Both empty: 0. One empty: infinity, so that a mean over cases shows that something
was missed; take a median, or count such cases apart.

MONAI does the work. Checked in the tests against values worked out by hand and scipy's distance
transform: anisotropic spacing, objects at the border, single voxels. Where it does not do what is
wanted: empty masks (it warns, and answers NaN for the mean distance of two empty masks), which are
handled before it is called.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtutor.metrics.masks import Labels, masks

Spacing = float | Sequence[float]


def hausdorff95(pred: Labels, target: Labels, *, spacing: Spacing = 1.0, label: int = 1) -> float:
    """95th percentile of the Hausdorff distance.

    The larger of the two directed percentiles. Some tools pool both directions before they take the
    percentile and so give other numbers: name the definition when you compare.

    Args:
        pred: predicted labels, numpy or torch, 2D or 3D.
        target: true labels, same shape.
        spacing: voxel size along each axis, in axis order, or one number for all.
        label: the label that counts as foreground.

    Returns:
        A distance >= 0; symmetric. Both masks empty: 0; one empty: infinity.
    """
    return _distance("compute_hausdorff_distance", pred, target, spacing, label, percentile=95)


def mean_surface_distance(
    pred: Labels, target: Labels, *, spacing: Spacing = 1.0, label: int = 1
) -> float:
    """Symmetric mean distance between the two surfaces.

    Args:
        pred: predicted labels, numpy or torch, 2D or 3D.
        target: true labels, same shape.
        spacing: voxel size along each axis, in axis order, or one number for all.
        label: the label that counts as foreground.

    Returns:
        A distance >= 0; symmetric. Both masks empty: 0; one empty: infinity.
    """
    return _distance(
        "compute_average_surface_distance", pred, target, spacing, label, symmetric=True
    )


def _distance(
    name: str, pred: Labels, target: Labels, spacing: Spacing, label: int, **options: Any
) -> float:
    """MONAI's function of that name on two masks, empty masks answered here."""
    p, t, size = _checked(pred, target, spacing, label)
    if not (p.any() and t.any()):
        return float("inf") if p.any() or t.any() else 0.0
    from monai import metrics

    with warnings.catch_warnings():
        # MONAI 1.6 calls its own function with an argument it has deprecated.
        warnings.filterwarnings("ignore", category=FutureWarning, module=r"monai\..*")
        result = getattr(metrics, name)(
            _channel(p), _channel(t), include_background=True, spacing=size, **options
        )
    return float(result)


def _checked(
    pred: Labels, target: Labels, spacing: Spacing, label: int
) -> tuple[NDArray, NDArray, list[float]]:
    """The two masks and one spacing an axis."""
    p, t = masks(pred, target, label)
    if p.ndim not in (2, 3):
        raise ValueError(
            f"surface distances want one 2D or 3D case, given shape {p.shape}: "
            "use per_case for a batch"
        )
    size = np.atleast_1d(np.asarray(spacing, dtype=float)).tolist()
    size = size * p.ndim if len(size) == 1 else size
    if len(size) != p.ndim or not all(np.isfinite(s) and s > 0 for s in size):
        raise ValueError(
            f"spacing wants one number > 0, or {p.ndim} of them (one an axis), given {spacing}"
        )
    return p, t, size


def _channel(mask: NDArray) -> NDArray[np.float32]:
    return mask[None, None].astype(np.float32)  # (1, 1, *S), as MONAI wants it
