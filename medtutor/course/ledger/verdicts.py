"""From measured values to a verdict: the rule of each kind of claim.

Four kinds place the paired difference d (method minus baseline, or minus the expected number) in a
region, with margin m (``lower_is_better`` mirrors the first two):

=============== ===================================================================
better_than     d > m
no_worse_than   d > -m
close_to        -m < d < m
exact           |d| <= m in every seed (m = 1e-6 where the claim names none)
=============== ===================================================================

*reproduced* when the whole 95 % interval of d lies inside the region, *not reproduced* when it lies
outside, *inconclusive* otherwise. Such a verdict needs five seeds, at least the profile
``judge_from``, and some spread between the seeds; short of these the best is *direction only*: the
mean lies in the region. If the mean stands on the region's edge, "reproduced" comes up in 2.5 % of
runs. ``exact`` is arithmetic, not sampling: any profile and any number of seeds may judge it.

``monotone_in`` (values at L levels of a knob) claims that no step to the next level falls back by
more than m, and that the last level differs from the first in the claimed direction. *Reproduced*
when the interval of every step lies above -m and that of the whole change above 0. All L
statements must hold at once, so none needs a correction (the intersection-union test, Berger 1982).
*Not reproduced* when some step's interval lies below -m or that of the whole change below 0, each
Bonferroni-corrected for these L looks. *Direction only* when the whole change is shown and every
mean step goes the claimed way. With m = 0 every single step has to be shown: give a margin where
the paper's curve has a plateau.
"""

from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike

from medtutor.course.declaration.schema import PROFILES, Claim
from medtutor.course.stats import Floats, PairedDifference, finite, paired_interval

