"""The sampling loop of the released tool, which feeds on its own output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from .control_grid import ControlGrid
from .physical_modes import paper_code_matrix
from .shape_model import modes_kept


@dataclass(frozen=True)
class ReleasedSamples:
    """Displacements (count, d L) in the order drawn, and the number of modes kept."""

    displacements: np.ndarray
    modes: int

    @property
    def amplitudes(self) -> np.ndarray:
        """(count,) root-mean-square displacement per coordinate of each sample, in voxels."""
        return np.sqrt((self.displacements**2).mean(axis=1))


def released_samples(
    grid: ControlGrid,
    count: int,
    *,
    generator: torch.Generator,
    alpha1: float = 0.5,
    modes: float = 0.8,
) -> ReleasedSamples:
    """Draw shapes one after another, each from the covariance of all drawn before it.

    With m shapes x_1 (the grid) ... x_m so far, their mean xbar and their matrices K_i:

        S_c = S_p + alpha1 / m * 1/m sum inv(K_i),     x_(m+1) = xbar + P b,
        b_k uniform within 2 sqrt(latent_k) on either side

    S_p is the covariance of the shapes so far (zero for m = 1). Example images are never read: the
    "examples" are the tool's own earlier draws. K has no unit, so the amplitude does not know the
    size of the image. As K is indefinite, latent_k are singular values.

    Args:
        grid: the control points.
        count: shapes to draw.
        generator: on the CPU.
        alpha1: weight of the physical part; the tool documents 0 to 1.
        modes: number kept, or share of the variance below 1; decided at m = 1, then frozen.
    """
    if count < 1 or not alpha1 >= 0:
        raise ValueError(f"wanted count >= 1 and alpha1 >= 0; got {count} and {alpha1}")
    shapes = [grid.coordinates.T.ravel()]
    flexible, kept = np.zeros((grid.length, grid.length)), 0
    for m in range(1, count + 1):
        points = shapes[-1].reshape(grid.dim, -1).T                     # (L, d)
        flexible = flexible + np.linalg.inv(paper_code_matrix(points))
        seen = np.cov(np.stack(shapes), rowvar=False) if m > 1 else 0.0
        vectors, latent, _ = np.linalg.svd(seen + alpha1 / m**2 * flexible, hermitian=True)
        kept = kept or modes_kept(latent, modes)
        b = 4 * torch.rand(kept, generator=generator, dtype=torch.float64).numpy() - 2
        mean = np.mean(shapes, axis=0)
        shapes.append(mean + vectors[:, :kept] @ (np.sqrt(latent[:kept]) * b))
    return ReleasedSamples(np.stack(shapes[1:]) - shapes[0], kept)
