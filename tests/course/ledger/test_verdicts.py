"""The rules of a verdict: by hand, as properties, and by 2,000 simulated claims at a time."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from medtutor.course.declaration.schema import Claim
from medtutor.course.ledger.verdicts import judge

CLAIMS = 2000
SEEDS = 5


def claim(kind="better_than", lower=False, baseline="old", **more):
    baseline = None if kind == "monotone_in" or "expected" in more else baseline
    if kind == "monotone_in":
        more = {"direction": "increasing", **more}
    return Claim.model_validate({
        "id": "made_up", "says": "this is so", "paper": {"where": "nowhere"}, "kind": kind,
        "measure": {"metric": "dice", "method": "new", "baseline": baseline,
                    "lower_is_better": lower}, **more})


def arms(differences):
    """Two arms, scattered alike over seeds, with these paired differences."""
    base = np.linspace(0.6, 0.7, len(differences))
    return base + np.asarray(differences), base


TIGHT = np.array([0.09, 0.1, 0.11, 0.1, 0.1])             # mean 0.1, interval about ± 0.009
LOOSE = np.array([-0.2, 0.3, 0.4, -0.1, 0.1])             # mean 0.1, interval reaches far below 0


@pytest.mark.parametrize("rule, shift, verdict", [
    (claim(), 0.0, "reproduced"),
    (claim(), -0.1, "inconclusive"),
    (claim(), -0.2, "not reproduced"),
    (claim(margin=0.05), 0.0, "reproduced"),
    (claim(margin=0.1), 0.0, "inconclusive"),
    (claim(margin=0.2), 0.0, "not reproduced"),
    (claim(lower=True), 0.0, "not reproduced"),
    (claim(lower=True), -0.2, "reproduced"),
    (claim(lower=True, margin=0.05), -0.2, "reproduced"),
    (claim(lower=True, margin=0.15), -0.2, "not reproduced"),
    (claim("no_worse_than", margin=0.05), -0.1, "reproduced"),
    (claim("no_worse_than", margin=0.05), -0.15, "inconclusive"),
    (claim("no_worse_than", margin=0.05), -0.2, "not reproduced"),
    (claim("no_worse_than", lower=True, margin=0.05), -0.1, "reproduced"),
    (claim("no_worse_than", lower=True, margin=0.05), 0.0, "not reproduced"),
    (claim("close_to", margin=0.05), -0.1, "reproduced"),
    (claim("close_to", margin=0.05), -0.05, "inconclusive"),
    (claim("close_to", margin=0.05), 0.0, "not reproduced"),
    (claim("close_to", margin=0.05), -0.2, "not reproduced"),
])
def test_regions(rule, shift, verdict):
    found = judge(rule, "lesson", *arms(TIGHT + shift))
    assert found.verdict == verdict
    assert found.estimate == pytest.approx(0.1 + shift)
    assert found.interval[0] < found.estimate < found.interval[1]
    assert "interval" in found.why


def test_close_to_a_number():
    rule = claim("close_to", expected=0.5, margin=0.03)
    assert judge(rule, "lesson", 0.4 + TIGHT).verdict == "reproduced"
    assert judge(rule, "lesson", 0.6 + TIGHT).verdict == "not reproduced"
    assert judge(rule, "lesson", 0.4 + TIGHT).estimate == pytest.approx(0)


def test_an_interval_on_both_sides_is_inconclusive():
    assert judge(claim(), "lesson", *arms(LOOSE)).verdict == "inconclusive"


@pytest.mark.parametrize("profile, seeds, why", [
    ("lesson", 4, "4 seeds, a verdict needs 5"),
    ("lesson", 1, "1 seed, a verdict needs 5"),
    ("quick", 5, "profile quick, judged from lesson on"),
    ("quick", 1, "profile quick, judged from lesson on"),
])
def test_direction_only_is_the_best_of_a_small_run(profile, seeds, why):
    good = judge(claim(), profile, *arms(TIGHT[:seeds]))
    assert good.verdict == "direction only" and good.why.startswith(why)
    assert judge(claim(), profile, *arms(-TIGHT[:seeds])).verdict == "inconclusive"


def test_judge_from():
    late = claim(judge_from="full")
    assert judge(late, "lesson", *arms(TIGHT)).verdict == "direction only"
    assert judge(late, "full", *arms(TIGHT)).verdict == "reproduced"
    assert judge(claim(judge_from="quick"), "quick", *arms(TIGHT)).verdict == "reproduced"


def test_seeds_without_spread_judge_nothing():
    found = judge(claim(), "lesson", [0.8] * 5, [0.7] * 5)
    assert found.verdict == "direction only" and found.interval is None
    assert "no spread" in found.why
    equal = judge(claim("no_worse_than"), "lesson", [0.7] * 5, [0.7] * 5)
    assert equal.verdict == "direction only"                 # equal is no worse, and is not better
    assert judge(claim(), "lesson", [0.7] * 5, [0.7] * 5).verdict == "inconclusive"


def test_cases_widen_the_interval():
    rng = np.random.default_rng(0)
    new = 0.02 + 0.3 * rng.standard_normal((1, 8)) + 0.001 * rng.standard_normal((5, 8))
    old = np.zeros((5, 8))
    alone = judge(claim(), "lesson", new.mean(1), old.mean(1))
    same = judge(claim(), "lesson", new.mean(1), old.mean(1), method_cases=new, baseline_cases=old)
    own = judge(claim(), "lesson", new.mean(1), old.mean(1), method_cases=new, baseline_cases=old,
                same_cases=False)
    assert alone.verdict == own.verdict == "reproduced" and alone.interval == own.interval
    assert same.verdict == "inconclusive" and same.estimate == alone.estimate


def test_exact():
    rule = claim("exact", expected=0.1)
    assert judge(rule, "quick", [0.1 + 1e-9]).verdict == "reproduced"         # any profile
    off = judge(rule, "lesson", [0.1, 0.1, 0.1002])
    assert off.verdict == "not reproduced" and off.interval is None
    assert off.estimate == pytest.approx(0.0002)
    assert off.why == "2 of 3 values agree within 1e-06"
    assert judge(claim("exact", margin=0.001, expected=0.1), "quick", [0.1002]).verdict \
        == "reproduced"
    assert judge(claim("exact"), "quick", [1, 2], [1, 2]).verdict == "reproduced"


RISING = np.array([[0.10, 0.20, 0.31], [0.12, 0.21, 0.30], [0.09, 0.20, 0.32],
                   [0.11, 0.19, 0.30], [0.10, 0.22, 0.33]])


def test_monotone():
    found = judge(claim("monotone_in"), "lesson", RISING, levels=[1, 2, 4])
    assert found.verdict == "reproduced" and found.estimate == pytest.approx(0.208)
    down = claim("monotone_in", direction="decreasing")
    turned = judge(down, "lesson", RISING[:, ::-1], levels=[1, 2, 4])
    assert turned.verdict == "reproduced" and turned.estimate == pytest.approx(-0.208)
    assert turned.interval == pytest.approx((-found.interval[1], -found.interval[0]))
    assert judge(down, "lesson", RISING, levels=[1, 2, 4]).verdict == "not reproduced"
    assert judge(claim("monotone_in"), "lesson", RISING[:4], levels=[1, 2, 4]).verdict \
        == "direction only"
    assert judge(claim("monotone_in"), "quick", RISING[:1, ::-1], levels=[1, 2, 4]).verdict \
        == "inconclusive"


def test_monotone_with_a_step_back_or_a_plateau():
    levels = [1, 2, 3, 4]
    back = np.insert(RISING, 2, RISING[:, 1] - 0.05, axis=1) + \
        0.002 * np.arange(20).reshape(5, 4) % 0.007
    found = judge(claim("monotone_in"), "lesson", back, levels=levels)
    assert found.verdict == "not reproduced" and "the step 2 to 3" in found.why
    flat = np.insert(RISING, 2, RISING[:, 1] + [0.004, -0.003, 0.002, 0.003, -0.001], axis=1)
    found = judge(claim("monotone_in"), "lesson", flat, levels=levels)
    assert found.verdict == "direction only" and "weakest step is 2 to 3" in found.why
    patient = claim("monotone_in", margin=0.01)
    assert judge(patient, "lesson", flat, levels=levels).verdict == "reproduced"


def test_monotone_over_cases():
    rng = np.random.default_rng(1)
    cases = RISING[:, :, None] + 0.2 * rng.standard_normal((1, 1, 6))     # (S, L, C)
    cases = cases + 0.3 * rng.standard_normal((1, 3, 6))     # levels suit cases unlike
    values = cases.mean(2)
    over = judge(claim("monotone_in"), "lesson", values, method_cases=cases, levels=[1, 2, 4])
    seeds = judge(claim("monotone_in"), "lesson", values, levels=[1, 2, 4])
    width = over.interval[1] - over.interval[0]
    assert width > 2 * (seeds.interval[1] - seeds.interval[0])


tables = arrays.arrays(np.float64, st.tuples(st.just(5), st.integers(2, 6)),
                       elements=st.floats(-1, 1).map(lambda x: round(x, 3)))
kinds = st.sampled_from([claim(), claim(lower=True), claim(margin=0.1),
                         claim("no_worse_than", margin=0.2), claim("close_to", margin=0.3)])


def both(rule, new, old):
    return judge(rule, "lesson", new.mean(1), old.mean(1), method_cases=new, baseline_cases=old)


def clear(found, rule):
    """No end of the interval and no mean stands on an edge, where rounding decides."""
    edges = np.array([0, rule.margin, -rule.margin])
    ends = np.array([*(found.interval or ()), found.estimate])
    return np.abs(ends[:, None] - edges).min() > 1e-6


@settings(deadline=None)
@given(kinds, tables, st.randoms(use_true_random=False), st.floats(-3, 3))
def test_adding_the_same_to_both_arms_changes_nothing(rule, new, random, shift):
    old = new[:, ::-1] * random.choice([0.5, -0.5, 0.9])
    found, moved = both(rule, new, old), both(rule, new + shift, old + shift)
    assume(found.interval is not None and clear(found, rule))
    assume(found.interval[1] - found.interval[0] > 1e-6)
    assert moved.verdict == found.verdict
    assert moved.interval == pytest.approx(found.interval, abs=1e-9)


@settings(deadline=None)
@given(tables, st.floats(0.1, 100))
def test_scale(new, scale):
    old = 0.5 * new[:, ::-1]
    found = both(claim(margin=0.1), new, old)
    assume(found.interval is not None and clear(found, claim(margin=0.1)))
    scaled = both(claim(margin=0.1 * scale), scale * new, scale * old)
    assert scaled.verdict == found.verdict
    assert np.allclose(scaled.interval, scale * np.array(found.interval))


@settings(deadline=None)
@given(tables)
def test_swapping_the_arms_flips_the_interval(new):
    old = 0.5 * new[:, ::-1]
    found, other = both(claim(), new, old), both(claim(lower=True), old, new)
    assume(found.interval is not None and clear(found, claim()))
    assert other.interval == pytest.approx((-found.interval[1], -found.interval[0]))
    assert other.verdict == found.verdict                # lower is better: the same claim, mirrored


# --- what the verdicts are worth: simulated claims through the real judge -------------------------

NOISE = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "skewed": lambda rng, shape: rng.exponential(size=shape) - 1,
    "lognormal": lambda rng, shape: rng.lognormal(0, 1, shape),
    "heavy-tailed": lambda rng, shape: rng.standard_t(2, shape),
}


def simulated(noise, effect, cases, seed=0):
    """Verdicts of claims: both arms share seed and case effects, each has its own noise on top."""
    rng = np.random.default_rng(seed)
    draw, verdicts = NOISE[noise], []
    for _ in range(CLAIMS):
        if not cases:
            shared = draw(rng, SEEDS)
            new, old = shared + draw(rng, SEEDS) + effect, shared + draw(rng, SEEDS)
            verdicts.append(judge(claim(), "lesson", new, old).verdict)
            continue
        shared = draw(rng, (SEEDS, 1)) + draw(rng, (1, cases))
        new, old = (shared + draw(rng, (SEEDS, 1)) + draw(rng, (1, cases))
                    + draw(rng, (SEEDS, cases)) for _ in range(2))
        verdicts.append(both(claim(), new + effect, old).verdict)
    return verdicts


@pytest.mark.parametrize("cases", [0, 20])
@pytest.mark.parametrize("noise", NOISE)
def test_no_difference_is_rarely_reproduced(noise, cases):
    """Without a difference, "reproduced" appears in at most 5 % (by design 2.5 %)."""
    verdicts = simulated(noise, 0.0, cases)
    assert verdicts.count("reproduced") <= 0.05 * CLAIMS
    assert verdicts.count("not reproduced") <= 0.05 * CLAIMS
    assert "direction only" not in verdicts


@pytest.mark.parametrize("cases", [0, 20])
def test_a_large_difference_is_reproduced(cases):
    """Three standard deviations of the paired difference: at least 90 %."""
    verdicts = simulated("normal", 3 * 2**0.5, cases)
    assert verdicts.count("reproduced") >= 0.9 * CLAIMS


@pytest.mark.parametrize("rule, edge", [
    (claim(margin=1.0), 1.0),
    (claim("no_worse_than", margin=1.0), -1.0),
    (claim("no_worse_than", margin=1.0, lower=True), 1.0),
    (claim("close_to", margin=5.0), 5.0),
    (claim("close_to", margin=5.0), -5.0),
])
def test_no_kind_is_reproduced_on_its_edge(rule, edge):
    differences = np.random.default_rng(1).standard_normal((CLAIMS, SEEDS)) + edge
    verdicts = [judge(rule, "lesson", d, np.zeros(SEEDS)).verdict for d in differences]
    assert verdicts.count("reproduced") <= 0.05 * CLAIMS
    assert verdicts.count("not reproduced") <= 0.05 * CLAIMS


@pytest.mark.parametrize("means, margin", [
    ([0, 0], 0), ([0, 0, 0, 0], 0),                 # no trend at all
    ([0, 9, 9], 0),                                 # one flat step in a steep curve
    ([0, 9, 8, 17], 1),                             # one step back by just the margin
])
def test_monotone_is_rarely_reproduced_where_it_is_false(means, margin):
    noise = np.random.default_rng(2).standard_normal((CLAIMS, SEEDS, len(means)))
    rule, levels = claim("monotone_in", margin=margin), range(len(means))
    verdicts = [judge(rule, "lesson", x + means, levels=levels).verdict for x in noise]
    assert verdicts.count("reproduced") <= 0.05 * CLAIMS
    assert verdicts.count("not reproduced") <= 0.05 * CLAIMS


def test_a_steep_curve_is_reproduced():
    noise = np.random.default_rng(3).standard_normal((CLAIMS, SEEDS, 4))
    rule, means = claim("monotone_in"), 6 * np.arange(4)
    verdicts = [judge(rule, "lesson", x + means, levels=range(4)).verdict for x in noise]
    assert verdicts.count("reproduced") >= 0.9 * CLAIMS


FIVE = [0.1, 0.2, 0.3, 0.4, 0.5]
TABLE = [[0.1, 0.2]] * 5


@pytest.mark.parametrize("call, words", [
    (lambda: judge(claim(), "lesson", FIVE), "wanted the values of 'old'"),
    (lambda: judge(claim(), "lesson", FIVE, FIVE[:4]), "wanted shape (5,) as the method has"),
    (lambda: judge(claim(), "lesson", TABLE, FIVE), "method: wanted 1 axes"),
    (lambda: judge(claim(), "lesson", FIVE, [*FIVE[:4], np.nan]), "baseline: wanted finite"),
    (lambda: judge(claim(), "lesson", FIVE, FIVE, levels=[1]), "for monotone_in only"),
    (lambda: judge(claim(), "lesson", FIVE, FIVE, method_cases=TABLE), "baseline_cases: wanted"),
    (lambda: judge(claim(), "lesson", FIVE, FIVE, baseline_cases=TABLE), "method_cases: wanted"),
    (lambda: judge(claim(), "lesson", FIVE, FIVE, method_cases=TABLE, baseline_cases=TABLE),
     "given a mean of 0.15 where method has 0.5 (seed number 4)"),
    (lambda: judge(claim("monotone_in"), "lesson", TABLE), "levels: wanted"),
    (lambda: judge(claim("monotone_in"), "lesson", TABLE, levels=[2, 1]), "increasing values"),
    (lambda: judge(claim("monotone_in"), "lesson", TABLE, levels=[1, 2, 3]), "given [1.0, 2.0, 3"),
    (lambda: judge(claim("monotone_in"), "lesson", FIVE, levels=[1]), "method: wanted 2 axes"),
    (lambda: judge(claim("monotone_in"), "lesson", TABLE, FIVE, levels=[1, 2]), "wanted none for"),
    (lambda: judge(claim("monotone_in"), "lesson", TABLE, levels=[1, 2],
                   method_cases=np.zeros((5, 3, 2))), "method_cases: wanted shape (5, 2, C)"),
])
def test_errors(call, words):
    with pytest.raises(ValueError) as caught:
        call()
    assert words in str(caught.value)