Verdict = Literal["reproduced", "direction only", "inconclusive", "not reproduced", "not run"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
LEAST_SEEDS = 5
LEVEL = 0.95
EXACT_MARGIN = 1e-6


class Judgement(NamedTuple):
    """What the values say about a claim.

    ``estimate`` is the mean difference (monotone_in: last level minus first; exact: the largest
    deviation), ``interval`` its 95 % interval or None, ``why`` the reason for the verdict in words.
    """

    estimate: float
    interval: tuple[float, float] | None
    verdict: Verdict
    why: str


def judge(
    claim: Claim,
    profile: str,
    method: ArrayLike,
    baseline: ArrayLike | None = None,
    *,
    method_cases: ArrayLike | None = None,
    baseline_cases: ArrayLike | None = None,
    levels: ArrayLike | None = None,
    same_cases: bool = True,
) -> Judgement:
    """Judge a claim by values that were measured with the same seeds in both arms.

    Args:
        claim: what is claimed, from ``chapter.yml``.
        profile: quick, lesson or full.
        method: (S,), one value a seed; for monotone_in (S, L), one a seed and level.
        baseline: (S,), paired with ``method``. Where the claim names its expected number, that is
            what the method is compared with, and a baseline is only shown.
        method_cases: (S, C), the value of each test case; for monotone_in (S, L, C).
        baseline_cases: (S, C), the same cases.
        levels: (L,), the knob's values, increasing; for monotone_in only.
        same_cases: the test cases are the same in every seed (see ``paired_interval``).

    Returns:
        Estimate, interval, verdict and the reason.

    Raises:
        ValueError: values that are missing, too many, not finite or of the wrong shape.
    """
    if claim.kind == "monotone_in":
        if baseline is not None or baseline_cases is not None:
            raise ValueError("baseline: wanted none for monotone_in, which compares levels")
        return _monotone(claim, profile, method, method_cases, levels, same_cases)
    if levels is not None:
        raise ValueError(f"levels: wanted for monotone_in only, given for {claim.kind}")
    difference = _difference(claim, finite(method, "method", 1), baseline, "baseline", 1)
    if claim.kind == "exact":
        return _exact(claim, difference)
    cases = _case_difference(claim, method_cases, baseline_cases)
    _same_mean(method, method_cases, "method")
    _same_mean(baseline, baseline_cases, "baseline")
    paired = paired_interval(difference, cases, crossed=same_cases, level=LEVEL)
    low, high, words = _region(claim)
    inside = low < paired.mean < high or (
        claim.kind == "no_worse_than" and paired.mean in (low, high)
    )
    if cannot := _cannot_judge(claim, profile, len(difference), paired):
        side = "the mean lies on the claimed side" if inside else "the mean is not on its side"
        verdict: Verdict = "direction only" if inside else "inconclusive"
        return Judgement(paired.mean, paired.interval, verdict, f"{cannot}; {side} ({words})")
    assert paired.interval is not None
    bottom, top = paired.interval
    if low < bottom and top < high:
        verdict, why = "reproduced", f"the whole 95 % interval lies {words}"
    elif top < low or bottom > high:
        verdict, why = "not reproduced", f"no part of the 95 % interval lies {words}"
    else:
        verdict, why = "inconclusive", f"only a part of the 95 % interval lies {words}"
    return Judgement(paired.mean, paired.interval, verdict, why)


def _region(claim: Claim) -> tuple[float, float, str]:
    """The open interval in which the claim puts the difference, and its name."""
    margin = claim.margin
    if claim.kind == "close_to":
        return -margin, margin, f"within ±{margin:g}"
    edge = margin if claim.kind == "better_than" else -margin
    if claim.measure.lower_is_better:
        return -np.inf, -edge + 0.0, f"below {-edge + 0.0:g}"
    return edge + 0.0, np.inf, f"above {edge + 0.0:g}"


def _cannot_judge(claim: Claim, profile: str, seeds: int, paired: PairedDifference) -> str:
    """Why no full verdict may be given, empty where it may."""
    if PROFILES.index(profile) < PROFILES.index(claim.judge_from):
        return f"profile {profile}, judged from {claim.judge_from} on"
    if seeds < LEAST_SEEDS:
        return f"{seeds} seed{'s' * (seeds > 1)}, a verdict needs {LEAST_SEEDS}"
    if paired.interval is None:
        return "all seeds agree to rounding, so there is no spread to judge by"
    return ""


def _difference(
    claim: Claim, values: Floats, other: ArrayLike | None, name: str, ndim: int
) -> Floats:
    if claim.expected is not None:
        return values - claim.expected
    if other is None:
        raise ValueError(
            f"{name}: wanted the values of {claim.measure.baseline!r}, which claim {claim.id!r} "
            "compares with, given none"
        )
    against = finite(other, name, ndim)
    if against.shape != values.shape:
        raise ValueError(
            f"{name}: wanted shape {values.shape} as the method has (the same seeds"
            f"{' and cases' * (ndim > 1)}), given {against.shape}"
        )
    return values - against


def _case_difference(
    claim: Claim, method: ArrayLike | None, baseline: ArrayLike | None
) -> Floats | None:
    if method is None and baseline is None:
        return None
    if method is None:
        raise ValueError("method_cases: wanted as baseline_cases is given, given none")
    values = finite(method, "method_cases", 2)
    return _difference(claim, values, baseline, "baseline_cases", 2)


def _same_mean(values: ArrayLike | None, cases: ArrayLike | None, arm: str) -> None:
    """Refuse cases that do not belong to the values; the slack lets rounded ones pass."""
    if values is None or cases is None:
        return
    table = np.asarray(cases, dtype=np.float64)                         # (S, C) or (S, L, C)
    means, given = table.mean(axis=-1), np.asarray(values, dtype=np.float64)
    off = np.abs(means - given)
    if off.max() > 1e-3 * np.abs(table).max():
        place = tuple(int(step) for step in np.unravel_index(off.argmax(), off.shape))
        raise ValueError(
            f"{arm}_cases: wanted values whose mean over the cases is {arm}'s value, given a mean "
            f"of {means[place]:.6g} where {arm} has {given[place]:.6g} (seed number {place[0]}): "
            "record the mean over these cases, or leave the cases out"
        )


def _exact(claim: Claim, difference: Floats) -> Judgement:
    margin = claim.margin or EXACT_MARGIN
    worst = float(difference[np.abs(difference).argmax()])
    count = int((np.abs(difference) <= margin).sum())
    why = f"{count} of {len(difference)} values agree within {margin:g}"
    return Judgement(
        worst, None, "reproduced" if count == len(difference) else "not reproduced", why
    )


def _monotone(
    claim: Claim,
    profile: str,
    method: ArrayLike,
    method_cases: ArrayLike | None,
    levels: ArrayLike | None,
    same_cases: bool,
) -> Judgement:
    values = finite(method, "method", 2)                                        # (S, L)
    seeds, count = values.shape
    knob = finite(levels if levels is not None else [], "levels", 1)
    if len(knob) != count or count < 2 or (np.diff(knob) <= 0).any():
        raise ValueError(
            f"levels: wanted {max(count, 2)} increasing values, one a column of method "
            f"{(seeds, count)}, given {knob.tolist()}"
        )
    cases = None if method_cases is None else finite(method_cases, "method_cases", 3)
    if cases is not None and cases.shape[:2] != values.shape:
        raise ValueError(
            f"method_cases: wanted shape ({seeds}, {count}, C), given {cases.shape}"
        )
    _same_mean(values, cases, "method")
    sign = 1.0 if claim.direction == "increasing" else -1.0

    def change(first: int, last: int, level: float = LEVEL) -> PairedDifference:
        over = None if cases is None else sign * (cases[:, last] - cases[:, first])     # (S, C)
        steps = sign * (values[:, last] - values[:, first])
        return paired_interval(steps, over, crossed=same_cases, level=level)

    whole = change(0, count - 1)
    steps = [change(j, j + 1) for j in range(count - 1)]
    worst = min(range(count - 1), key=lambda j: _ends(steps[j])[0])
    held = -claim.margin
    goes = whole.mean > 0 and all(step.mean > held for step in steps)
    strict = 1 - (1 - LEVEL) / count
    fell = [j for j in range(count - 1) if _ends(change(j, j + 1, strict))[1] < held]
    names = [f"{float(level):g}" for level in knob]
    weakest = f"the weakest step is {names[worst]} to {names[worst + 1]}"
    verdict: Verdict
    if cannot := _cannot_judge(claim, profile, seeds, whole):
        verdict = "direction only" if goes else "inconclusive"
        why = f"{cannot}; {'every' if goes else 'not every'} mean step goes the claimed way"
    elif fell:
        verdict = "not reproduced"
        why = f"the step {names[fell[0]]} to {names[fell[0] + 1]} goes the other way"
    elif _ends(change(0, count - 1, strict))[1] < 0:
        verdict, why = "not reproduced", "the whole change goes the other way"
    elif _ends(whole)[0] > 0 and all(_ends(step)[0] > held for step in steps):
        verdict, why = "reproduced", f"the interval of every step holds; {weakest}"
    elif _ends(whole)[0] > 0 and goes:
        verdict = "direction only"
        why = f"the whole change is shown, but not every step by itself; {weakest}"
    else:
        verdict, why = "inconclusive", f"neither shown nor refuted; {weakest}"
    span = whole.interval and (sign * whole.interval[0], sign * whole.interval[1])
    interval = (min(span), max(span)) if span else None
    return Judgement(sign * whole.mean, interval, verdict, why)


def _ends(paired: PairedDifference) -> tuple[float, float]:
    """The interval's ends; the mean twice where there is no spread."""
    return paired.interval or (paired.mean, paired.mean)
