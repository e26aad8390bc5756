import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtutor.phantoms.dermoscopy_cases import (
    AGE_RANGE,
    COLUMNS,
    COUNTS,
    CRITERIA,
    DIAGNOSES,
    ELEVATIONS,
    FREQUENCIES,
    MELANOMA,
    PATIENT_COUNTS,
    POINTS,
    SEXES,
    SIGNS,
    SITES,
    VESSEL_KINDS,
    diagnosis_probabilities,
    draw_cases,
    seven_point_score,
)


def cases(count, prior=COUNTS, seed=0):
    rng = np.random.default_rng(seed)
    names = ("diagnosis", "atypia", *COLUMNS)
    return draw_cases({name: rng.standard_normal(count) for name in names}, prior)


@pytest.fixture(scope="module")
def many():
    return cases(20_000)


def test_tables():
    assert sum(COUNTS) == 1011 and set(FREQUENCIES) == set(CRITERIA) == set(POINTS)
    for name, table in FREQUENCIES.items():
        assert len(table) == len(DIAGNOSES) and len(POINTS[name]) == len(CRITERIA[name])
        np.testing.assert_allclose(np.sum(table, axis=1), 1, atol=1e-9)
        assert np.min(table) > 0
    assert all(len(table) == len(DIAGNOSES) for table in SIGNS.values())
    for _, counts in PATIENT_COUNTS.values():  # each case once
        np.testing.assert_array_equal(np.sum(counts, axis=1), COUNTS)
    for regular, irregular in VESSEL_KINDS:
        assert sum(regular) == pytest.approx(1) and sum(irregular) == pytest.approx(1)
    assert sum(max(points) for points in POINTS.values()) == 10


def test_frequencies_are_as_stated(many):
    shares = np.bincount(many["diagnosis"], minlength=5) / len(many)
    np.testing.assert_allclose(shares, np.array(COUNTS) / 1011, atol=0.01)
    for y in range(5):
        mine = many[many["diagnosis"] == y]
        for name, table in FREQUENCIES.items():
            seen = np.bincount(mine[name], minlength=len(table[y])) / len(mine)
            # 830 cases in the smallest class: standard error at most 0.017.
            np.testing.assert_allclose(seen, table[y], atol=0.06)


def test_marginals_are_near_the_collection(many):
    # Of 1,011 cases 195 have a veil, 230 an atypical network, 253 regression.
    assert many["blue_whitish_veil"].mean() == pytest.approx(195 / 1011, abs=0.01)
    assert (many["pigment_network"] == 2).mean() == pytest.approx(230 / 1011, abs=0.01)
    assert many["regression_structures"].mean() == pytest.approx(253 / 1011, abs=0.015)


def test_patients(many):
    assert set(many["sex"]) <= set(SEXES) and set(many["site"]) == set(SITES)
    assert set(many["elevation"]) == set(ELEVATIONS)
    assert AGE_RANGE[0] <= many["age"].min() and many["age"].max() <= AGE_RANGE[1]
    age = many.groupby("diagnosis")["age"].mean()
    assert age[MELANOMA] > age[1] + 12
    flat = (many["elevation"] == "flat").groupby(many["diagnosis"]).mean()
    assert flat[1] == pytest.approx(323 / 578, abs=0.02) and flat[0] < 0.06


def test_seven_points_by_hand():
    rows = pd.DataFrame(
        [[0] * 7, [2, 1, 2, 2, 2, 2, 1], [1, 0, 1, 1, 1, 1, 0], [2, 0, 0, 0, 2, 0, 0]],
        columns=list(CRITERIA),
    )
    np.testing.assert_array_equal(seven_point_score(rows), [0, 10, 0, 3])


