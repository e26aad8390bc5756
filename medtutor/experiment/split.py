"""Divide cases into train, valid and test so that nobody stands on two sides."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from medtutor.experiment.seeds import stream_seed


def split(
    count: int,
    fractions: Sequence[float] = (0.6, 0.2, 0.2),
    *,
    seed: int = 0,
    groups: Sequence[Hashable] | None = None,
) -> list[np.ndarray]:
    """Disjoint, sorted indices, one array a fraction.

    ``train, valid, test = split(100, (0.6, 0.2, 0.2), seed=0)``. Where cases belong together
    (images of one patient), ``groups`` keeps each group whole: the parts are then as near to
    their fractions as whole groups allow.

    Args:
        count: number of cases.
        fractions: of each part, above 0, summing to at most 1; what is left over is not used.
        seed: of the shuffle.
        groups: the group of each case, ``count`` of them.

    Raises:
        ValueError: a fraction is out of range, or a part would be empty.
    """
    fractions = [float(f) for f in fractions]
    if not fractions or min(fractions) <= 0 or sum(fractions) > 1 + 1e-9:
        raise ValueError(f"fractions must be above 0 and sum to at most 1; got {fractions}")
    names = list(range(count)) if groups is None else list(groups)
    if len(names) != count:
        raise ValueError(f"groups must name the group of each of {count} cases; got {len(names)}")

    members: dict[Hashable, list[int]] = {}
    for index, name in enumerate(names):
        members.setdefault(name, []).append(index)
    order = list(members.values())
    np.random.default_rng(stream_seed(seed, "split")).shuffle(order)
    # Large groups first: the small ones then even out what the large ones leave.
    order.sort(key=len, reverse=True)

    wanted = np.array([*fractions, max(0.0, 1 - sum(fractions))]) * count
    parts: list[list[int]] = [[] for _ in wanted]
    for group in order:
        missing = wanted - [len(part) for part in parts]
        parts[int(np.argmax(missing))].extend(group)
    parts = parts[: len(fractions)]
    if not all(parts):
        what = "cases" if groups is None else "groups"
        raise ValueError(
            f"{len(order)} {what} do not fill {len(fractions)} parts of {fractions}: "
            f"part {[bool(p) for p in parts].index(False)} would be empty"
        )
    return [np.sort(np.array(part)) for part in parts]
