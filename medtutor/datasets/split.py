"""Dividing a data set by group, so that no group stands on two sides of a border."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np


class Split(NamedTuple):
    """Ids of the three parts, each sorted."""

    train: list[str]
    valid: list[str]
    test: list[str]


def split_by_group(
    groups: Mapping[str, Hashable],
    *,
    seed: int,
    fractions: Sequence[float] = (0.6, 0.2, 0.2),
    classes: Mapping[str, str] | None = None,
) -> Split:
    """Divide ids into three parts; ids of one group stay together.

    Args:
        groups: id -> group.
        seed: same seed, same ids: same parts, whatever the order of the ids.
        fractions: shares of the groups for train, valid and test, summing to 1.
        classes: id -> class; each class is divided on its own, so that the parts have alike
            shares. A group goes with the class of its first id.

    Returns:
        The three parts.
    """
    if len(fractions) != 3 or min(fractions) < 0 or not np.isclose(sum(fractions), 1):
        raise ValueError(f"fractions wants three shares >= 0 that sum to 1, given {fractions}")
    members: dict[Hashable, list[str]] = defaultdict(list)
    for name in sorted(groups):
        members[groups[name]].append(name)
    strata: dict[str, list[list[str]]] = defaultdict(list)
    for ids in members.values():
        strata[classes[ids[0]] if classes else ""].append(ids)
    parts: tuple[list[str], list[str], list[str]] = ([], [], [])
    rng = np.random.default_rng(seed)
    for stratum in sorted(strata):
        together = strata[stratum]
        borders = np.round(np.cumsum([0, *fractions]) * len(together)).astype(int)
        order = rng.permutation(len(together))
        for part, start, stop in zip(parts, borders[:-1], borders[1:], strict=True):
            for k in order[start:stop]:
                part.extend(together[k])
    return Split(*(sorted(part) for part in parts))
