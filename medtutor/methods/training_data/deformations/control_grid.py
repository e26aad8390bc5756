"""Control points over an image, and the spline that carries their displacements to every voxel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import CubicSpline


def spline_weights(knots: np.ndarray, at: np.ndarray, derivative: int = 0) -> np.ndarray:
    """Weight of each knot in a natural cubic spline at given positions.

    A spline is linear in its values, so one matrix holds it: s(at) = W values. Beyond the outermost
    knots the spline goes on as a straight line (a cubic would run away in the margin).

    Args:
        knots: (c,), increasing.
        at: (n,), positions.
        derivative: 0 for the value, 1 for the slope.

    Returns:
        (n, c). Rows sum to 1 for the value and to 0 for the slope.
    """
    spline = CubicSpline(knots, np.eye(len(knots)), bc_type="natural")
    inside = np.clip(at, knots[0], knots[-1])
    slope = spline(inside, 1)                                           # (n, c)
    if derivative == 1:
        return slope
    return spline(inside) + slope * (at - inside)[:, None]


@dataclass(frozen=True)
class ControlGrid:
    """A regular grid of control points with a margin on each side, in two or three dimensions.

    A displacement vector holds d L numbers, in voxels: all displacements along the first image
    axis, then all along the second (and third). The released tool orders x (columns) first.

    Args:
        size: image size (H, W) or (D, H, W), in voxels.
        points: control points per axis, one number or one for each axis; at least 2.
        margin: share of each axis left free on both sides; the released tool has 5 %.
    """

    size: tuple[int, ...]
    points: int | tuple[int, ...] = 6
    margin: float = 0.05

    def __post_init__(self) -> None:
        size = tuple(int(n) for n in self.size)
        if len(size) not in (2, 3) or min(size) < 2:
            raise ValueError(f"size must be (H, W) or (D, H, W), each at least 2; got {self.size}")
        given = (self.points,) * len(size) if np.isscalar(self.points) else tuple(self.points)
        if len(given) != len(size) or any(int(c) != c or c < 2 for c in given):
            raise ValueError(
                f"points must be an integer of at least 2 for each of {len(size)} axes; "
                f"got {self.points}: two points are the least that can bend an axis"
            )
        if not 0 <= self.margin < 0.5:
            raise ValueError(f"margin must be a share in [0, 0.5); got {self.margin}")
        object.__setattr__(self, "size", size)
        object.__setattr__(self, "points", tuple(int(c) for c in given))

    @property
    def dim(self) -> int:
        """Number of axes, d."""
        return len(self.size)

    @property
    def count(self) -> int:
        """Number of control points, L."""
        return int(np.prod(self.points))

    @property
    def length(self) -> int:
        """Length of a displacement vector, d L."""
        return self.dim * self.count

    @cached_property
    def axes(self) -> tuple[np.ndarray, ...]:
        """Positions of the control points along each axis, in voxels."""
        return tuple(
            np.linspace(self.margin * (n - 1), (1 - self.margin) * (n - 1), c)
            for n, c in zip(self.size, self.points, strict=True)
        )

    @cached_property
    def coordinates(self) -> np.ndarray:
        """(L, d) positions of the control points, in voxels."""
        return np.stack([a.ravel() for a in np.meshgrid(*self.axes, indexing="ij")], axis=1)

    def vector(self, displacement: np.ndarray) -> np.ndarray:
        """Check a displacement vector: (d L,) finite numbers, returned in float64."""
        values = np.asarray(displacement, dtype=np.float64)
        if values.shape != (self.length,):
            raise ValueError(
                f"displacement must be ({self.length},), {self.dim} for each of {self.count} "
                f"control points; got {values.shape}"
            )
        if not np.isfinite(values).all():
            raise ValueError("displacement holds NaN or infinity: check the shapes it came from")
        return values

    def dense(self, displacement: np.ndarray, slope_along: int | None = None) -> np.ndarray:
        """Tensor-product cubic spline of the control displacements at every voxel.

        Args:
            displacement: (d L,), in voxels.
            slope_along: None for the field itself, or the axis to differentiate along.

        Returns:
            (d, *size): component a of the displacement, in voxels.
        """
        field = self.vector(displacement).reshape(self.dim, *self.points)
        for axis, (knots, n) in enumerate(zip(self.axes, self.size, strict=True)):
            weights = spline_weights(knots, np.arange(n), int(axis == slope_along))  # (n, c)
            field = np.moveaxis(np.tensordot(weights, field, (1, axis + 1)), 0, axis + 1)
        return field

    def point_weights(self, positions: np.ndarray) -> np.ndarray:
        """(N, L) weight of each control point at scattered positions (N, d): the same spline."""
        positions = np.asarray(positions, dtype=np.float64)
        if positions.ndim != 2 or positions.shape[1] != self.dim:
            raise ValueError(f"positions must be (N, {self.dim}), in voxels; got {positions.shape}")
        weights = np.ones((len(positions), 1))
        for axis, knots in enumerate(self.axes):
            along = spline_weights(knots, positions[:, axis])                        # (N, c)
            weights = (weights[:, :, None] * along[:, None, :]).reshape(len(positions), -1)
        return weights

    def at(self, displacement: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """(N, d) displacement at scattered positions (N, d), in voxels."""
        parts = self.vector(displacement).reshape(self.dim, self.count)
        return self.point_weights(positions) @ parts.T
