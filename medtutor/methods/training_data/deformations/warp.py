"""A drawn warp: stored, repeated, and applied to image, label and landmarks through one field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from os import PathLike

import numpy as np
import torch
from scipy.ndimage import map_coordinates

from medtutor.kernels.warp import warp_by_grid

from .control_grid import ControlGrid, spline_weights
from .shape_model import ShapeModel


class FoldedWarp(ValueError):
    """The field turns space inside out somewhere: its smallest Jacobian is not positive."""


@dataclass(frozen=True, eq=False)
class Warp:
    """Pull warp by a spline of control displacements: new(x) = old(x + u(x)).

    Departures from the released tool, which pushes pixels and reads the holes back by nearest
    neighbour: pulled, so nothing is left empty; one spline field for image, label and landmarks.

    Attributes:
        grid: the control points.
        displacement: (d L,), u at the control points, in voxels.
    """

    grid: ControlGrid
    displacement: np.ndarray

    def __post_init__(self) -> None:
        values = self.grid.vector(self.displacement).copy()
        values.flags.writeable = False
        object.__setattr__(self, "displacement", values)

    @cached_property
    def field(self) -> np.ndarray:
        """(d, *size) displacement u at every voxel, in voxels."""
        return self.grid.dense(self.displacement)

    @cached_property
    def gradient(self) -> np.ndarray:
        """(*size, d, d) exact derivative of component a (second last) along axis b (last)."""
        parts = [self.grid.dense(self.displacement, axis) for axis in range(self.grid.dim)]
        return np.moveaxis(np.stack(parts, axis=1), (0, 1), (-2, -1))

    @cached_property
    def minors(self) -> np.ndarray:
        """(d, *size) sums of the principal minors of grad u, of one, two, ... rows.

        They are the coefficients of det(I + s grad u) = 1 + m_1 s + m_2 s^2 (+ m_3 s^3): m_1 is the
        trace, m_d the determinant.
        """
        g = self.gradient
        pairs = [(a, b) for a in range(self.grid.dim) for b in range(a)]
        one = sum(g[..., a, a] for a in range(self.grid.dim))
        two = sum(g[..., a, a] * g[..., b, b] - g[..., a, b] * g[..., b, a] for a, b in pairs)
        if self.grid.dim == 2:
            return np.stack([one, two])
        three = (np.cross(g[..., 0, :], g[..., 1, :]) * g[..., 2, :]).sum(-1)
        return np.stack([one, two, three])

    @cached_property
    def jacobian(self) -> np.ndarray:
        """(*size) det(I + grad u): local size of what is pulled in, negative where space folds."""
        return 1 + self.minors.sum(0)

    @property
    def min_jacobian(self) -> float:
        """Smallest Jacobian over the voxels; above 0 nothing folds (between voxels is not seen)."""
        return float(self.jacobian.min())

    def _checked(self, values: np.ndarray) -> np.ndarray:
        if values.shape != self.grid.size:
            raise ValueError(
                f"image and label must have the size of the warp, {self.grid.size}; got "
                f"{values.shape}: make the control grid for this size, or crop"
            )
        return values

    def _fused(
        self, image: np.ndarray, label: np.ndarray | None = None
    ) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """Linear image and nearest label in one pass, straight from the control displacements."""
        weights = [
            torch.from_numpy(spline_weights(knots, np.arange(n)))
            for knots, n in zip(self.grid.axes, self.grid.size, strict=True)
        ]
        return warp_by_grid(
            torch.from_numpy(image)[None, None],
            torch.tensor(self.displacement).view(1, self.grid.dim, *self.grid.points),
            None if label is None else torch.from_numpy(label)[None],
            spline=weights,
        )

    def _pulled(self, values: np.ndarray, order: int, fill: float | None) -> np.ndarray:
        """What the kernel does not do: cubic images, and a value of one's own from outside."""
        at = np.indices(self.grid.size) + self.field                    # (d, *size)
        mode = "nearest" if fill is None else "constant"
        return map_coordinates(values, at, order=order, mode=mode, cval=fill or 0)

    def image(self, image: np.ndarray, *, order: int = 3, fill: float | None = None) -> np.ndarray:
        """Warp an image.

        Args:
            image: (*size), finite.
            order: 3 cubic (may overshoot at edges), by scipy, or 1 linear (stays within the old
                values), by the fused kernel `medtutor.kernels.warp`.
            fill: value from outside the image; None repeats the edge.
        """
        image = self._checked(np.asarray(image, dtype=np.float64))
        if not np.isfinite(image).all():
            raise ValueError(f"image holds {(~np.isfinite(image)).sum()} NaN or infinite voxels")
        if order == 1 and fill is None:
            return self._fused(image)[0, 0].numpy()
        return self._pulled(image, order, fill)

    def label(self, label: np.ndarray, *, fill: int | None = None) -> np.ndarray:
        """Warp a label map by nearest neighbour, so no new label value can arise."""
        label = np.asarray(label)
        if not (np.isfinite(label).all() and (label == np.round(label)).all()):
            raise ValueError(
                f"label must hold whole numbers; got {label.dtype} with fractions: was it "
                "interpolated? round or threshold it first"
            )
        label = self._checked(label).astype(np.int64)
        if fill is None:
            return self._fused(np.zeros(label.shape), label)[1][0].numpy()
        return self._pulled(label, 0, fill)

    def landmarks(self, points: np.ndarray, *, tolerance: float = 1e-6) -> np.ndarray:
        """Where landmarks of the old image lie in the new one: solve q + u(q) = p for q.

        Starts at q = p and takes Newton steps, halved for a landmark whenever its miss would grow.
        (The plain fixed point q <- p - u(q) fails where u changes by more than 1 voxel a voxel.)
        Landmarks may leave the image; they are returned where they went.

        Args:
            points: (N, d), in voxels.
            tolerance: largest |q + u(q) - p| accepted, in voxels.
        """
        points = np.asarray(points, dtype=np.float64)
        moved, step = points.copy(), np.ones((len(points), 1))
        miss, nudge = moved + self.at(moved) - points, 1e-4 * np.eye(self.grid.dim)
        for _ in range(100):
            if np.abs(miss).max(initial=0.0) < tolerance:
                return moved
            slope = [(self.at(moved + h) - self.at(moved - h)) / 2e-4 for h in nudge]
            turn = np.stack(slope, axis=-1) + np.eye(self.grid.dim)     # (N, d, d)
            tried = moved - step * (np.linalg.pinv(turn) @ miss[..., None])[..., 0]
            left = tried + self.at(tried) - points
            better = np.linalg.norm(left, axis=1) < np.linalg.norm(miss, axis=1)
            moved[better], miss[better] = tried[better], left[better]
            step = np.where(better[:, None], np.minimum(1, 2 * step), step / 2)
        raise FoldedWarp(
            f"landmarks did not settle (still {np.abs(miss).max():.3g} voxels off; smallest "
            f"Jacobian {self.min_jacobian:.3g}): the warp is too steep to invert; use shrunk()"
        )

    def at(self, positions: np.ndarray) -> np.ndarray:
        """(N, d) displacement u at scattered positions; outside the image as at its edge."""
        inside = np.clip(positions, 0, np.array(self.grid.size) - 1.0)
        return self.grid.at(self.displacement, inside)

    def shrunk(self, least: float = 0.1) -> Warp:
        """The same warp, made smaller until its smallest Jacobian is at least `least`."""
        if not 0 < least < 1:
            raise ValueError(f"least must lie in (0, 1), the identity has 1; got {least}")
        if self.min_jacobian >= least:
            return self
        low, high, orders = 0.0, 1.0, np.arange(1, self.grid.dim + 1)
        minors = self.minors.reshape(self.grid.dim, -1)
        for _ in range(30):
            middle = (low + high) / 2
            worst = (1 + middle**orders @ minors).min()
            low, high = (middle, high) if worst >= least else (low, middle)
        return Warp(self.grid, low * self.displacement)

    def refused_if_folded(self) -> Warp:
        """The warp itself, or FoldedWarp with its smallest Jacobian."""
        if self.min_jacobian <= 0:
            raise FoldedWarp(
                f"the warp folds: smallest Jacobian {self.min_jacobian:.3g}, wanted above 0; "
                "draw again, lower the amplitude, or use shrunk()"
            )
        return self

    def save(self, path: str | PathLike[str]) -> None:
        """Store grid and displacement in an .npz file."""
        np.savez(path, displacement=self.displacement, size=self.grid.size,
                 points=self.grid.points, margin=self.grid.margin)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Warp:
        """Read a stored warp; it gives the same images to the last bit."""
        with np.load(path) as stored:
            grid = ControlGrid(tuple(stored["size"]), tuple(stored["points"]),
                               float(stored["margin"]))
            return cls(grid, stored["displacement"])


