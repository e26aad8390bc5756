"""Cases of the dermoscopy phantom: diagnosis, criteria, signs, patient, and the exact posterior.

    diagnosis y ~ prior,   atypia a ~ N(0, 1),
    criterion k: its level rises with  sqrt(r) a + sqrt(1 - r) e_k,  e_k ~ N(0, 1),  cut so that
                 level l has the frequency FREQUENCIES[y][k][l],
    sign j:      s_j = mean[y, j] + sd[y, j] z_j,  z_j ~ N(0, 1); the z of two of them share a too,
    patient:     age, sex, site, elevation, each by its frequency in y.

So the joint distribution is known, and with it the chance of each diagnosis given any of the
columns, which no network can beat: `diagnosis_probabilities`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import log_ndtr, logsumexp, ndtr, ndtri

DIAGNOSES = ("basal cell carcinoma", "nevus", "melanoma", "miscellaneous", "seborrheic keratosis")
"""Miscellaneous: dermatofibroma, lentigo, melanosis, vascular lesion."""
MELANOMA = 2
THREE = ("absent", "regular", "irregular")
CRITERIA: dict[str, tuple[str, ...]] = {
    "pigment_network": ("absent", "typical", "atypical"),
    "blue_whitish_veil": ("absent", "present"),
    "vascular_structures": THREE,
    "pigmentation": THREE,
    "streaks": THREE,
    "dots_and_globules": THREE,
    "regression_structures": ("absent", "present"),
}
"""Levels of each criterion, as derm7pt groups them; columns hold the place in these tuples."""
POINTS = {
    "pigment_network": (0, 0, 2), "blue_whitish_veil": (0, 2), "vascular_structures": (0, 0, 2),
    "pigmentation": (0, 0, 1), "streaks": (0, 0, 1), "dots_and_globules": (0, 0, 1),
    "regression_structures": (0, 1),
}  # fmt: skip
"""Of the seven-point checklist (Argenziano et al., 1998): major criteria 2, minor ones 1."""
COUNTS = (42, 575, 252, 97, 45)
"""Cases of each diagnosis in derm7pt (Kawahara et al., 2019)."""

# Share of each level among the cases of a diagnosis, counted in derm7pt's table of 1,011 cases,
# rounded to 0.01, never 0. Rows as DIAGNOSES.
FREQUENCIES: dict[str, tuple[tuple[float, ...], ...]] = {
    "pigment_network": ((.92, .05, .03), (.34, .52, .14), (.32, .13, .55), (.54, .38, .08),
                        (.73, .16, .11)),
    "blue_whitish_veil": ((.79, .21), (.89, .11), (.52, .48), (.99, .01), (.96, .04)),
    "vascular_structures": ((.36, .62, .02), (.90, .07, .03), (.68, .14, .18), (.86, .10, .04),
                            (.78, .18, .04)),
    "pigmentation": ((.69, .01, .30), (.65, .14, .21), (.43, .01, .56), (.67, .22, .11),
                     (.22, .33, .45)),
    "streaks": ((.92, .01, .07), (.69, .16, .15), (.37, .03, .60), (.82, .10, .08),
                (.91, .02, .07)),
    "dots_and_globules": ((.45, .02, .53), (.20, .50, .30), (.08, .04, .88), (.56, .20, .24),
                          (.49, .27, .24)),
    "regression_structures": ((.83, .17), (.79, .21), (.56, .44), (.90, .10), (.93, .07)),
}  # fmt: skip
SEXES = ("female", "male")
SITES = ("abdomen", "acral", "back", "buttocks", "chest", "genital areas", "head neck",
         "lower limbs", "upper limbs")  # fmt: skip
ELEVATIONS = ("flat", "palpable", "nodular")
# Numbers of cases in the same table, one added to each so that nothing is impossible.
PATIENT_COUNTS = {
    "sex": (SEXES, ((24, 18), (288, 287), (136, 116), (57, 40), (17, 28))),
    "site": (SITES, ((1, 0, 18, 0, 1, 0, 17, 1, 4), (90, 52, 177, 17, 57, 0, 19, 107, 56),
                     (18, 3, 68, 3, 31, 1, 23, 73, 32), (5, 7, 6, 1, 5, 7, 22, 19, 25),
                     (11, 0, 12, 0, 6, 0, 11, 0, 5))),
    "elevation": (ELEVATIONS, ((0, 27, 15), (322, 224, 29), (73, 124, 55), (50, 35, 12),
                               (3, 33, 9))),
}  # fmt: skip
AGES = ((66.0, 14.0), (42.0, 18.5), (62.0, 16.0), (54.0, 16.0), (65.0, 13.0))
"""Mean and deviation before the ages are cut to 5 to 95 years. Nevus, melanoma and keratosis: as in
ISIC 2017's table; the others, of which it has none, are choices near HAM10000's."""
AGE_RANGE = (5.0, 95.0)

# Continuous signs, (mean, deviation) of a transformed value for each diagnosis: all choices.
# diameter in mm, irregularity of the outline, melanin and blood added (volume fractions), width of
# the border in mm, uneven pigment from side to side: logarithm. Keratin in (0, 1): logit.
SIGNS: dict[str, tuple[tuple[float, float], ...]] = {
    "diameter_mm": ((1.80, .50), (1.70, .50), (2.00, .50), (1.75, .50), (2.00, .50)),
    "irregularity": ((-2.15, .45), (-2.35, .45), (-2.05, .45), (-2.3, .45), (-2.2, .45)),
    "melanin": ((-3.2, .8), (-2.3, .75), (-2.0, .75), (-2.6, .85), (-2.3, .75)),
    "blood": ((-4.5, .6), (-5.3, .6), (-5.1, .7), (-4.9, 1.0), (-5.3, .7)),
    "border_mm": ((0.3, .5), (0.2, .5), (0.0, .5), (0.3, .5), (-0.2, .5)),
    "unevenness": ((-0.9, .5), (-1.1, .5), (-0.8, .5), (-1.1, .5), (-0.9, .5)),
    "keratin": ((-3.3, 1.2), (-4.0, 1.2), (-3.7, 1.2), (-3.6, 1.2), (-1.8, 1.2)),
}  # fmt: skip
WITH_ATYPIA = ("irregularity", "unevenness")
VESSELS = ("arborizing", "comma", "hairpin", "dotted", "linear")
"""The first three are regular vessels, the last two irregular."""
# Kind among regular, then among irregular vessels: derm7pt's cases rounded, those within regression
# and wreaths left out.
VESSEL_KINDS = (
    ((.90, .04, .06), (.90, .10)), ((.15, .75, .10), (.90, .10)), ((.33, .07, .60), (.63, .37)),
    ((.28, .42, .30), (.90, .10)), ((.12, .13, .75), (.90, .10)),
)  # fmt: skip
CORRELATION = 0.05
"""r, the share of variance that atypia gives to a criterion's hidden scale within a diagnosis.
Small: in derm7pt's table rank correlations of criteria within nevus and melanoma average 0.02."""
COLUMNS = (*CRITERIA, *SIGNS, "vessel_kind", "age", "sex", "site", "elevation")
"""What depends on the diagnosis; everything else in the factors does not."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(41)


def draw_cases(normal: Mapping[str, np.ndarray], prior: Sequence[float]) -> pd.DataFrame:
    """Cases from standard normal numbers.

    Args:
        normal: a (N,) array for each name: "diagnosis", "atypia" and those of `COLUMNS`. Another
            prior changes the diagnosis of some cases, and nothing of the others.
        prior: chance of each of `DIAGNOSES`.
    """
    diagnosis = _category(normal["diagnosis"], np.tile(check_prior(prior), (1, 1)))
    atypia = normal["atypia"]
    shared, own = np.sqrt(CORRELATION), np.sqrt(1 - CORRELATION)
    columns: dict[str, np.ndarray] = {"diagnosis": diagnosis, "atypia": atypia}
    for name, table in FREQUENCIES.items():
        hidden = shared * atypia + own * normal[name]
        columns[name] = _category(hidden, np.array(table)[diagnosis])
    for name, table in SIGNS.items():
        mean, deviation = np.array(table)[diagnosis].T
        z = normal[name]
        if name in WITH_ATYPIA:
            z = shared * atypia + own * z
        value = mean + deviation * z
        columns[name] = 1 / (1 + np.exp(-value)) if name == "keratin" else np.exp(value)
    irregular = columns["vascular_structures"] == 2
    kinds = np.array([(*regular, *other) for regular, other in VESSEL_KINDS])[diagnosis]
    kinds[columns["vascular_structures"] == 0] = (1, 1, 1, 0, 0)  # not seen: says nothing
    kinds[irregular, :3] = 0
    kinds[~irregular, 3:] = 0
    columns["vessel_kind"] = np.array(VESSELS)[_category(normal["vessel_kind"], kinds)]
    mean, deviation = np.array(AGES)[diagnosis].T
    low, high = (ndtr((end - mean) / deviation) for end in AGE_RANGE)
    columns["age"] = mean + deviation * ndtri(low + (high - low) * ndtr(normal["age"]))
    for name, (levels, counts) in PATIENT_COUNTS.items():
        columns[name] = np.array(levels)[_category(normal[name], _shares(counts)[diagnosis])]
    return pd.DataFrame(columns)


def seven_point_score(factors: pd.DataFrame) -> np.ndarray:
    """Points of the seven-point checklist, 0 to 10, (N,). Melanoma is suspected from 3 on."""
    return sum(np.array(points)[factors[name]] for name, points in POINTS.items())


def diagnosis_probabilities(
    factors: pd.DataFrame,
    given: Sequence[str] = COLUMNS,
    prior: Sequence[float] = COUNTS,
) -> np.ndarray:
    """P(diagnosis | these columns), exact under the model above, (N, 5).

        log P(y | .) = log prior_y + log int N(a; 0, 1) prod_k P(c_k | y, a) da
                       + sum of the other columns' log P(. | y) + constant

    the integral by Gauss-Hermite quadrature with 41 points. An image shows what its factors say,
    and of those only `COLUMNS` depend on the diagnosis: so no classifier, whatever it sees, is
    right more often than the arg max of this (given all columns and the prior that holds).

    Args:
        factors: of `draw_dermoscopy`, perhaps changed.
        given: the columns that are known, of `COLUMNS`.
        prior: chance of each diagnosis, of any sum.

    Raises:
        ValueError: a column that says nothing about the diagnosis.
    """
    unknown = [name for name in given if name not in COLUMNS]
    if unknown:
        raise ValueError(f"given must be of {', '.join(COLUMNS)}; got {', '.join(unknown)}")
    if "vessel_kind" in given and "vascular_structures" not in given:
        raise ValueError("vessel_kind says nothing without vascular_structures: give both")
    with np.errstate(divide="ignore"):  # a diagnosis that does not occur
        total = np.tile(np.log(check_prior(prior)), (len(factors), 1))
    shared, own = np.sqrt(CORRELATION), np.sqrt(1 - CORRELATION)
    for y in range(len(DIAGNOSES)):
        beside = np.zeros((len(factors), len(_NODES)))  # log P(. | y, a)
        for name in given:
            if name in CRITERIA:
                cuts = _cuts(np.array(FREQUENCIES[name][y]))[:, None]
                ends = (cuts - shared * _NODES) / own  # (L + 1, 41)
                beside += _log_between(ends[:-1], ends[1:])[factors[name].to_numpy(int)]
            elif name in SIGNS:
                z = (_transformed(name, factors[name]) - SIGNS[name][y][0]) / SIGNS[name][y][1]
                part = own if name in WITH_ATYPIA else 1.0
                mean = shared * _NODES if name in WITH_ATYPIA else 0.0
                beside += -(((z[:, None] - mean) / part) ** 2) / 2 - np.log(SIGNS[name][y][1])
            elif name == "vessel_kind":  # without vessels it is drawn alike for all diagnoses
                seen = factors["vascular_structures"].to_numpy() > 0
                total[:, y] += np.where(seen, _log_patient(factors[name], name, y), 0)
            else:
                total[:, y] += _log_patient(factors[name], name, y)
        total[:, y] += logsumexp(beside, b=_WEIGHTS, axis=1)
    return np.exp(total - logsumexp(total, axis=1, keepdims=True))


def check_prior(prior: Sequence[float]) -> np.ndarray:
    """The prior, summing to 1."""
    shares = np.asarray(prior, float)
    right = shares.shape == (len(DIAGNOSES),) and bool((shares >= 0).all())
    if not right or not 0 < shares.sum() < np.inf:
        raise ValueError(
            f"prior must be {len(DIAGNOSES)} numbers, 0 or more and not all 0, one each for "
            f"{', '.join(DIAGNOSES)}; got {prior}"
        )
    return shares / shares.sum()


def _shares(counts: Sequence[Sequence[int]]) -> np.ndarray:
    table = np.array(counts) + 1.0
    return table / table.sum(1, keepdims=True)


def _cuts(shares: np.ndarray) -> np.ndarray:
    """Ends of each level on a standard normal scale, (L + 1,)."""
    return np.concatenate([[-np.inf], ndtri(np.cumsum(shares)[:-1] / shares.sum()), [np.inf]])


def _category(normal: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The level in which each standard normal number falls, (N,), by shares (N or 1, L)."""
    upper = np.cumsum(shares, axis=1)
    below = ndtr(normal)[:, None] * upper[:, -1:] >= upper[:, :-1]
    return below.sum(1)


