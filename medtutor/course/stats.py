"""Intervals of a paired difference that keep their coverage at five seeds.

Two arms are run with the same seeds (same split, same initial weights), so each seed gives one
difference. Five such numbers are few: the percentile bootstrap of five values covers the truth in
about 83 % of the cases where it says 95 % (``tests/course/test_stats.py`` measures it), Student's t
covers it in 95 %. Where both arms were scored on the same test cases in every seed, another draw of
test cases would have given another mean too. That second source is added as in reader studies of
medical imaging, with the seeds in the place of the readers: the crossed random-effects layout of
Obuchowski and Rockette (1995) and Dorfman, Berbaum and Metz (1992), with degrees of freedom in the
manner of Satterthwaite (1946) and Hillis (2007).
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]
_ROUNDING = 1e-9           # a spread below this share of the values is rounding, not sampling
_LARGEST_EXACT = 20         # 2^20 sign patterns take a second


class PairedDifference(NamedTuple):
    """A mean paired difference and how well it is known.

    ``interval`` is None where nothing can be said: fewer than two seeds, or no spread at all.
    """

    mean: float
    interval: tuple[float, float] | None
    standard_error: float | None
    degrees_of_freedom: float | None


def paired_interval(
    differences: ArrayLike,
    cases: ArrayLike | None = None,
    *,
    crossed: bool = True,
    level: float = 0.95,
) -> PairedDifference:
    r"""Student's t interval of the mean paired difference, over seeds and (if given) test cases.

    Over seeds alone, with d_s the difference of seed s and S seeds::

        mean d ± t(S - 1) √V_seed,     V_seed = Σ (d_s - d)² / (S (S - 1))

    With values per test case, d_sc = mu + a_s + b_c + e_sc: a seed effect, a case effect and a
    rest, all random. The mean over both has the variance σa²/S + σb²/C + σe²/(SC). The spread of
    the row means (seeds) holds the first and the last term, the spread of the column means (cases)
    the second and the last; the last, estimated from the residuals, is therefore taken off once::

        V = max(V_seed + V_case - V_rest, V_seed, V_case)
        V_case = Σ (m_c - d)² / (C (C - 1)),     m_c the mean over seeds of case c
        V_rest = Σ (d_sc - d_s - m_c + d)² / (S C (S - 1) (C - 1))
        degrees of freedom = V² / (V_seed² / (S - 1) + V_case² / (C - 1)),
                             at least the smaller of S - 1 and C - 1

    V_case is what resampling the cases gives: the variance over bootstrap draws of cases of the
    mean over seeds, times C / (C - 1), in the closed form that it has for a mean, so that no random
    numbers are needed. The maximum, and leaving V_rest out of the degrees of freedom, both widen
    the interval. Where each seed has test cases of its own (``crossed=False``) the spread between
    seeds already contains the drawing of cases, and V = V_seed.

    Assumptions: seeds are exchangeable, cases are (patients, not slices of one patient), and the
    mean is near normal. Differences of two arms whose values scatter alike are symmetric, and then
    heavy tails make the interval wider, not too narrow. Where one arm fails rarely but badly, five
    seeds often hold no failure and the interval covers less than it says (exponential differences:
    about 88 %, measured in the tests).

    Limits: with σb = σe = 0 it is the interval over seeds; with no spread between seeds it is the
    interval over cases.

    Args:
        differences: (S,), method minus baseline, one value a seed.
        cases: (S, C), method minus baseline of each case; the mean over C is ``differences``.
        crossed: the columns of ``cases`` are the same test cases in every seed.
        level: coverage, in (0, 1).

    Returns:
        Mean, interval, standard error and degrees of freedom; the last three are None with fewer
        than two seeds or where all values agree to rounding.

    Raises:
        ValueError: NaN or infinity, a wrong shape.
    """
    values = finite(differences, "differences", ndim=1)
    if not 0 < level < 1:
        raise ValueError(f"level: wanted a number between 0 and 1, given {level}")
    table = None if cases is None else _checked_cases(cases, values)
    mean = float(values.mean())
    count = len(values)
    if count < 2:
        return PairedDifference(mean, None, None, None)
    variance = float(values.var(ddof=1)) / count
    freedom = float(count - 1)
    if table is not None and crossed:
        variance, freedom = _with_cases(variance, table)
    error = math.sqrt(variance)
    if error <= _ROUNDING * float(np.abs(values).max()):
        return PairedDifference(mean, None, None, None)
    reach = float(special.stdtrit(freedom, (1 + level) / 2)) * error
    return PairedDifference(mean, (mean - reach, mean + reach), error, freedom)


def sign_flip_p(differences: ArrayLike, *, alternative: str = "two-sided") -> float:
    """Exact p-value of the mean difference when the labels of the arms are swapped seed by seed.

    If the arms do not differ, each of the 2^S patterns of signs is equally likely; p is the share
    of patterns whose mean is at least as extreme as the one seen (Fisher, 1935). It needs no
    normality. It cannot be smaller than 1 / 2^S (two-sided: twice that), which is 1/16 at five
    seeds: no two-sided 5 % verdict can rest on it there, so it stands beside the interval.

    Args:
        differences: (S,), 1 to 20 values.
        alternative: ``"two-sided"``, ``"greater"`` (the mean is above zero) or ``"less"``.

    Returns:
        The p-value, in [1 / 2^S, 1].

    Raises:
        ValueError: NaN or infinity, a wrong shape, more than 20 values, an unknown alternative.
    """
    values = finite(differences, "differences", ndim=1)
    if alternative not in ("two-sided", "greater", "less"):
        raise ValueError(
            f"alternative: wanted 'two-sided', 'greater' or 'less', given {alternative!r}"
        )
    if len(values) > _LARGEST_EXACT:
        raise ValueError(
            f"differences: wanted at most {_LARGEST_EXACT} values (2^S patterns are counted), "
            f"given {len(values)}: use paired_interval"
        )
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums - value, sums + value])             # (2^S,)
    seen = values.sum()
    slack = 1e-9 * np.abs(values).sum()                                 # ties stay ties
    if alternative == "two-sided":
        return float(np.mean(np.abs(sums) >= abs(seen) - slack))
    sign = 1 if alternative == "greater" else -1
    return float(np.mean(sign * sums >= sign * seen - slack))


def finite(values: ArrayLike, name: str, ndim: int | None = None) -> Floats:
    """Return the values as a float64 array, or say which one is not a finite number.

    Args:
        values: numbers, nested lists of them, arrays; torch tensors on the CPU too.
        name: what the message calls them.
        ndim: how many axes they must have; None leaves it open.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}: wanted numbers, every row of the same length, given {_short(values)}"
        ) from None
    if ndim is not None and array.ndim != ndim:
        axes = {1: "one value a seed", 2: "rows (seeds) of values", 3: "seeds, levels, cases"}
        raise ValueError(
            f"{name}: wanted {ndim} axes ({axes.get(ndim, '')}), given shape {array.shape}"
        )
    if array.size == 0:
        raise ValueError(f"{name}: wanted at least one value, given shape {array.shape}")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        place = tuple(int(step) for step in bad[0])
        at = ", ".join(str(step) for step in place)
        raise ValueError(
            f"{name}: wanted finite numbers, given {array[place]} at [{at}] "
            f"({len(bad)} of {array.size} are not finite): leave such cases out of both arms, or "
            "record what they count as"
        )
    return array