def test_posterior_by_hand():
    # Of one column and no atypia in the way: Bayes' rule with the table. Veil present:
    # 42 * .21 : 575 * .11 : 252 * .48 : 97 * .01 : 45 * .04 = 8.82 : 63.25 : 120.96 : 0.97 : 1.80
    row = cases(1).assign(blue_whitish_veil=1)
    posterior = diagnosis_probabilities(row, ["blue_whitish_veil"])[0]
    np.testing.assert_allclose(posterior, np.array([8.82, 63.25, 120.96, 0.97, 1.80]) / 195.8,
                               rtol=1e-6)
    # Sex: (18 + 1) / (42 + 2) of carcinomas are men's, and so on.
    men = np.array([19 / 44, 288 / 577, 117 / 254, 41 / 99, 29 / 47]) * COUNTS
    posterior = diagnosis_probabilities(row.assign(sex="male"), ["sex"])[0]
    np.testing.assert_allclose(posterior, men / men.sum(), rtol=1e-6)


def test_nothing_given_is_the_prior():
    np.testing.assert_allclose(diagnosis_probabilities(cases(3), []), [np.array(COUNTS) / 1011] * 3)


@pytest.mark.parametrize("names", [list(CRITERIA), list(COLUMNS), ["age", "irregularity"]])
def test_posterior_is_calibrated(many, names):
    # Of the cases given chance p of melanoma, a share p are melanomas.
    chance = diagnosis_probabilities(many, names)[:, MELANOMA]
    melanoma = many["diagnosis"] == MELANOMA
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        some = (chance >= low) & (chance < low + 0.2)
        if some.sum() > 300:
            error = 4 * np.sqrt(0.25 / some.sum())
            assert melanoma[some].mean() == pytest.approx(chance[some].mean(), abs=error)


def test_bayes_rate(many):
    # More is known, more are right; what is expected is what is found (standard error 0.003).
    right = {}
    for name, given_ in (("age", ["age"]), ("criteria", list(CRITERIA)), ("all", list(COLUMNS))):
        posterior = diagnosis_probabilities(many, given_)
        right[name] = (posterior.argmax(1) == many["diagnosis"]).mean()
        assert right[name] == pytest.approx(posterior.max(1).mean(), abs=0.01)
    assert 575 / 1011 < right["age"] < right["criteria"] < right["all"] < 0.92
    # The checklist at 3 points: derm7pt has 0.93 and 0.82.
    suspect, melanoma = seven_point_score(many) >= 3, many["diagnosis"] == MELANOMA
    assert 0.85 < suspect[melanoma].mean() < 0.95 and 0.78 < (~suspect[~melanoma]).mean() < 0.86


def test_another_prior_shifts_labels_only():
    here, there = cases(1500), cases(1500, prior=(0, 1, 1, 0, 0))
    assert set(there["diagnosis"]) == {1, 2}
    same = here["diagnosis"] == there["diagnosis"]
    pd.testing.assert_frame_equal(here[same], there[same])
    posterior = diagnosis_probabilities(there, prior=(0, 1, 1, 0, 0))
    assert (posterior[:, [0, 3, 4]] == 0).all()
    assert (posterior.argmax(1) == there["diagnosis"]).mean() > 0.9


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sets(st.sampled_from(COLUMNS)))
def test_posterior_is_a_distribution(seed, names):
    if "vessel_kind" in names:
        names = names | {"vascular_structures"}
    posterior = diagnosis_probabilities(cases(5, seed=seed), sorted(names))
    np.testing.assert_allclose(posterior.sum(1), 1)
    assert (posterior >= 0).all()


def test_errors():
    some = cases(2)
    with pytest.raises(ValueError, match="given must be of .*; got hair"):
        diagnosis_probabilities(some, ["age", "hair"])
    with pytest.raises(ValueError, match="without vascular_structures"):
        diagnosis_probabilities(some, ["vessel_kind"])
    for prior in ((1, 2), (0, 0, 0, 0, 0), (1, -1, 1, 1, 1)):
        with pytest.raises(ValueError, match="prior must be 5 numbers"):
            diagnosis_probabilities(some, prior=prior)
    with pytest.raises(ValueError, match="site must be one of .*; got 'knee'"):
        diagnosis_probabilities(some.assign(site="knee"))