def _log_between(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Log of (ndtr(high) - ndtr(low)), from the side where it is exact."""
    flip = low > 0
    low, high = np.where(flip, -high, low), np.where(flip, -low, high)
    return log_ndtr(high) + np.log1p(-np.exp(log_ndtr(low) - log_ndtr(high)))


def _transformed(name: str, values: pd.Series) -> np.ndarray:
    value = values.to_numpy(float)
    return np.log(value / (1 - value)) if name == "keratin" else np.log(value)


def _log_patient(values: pd.Series, name: str, y: int) -> np.ndarray:
    """Log of P(value | y) of one of the columns that stand alone."""
    if name == "age":
        mean, deviation = AGES[y]
        z = (values.to_numpy(float) - mean) / deviation
        inside = np.diff(ndtr((np.array(AGE_RANGE) - mean) / deviation))[0]
        return -(z**2) / 2 - np.log(deviation * inside)
    if name == "vessel_kind":  # given whether vessels are irregular, which the kind itself says
        levels, shares = VESSELS, np.concatenate(VESSEL_KINDS[y])
    else:
        levels, counts = PATIENT_COUNTS[name]
        shares = _shares(counts)[y]
    place = pd.Index(levels).get_indexer(values)
    if (place < 0).any():
        odd = values[place < 0].iloc[0]
        raise ValueError(f"{name} must be one of {', '.join(levels)}; got {odd!r}")
    return np.log(shares[place])
