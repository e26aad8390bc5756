"""A made population of shapes whose variation is known: strong global modes on a smooth field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from .control_grid import ControlGrid

CENTRES = ((0.35, 0.35, 0.5), (0.65, 0.6, 0.5))     # of what swells, as shares of the image


@dataclass(frozen=True)
class ShapePopulation:
    """Displacement vectors d = s_1 g_1 + s_2 g_2 + r, in voxels, with mean 0.

    g_1 and g_2 let a region swell or shrink around its centre and push its surroundings away; the
    scores s ~ N(0, 1) are each subject's own. The rest r is a Gaussian random field of a given
    smoothness. Springs know that shapes vary smoothly; that these two regions vary most, only
    examples can tell.

    Attributes:
        grid: control points, in two or three dimensions.
        swelling: root-mean-square displacement of the two modes, per coordinate, in voxels.
        rest: root-mean-square displacement of the random field, in voxels.
        smooth: correlation length of the field, as a share of the image.
    """

    grid: ControlGrid
    swelling: tuple[float, float] = (1.2, 0.9)
    rest: float = 1.0
    smooth: float = 0.15

    @property
    def _places(self) -> np.ndarray:
        """(L, d) control points as shares of the image."""
        return self.grid.coordinates / (np.array(self.grid.size) - 1.0)

    def modes(self) -> np.ndarray:
        """(2, d L), the two global modes, each of root-mean-square 1."""
        modes = []
        for centre in CENTRES:
            away = self._places - np.array(centre[: self.grid.dim])     # (L, d)
            near = np.exp(-(away**2).sum(axis=1, keepdims=True) / (2 * 0.2**2))
            mode = (away * near).T.ravel()
            modes.append(mode / np.sqrt((mode**2).mean()))
        return np.stack(modes)

    def draw(self, count: int, generator: torch.Generator) -> np.ndarray:
        """(count, d L) displacement vectors of new subjects."""
        gap = ((self._places[:, None] - self._places[None]) ** 2).sum(axis=-1)      # (L, L)
        covariance = np.exp(-gap / (2 * self.smooth**2)) + 1e-9 * np.eye(len(gap))
        root = np.linalg.cholesky(covariance)
        shape = (count, self.grid.dim, self.grid.count)
        field = torch.randn(shape, generator=generator, dtype=torch.float64).numpy() @ root.T
        scores = torch.randn((count, 2), generator=generator, dtype=torch.float64).numpy()
        return (scores * self.swelling) @ self.modes() + self.rest * field.reshape(count, -1)
