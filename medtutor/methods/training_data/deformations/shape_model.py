"""A linear model of shape: a mean, modes, and how far each mode goes. Learn it, draw from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class ShapeModel:
    """d = mean + vectors b, with each b_k of zero mean and variance variances[k].

    Attributes:
        mean: (n,), in voxels.
        vectors: (n, k), modes; orthonormal for the models of one source, not for a joined one.
        variances: (k,), not negative.
    """

    mean: np.ndarray
    vectors: np.ndarray
    variances: np.ndarray

    @property
    def deviation(self) -> float:
        """Root-mean-square departure from the mean, per coordinate, in voxels."""
        return float(np.sqrt((self.vectors**2 @ self.variances).mean()))

    def truncated(self, modes: float) -> ShapeModel:
        """Keep the strongest modes: a number (an integer) or, below 1, a share of the variance."""
        keep = modes_kept(self.variances, modes)
        order = np.argsort(-self.variances, kind="stable")[:keep]
        return ShapeModel(self.mean, self.vectors[:, order], self.variances[order])

    def scaled(self, deviation: float) -> ShapeModel:
        """The same modes with a chosen root-mean-square displacement, in voxels."""
        if not (np.isfinite(deviation) and deviation >= 0):
            raise ValueError(f"deviation must be in voxels and at least 0; got {deviation}")
        if self.deviation == 0:
            raise ValueError("this model has no variation, so no amplitude can be given to it")
        factor = deviation / self.deviation
        return ShapeModel(self.mean, self.vectors, self.variances * factor**2)

    def draw(self, generator: torch.Generator, *, law: str = "normal") -> np.ndarray:
        """Draw one displacement vector (n,), in voxels.

        Args:
            generator: on the CPU.
            law: "normal", or "uniform" on two deviations to either side as the released tool.
        """
        if law not in ("normal", "uniform"):
            raise ValueError(f'law must be "normal" or "uniform"; got {law!r}')
        shape = (len(self.variances),)
        if law == "normal":
            b = torch.randn(shape, generator=generator, dtype=torch.float64)
        else:
            b = 4 * torch.rand(shape, generator=generator, dtype=torch.float64) - 2
        return self.mean + self.vectors @ (np.sqrt(self.variances) * b.numpy())

    def unexplained(self, displacements: np.ndarray, centre: np.ndarray | None = None) -> float:
        """Share of the variation of unseen shapes that the modes cannot reach.

        Args:
            displacements: (N, n), shapes that took no part in making the model.
            centre: (n,), what variation is counted from; None is the model's mean. Give the mean
                of the unseen shapes to judge the modes alone, whatever the mean.

        Returns:
            0 when the modes reach every shape, 1 when they reach nothing.
        """
        away = example_set(displacements) - (self.mean if centre is None else centre)   # (N, n)
        basis = np.linalg.qr(self.vectors)[0]
        rest = away - away @ basis @ basis.T
        return float((rest**2).sum() / (away**2).sum())


def modes_kept(variances: np.ndarray, modes: float) -> int:
    """Number of modes for t: t itself from 1 on, the fewest that explain the share t below 1."""
    if not 0 <= modes <= len(variances):
        raise ValueError(
            f"modes must lie between 0 and the {len(variances)} there are; got {modes}: a share of "
            "the variance below 1, a count from 1 on"
        )
    if modes >= 1:
        if modes != int(modes):
            raise ValueError(f"a count of modes must be a whole number; got {modes}")
        return int(modes)
    share = np.cumsum(np.sort(variances)[::-1]) / variances.sum()
    return int(np.searchsorted(share, modes - 1e-12) + 1) if modes > 0 else 0


def example_set(displacements: np.ndarray) -> np.ndarray:
    """Check displacement vectors of examples: (N, n), finite, returned in float64."""
    examples = np.asarray(displacements, dtype=np.float64)
    if examples.ndim != 2 or len(examples) < 1:
        raise ValueError(f"displacements must be (N, n), N at least 1; got {examples.shape}")
    if not np.isfinite(examples).all():
        bad = int(np.flatnonzero(~np.isfinite(examples).all(axis=1))[0])
        raise ValueError(f"example {bad} holds NaN or infinity: leave it out or repair its label")
    return examples


def variational_pca(displacements: np.ndarray) -> ShapeModel:
    """Principal components of example displacements: how bodies of this kind were seen to vary.

    With mean m and S = 1/(N-1) sum (d_i - m)(d_i - m)', the modes are the eigenvectors P of S and
    their variances its eigenvalues. N examples give at most N - 1 modes; one example gives none.

    Args:
        displacements: (N, n), one vector for each example, in voxels.

    Returns:
        The model, strongest mode first, modes without variance left out.
    """
    examples = example_set(displacements)
    mean = examples.mean(axis=0)
    if len(examples) == 1:
        return ShapeModel(mean, np.zeros((len(mean), 0)), np.zeros(0))
    _, scale, rows = np.linalg.svd(examples - mean, full_matrices=False)
    variances = scale**2 / (len(examples) - 1)
    keep = variances > 1e-12 * max(variances.max(), np.finfo(float).tiny)
    return ShapeModel(mean, rows[keep].T, variances[keep])
