"""Dividing a data set by id: groups whole, each class in alike shares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple


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
    """Divide ids into three parts with :func:`medtutor.experiment.split`, class by class.

    Args:
        groups: id -> group; the ids of one group stay together.
        seed: same seed, same ids: same parts, whatever the order of the ids.
        fractions: shares of the ids for train, valid and test, above 0, summing to at most 1.
        classes: id -> class; each class is divided on its own, so that the parts have alike
            shares. A group goes with the class of its first id.

    Returns:
        The three parts.

    Raises:
        ValueError: a part of some class would be empty, or the fractions are out of range.
    """
    if len(fractions) != 3:
        raise ValueError(f"fractions wants three shares (train, valid, test), given {fractions}")
    return Split(*divided_by_group(groups, seed, fractions, classes))


def divided_by_group(
    groups: Mapping[str, Hashable],
    seed: int,
    fractions: Sequence[float],
    classes: Mapping[str, str] | None = None,
) -> list[list[str]]:
    """As :func:`split_by_group`, into as many parts as there are fractions."""
    from medtutor.experiment.split import split  # brings torch in, which reading does not need

    first_of: dict[Hashable, str] = {}
    strata: dict[str, list[str]] = defaultdict(list)
    for name in sorted(groups):
        first = first_of.setdefault(groups[name], name)
        strata[classes[first] if classes else "all"].append(name)
    parts: list[list[str]] = [[] for _ in fractions]
    for stratum, names in sorted(strata.items()):
        try:
            found = split(len(names), fractions, seed=seed, groups=[groups[n] for n in names])
        except ValueError as error:
            raise ValueError(f"class {stratum}: {error}") from error
        for part, indices in zip(parts, found, strict=True):
            part.extend(names[k] for k in indices)
    return [sorted(part) for part in parts]