def _checked_cases(cases: ArrayLike, differences: Floats) -> Floats:
    table = finite(cases, "cases", ndim=2)
    if table.shape[0] != len(differences) or table.shape[1] < 2:
        raise ValueError(
            f"cases: wanted ({len(differences)}, C) with at least two cases C, "
            f"one row a seed, given shape {table.shape}"
        )
    return table


def _with_cases(seed_variance: float, table: Floats) -> tuple[float, float]:
    """Variance of the mean over seeds and cases, and its degrees of freedom; table is (S, C)."""
    seeds, cases = table.shape
    row, column = table.mean(axis=1, keepdims=True), table.mean(axis=0)     # (S, 1), (C,)
    case_variance = float(column.var(ddof=1)) / cases
    rest = float(np.square(table - row - column + table.mean()).sum())
    rest_variance = rest / (seeds * cases * (seeds - 1) * (cases - 1))
    variance = max(seed_variance + case_variance - rest_variance, seed_variance, case_variance)
    if variance == 0:
        return 0.0, float(min(seeds, cases) - 1)
    parts = seed_variance**2 / (seeds - 1) + case_variance**2 / (cases - 1)
    return variance, max(variance**2 / parts, float(min(seeds, cases) - 1))


def _short(values: Any) -> str:
    text = repr(values) if isinstance(values, Sequence) else type(values).__name__
    return text if len(text) <= 80 else text[:77] + "..."