def draw_warp(
    model: ShapeModel | Callable[[torch.Generator], np.ndarray],
    grid: ControlGrid,
    generator: torch.Generator,
    *,
    folding: str = "shrink",
    least: float = 0.1,
) -> Warp:
    """Draw a warp from a model of shape.

    Args:
        model: where displacement vectors are drawn from.
        grid: the control points that the model's vectors belong to.
        generator: on the CPU; the same state gives the same warp.
        folding: "shrink" makes a folding warp smaller, "refuse" raises FoldedWarp, "allow" does not
            look.
        least: smallest Jacobian that "shrink" leaves.
    """
    if folding not in ("shrink", "refuse", "allow"):
        raise ValueError(f'folding must be "shrink", "refuse" or "allow"; got {folding!r}')
    drawn = model.draw(generator) if isinstance(model, ShapeModel) else model(generator)
    warp = Warp(grid, drawn)
    if folding == "shrink":
        return warp.shrunk(least)
    return warp.refused_if_folded() if folding == "refuse" else warp


@dataclass(frozen=True)
class Simulated:
    """A simulated case: all of it from one warp."""

    image: np.ndarray
    label: np.ndarray
    landmarks: np.ndarray | None
    warp: Warp


def simulate(
    image: np.ndarray,
    label: np.ndarray,
    warp: Warp,
    *,
    landmarks: np.ndarray | None = None,
    order: int = 3,
) -> Simulated:
    """Warp image, label and landmarks through one field; a folding warp is refused.

    Args:
        image: (*size), the one image.
        label: (*size), its expert label, whole numbers, at least one of them not 0.
        warp: the drawn warp.
        landmarks: (N, d) positions in the old image, or None.
        order: of the image's interpolation; the label's is always 0.
    """
    if np.shape(image) != np.shape(label):
        raise ValueError(f"image {np.shape(image)} and label {np.shape(label)} differ in size")
    if not np.any(label):
        raise ValueError("label is empty: there is nothing labelled to simulate from")
    warp.refused_if_folded()
    moved = None if landmarks is None else warp.landmarks(landmarks)
    return Simulated(warp.image(image, order=order), warp.label(label), moved, warp)
