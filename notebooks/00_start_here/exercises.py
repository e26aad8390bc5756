"""The exercises of chapter 00: read, change and build the Dice overlap."""

import numpy as np

from medtutor.course.exercises import Exercise


def overlap(mine, truth):
    both, total = np.sum(mine & truth), np.sum(mine) + np.sum(truth)
    return 2 * both / total if total else 1.0


def best(image, truth, thresholds):
    return max(thresholds, key=lambda threshold: overlap(image > threshold, truth))


def masks(*rows):
    return tuple(np.array(row, dtype=bool) for row in rows)


def drawn(size):
    """A bright disc in noise: the image, its truth, and thresholds to choose from."""
    generator = np.random.default_rng(size)
    across = np.linspace(-1, 1, size)
    truth = across[:, None] ** 2 + across**2 < 0.4
    image = truth + 0.4 * generator.standard_normal(truth.shape)
    return image, truth, [0.1, 0.3, 0.5, 0.7, 0.9]


def formula_alone(mine, truth):
    """Right until both masks are empty: 0 / 0."""
    with np.errstate(invalid="ignore"):
        return 2 * (mine & truth).sum() / (mine.sum() + truth.sum())


EXERCISES = [
    Exercise(
        name="predict_dice",
        kind="read",
        reference=lambda: 0.4,  # 2 * 1 / (2 + 3)
        hint="count the pixels that both rows mark, double them, divide by all marked pixels",
        mistakes=[0.25, 0.2, 0.6],  # Jaccard; the 2 forgotten; share of equal pixels
        tolerance=0.005,
    ),
    Exercise(
        name="best_threshold",
        kind="change",
        cases=[
            (np.array([0.2, 0.6, 0.9]), np.array([False, True, True]), [0.1, 0.4, 0.7]),
            (np.array([0.2, 0.6, 0.9]), np.array([False, False, True]), [0.7, 0.4, 0.1]),
            drawn(16),
            drawn(32),
        ],
        reference=best,
        hint="score every threshold, then return the threshold itself, not its score or its place",
        mistakes=[
            lambda image, truth, thresholds: max(
                overlap(image > threshold, truth) for threshold in thresholds
            ),
            lambda image, truth, thresholds: int(
                np.argmax([overlap(image > threshold, truth) for threshold in thresholds])
            ),
            lambda image, truth, thresholds: min(thresholds),
        ],
    ),
    Exercise(
        name="dice_by_hand",
        kind="build",
        cases=[
            masks([1], [1]),
            masks([0], [0]),
            masks([0, 0], [1, 0]),
            masks([1, 1, 0], [0, 1, 1]),
            masks([[1, 1, 0], [1, 0, 0]], [[0, 1, 0], [1, 0, 1]]),
            tuple(drawn(16)[0] > level for level in (0.3, 0.7)),
        ],
        reference=overlap,
        hint="2 |A and B| / (|A| + |B|); two empty masks agree, so their Dice is 1",
        mistakes=[
            lambda mine, truth: (mine & truth).sum() / max((mine | truth).sum(), 1),  # Jaccard
            lambda mine, truth: float((mine == truth).mean()),  # accuracy
            formula_alone,
        ],
    ),
]
