"""Blend what is known of all bodies (physical modes) with what examples show (statistical)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from .physical_modes import VibrationalModes
from .shape_model import ShapeModel, example_set, variational_pca

CANDIDATES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


def _check_alpha(alpha: float, statistical: ShapeModel) -> None:
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must lie in [0, 1], the share of the examples; got {alpha}")
    if alpha == 1 and len(statistical.variances) == 0:
        raise ValueError(
            "alpha = 1 leaves only the examples, and they do not vary (is there just one?): "
            "give at least two different examples or an alpha below 1"
        )


def blend_displacements(
    statistical: ShapeModel, physical: VibrationalModes, alpha: float, *, energy: float = 1.0
) -> ShapeModel:
    """The lecture's formula: add a draw of each kind.

        d = dbar + alpha P b + (1 - alpha) Phi u,   b_k ~ N(0, lambda_k),   u_k ~ N(0, s^2 / w_k^2)

    Its covariance is alpha^2 S_p + (1 - alpha)^2 s^2 S_f: in the middle less than at either end.

    Args:
        statistical: modes P and variances lambda of the examples; their mean is dbar.
        physical: modes Phi and squared frequencies w^2.
        alpha: weight of the examples.
        energy: s, the amplitude of the physical modes, in voxels. It has no natural value, because
            unit springs have no unit: choose it.
    """
    _check_alpha(alpha, statistical)
    vectors = np.concatenate([statistical.vectors, physical.vectors], axis=1)
    variances = np.concatenate(
        [alpha**2 * statistical.variances, ((1 - alpha) * energy) ** 2 * physical.variances]
    )
    return ShapeModel(statistical.mean, vectors, variances)


def blend_covariance(
    statistical: ShapeModel,
    physical: VibrationalModes,
    alpha: float,
    *,
    deviation: float = 1.0,
    modes: int | None = None,
) -> ShapeModel:
    """Blend covariances, each brought to the same total variance first.

        S = alpha S_p / tr(S_p) + (1 - alpha) S_f / tr(S_f),    S scaled to a chosen total

    The released tool adds covariances as well, without bringing them to one scale.

    Args:
        statistical: modes and variances of the examples; their mean is kept.
        physical: modes and squared frequencies.
        alpha: weight of the examples; 1 needs examples that vary.
        deviation: root-mean-square displacement of the result, per coordinate, in voxels.
        modes: keep this many eigenvectors of S; None keeps all with variance.

    Returns:
        The model, strongest mode first.
    """
    _check_alpha(alpha, statistical)
    if not (np.isfinite(deviation) and deviation > 0):
        raise ValueError(f"deviation must be a positive number of voxels; got {deviation}")
    size = len(statistical.mean)
    covariance = (1 - alpha) * physical.covariance / physical.variances.sum()
    if len(statistical.variances):                       # one example: the physical part alone
        seen = (statistical.vectors * statistical.variances) @ statistical.vectors.T
        covariance = covariance + alpha * seen / statistical.variances.sum()
    if modes is not None and not 1 <= modes <= size:
        raise ValueError(f"modes must lie between 1 and {size}, the length; got {modes}")
    first = 0 if modes is None else size - modes
    variances, vectors = eigh(covariance, subset_by_index=(first, size - 1))
    keep = variances[::-1] > 1e-12 * variances[-1]
    model = ShapeModel(statistical.mean, vectors[:, ::-1][:, keep], variances[::-1][keep])
    return model.scaled(deviation)


def alpha_for(examples: int, half: float) -> float:
    """Weight of the examples, alpha(N) = N / (N + N0): N0 = `half` examples weigh as the physics.

    The paper's rule is unknown; this one is a proposal of this course. It gives 0 at N = 0, rises
    with N, and tends to 1.
    """
    if examples < 0 or not half > 0:
        raise ValueError(f"wanted examples >= 0 and half > 0; got {examples} and {half}")
    return examples / (examples + half)


@dataclass(frozen=True)
class AlphaChoice:
    """What leave-one-out found: the weight, its N0, and the error of each candidate."""

    alpha: float
    half: float
    errors: dict[float, float]


def choose_alpha(
    displacements: np.ndarray,
    physical: VibrationalModes,
    *,
    modes: int = 12,
    candidates: Sequence[float] = CANDIDATES,
    folds: int = 10,
    plateau: float = 0.02,
) -> AlphaChoice:
    """Choose N0, and with it alpha, by leaving out one example at a time.

    Each example is left out in turn (above `folds` examples: one part of `folds` at a time), the
    rest blended at alpha_for(rest, N0), and the part of the example that the kept modes cannot
    reach is measured. Errors within `plateau` of the smallest count as equal, and the middle one
    of those candidates is taken: with few examples the error hardly depends on alpha, and its
    minimum would be chosen by chance. Test shapes take no part.

    Args:
        displacements: (N, n), the training examples.
        physical: modes and squared frequencies.
        modes: modes kept of each blend.
        candidates: values of N0 to try, increasing.
        folds: most parts that the examples are divided into.
        plateau: relative difference of errors that counts as none.
    """
    examples = example_set(displacements)
    if len(candidates) == 0 or min(candidates) <= 0:
        raise ValueError(f"candidates must be positive values of N0; got {tuple(candidates)}")
    errors = dict.fromkeys(candidates, 0.0)
    parts = np.array_split(np.arange(len(examples)), min(folds, len(examples)))
    for part in parts if len(examples) > 1 else []:
        rest = np.delete(examples, part, axis=0)
        learned = variational_pca(rest)
        for half in candidates:
            blend = blend_covariance(learned, physical, alpha_for(len(rest), half), modes=modes)
            errors[half] += blend.unexplained(examples[part]) / len(parts)
    lowest = min(errors.values())
    equal = [half for half in candidates if errors[half] <= lowest * (1 + plateau)]
    half = equal[len(equal) // 2]
    return AlphaChoice(alpha_for(len(examples), half), half, errors)
