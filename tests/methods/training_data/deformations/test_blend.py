"""Blends, the choice of alpha, the made population, the released tool's loop."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medtutor.methods.training_data.deformations import (
    ControlGrid,
    ShapeModel,
    ShapePopulation,
    alpha_for,
    blend_covariance,
    blend_displacements,
    choose_alpha,
    released_samples,
    variational_pca,
    vibrational_modes,
)

GRID = ControlGrid((40, 60), 4)
PHYSICAL = vibrational_modes(GRID)
EXAMPLES = ShapePopulation(GRID).draw(6, torch.Generator().manual_seed(0))
SEEN = variational_pca(EXAMPLES)


def seeded(number=0):
    return torch.Generator().manual_seed(number)


def covariance(model):
    return (model.vectors * model.variances) @ model.vectors.T


def test_shape():
    model = blend_covariance(SEEN, PHYSICAL, 0.5, modes=7)
    assert model.vectors.shape == (GRID.length, 7)
    assert model.draw(seeded()).shape == (GRID.length,)
    assert model.vectors.T @ model.vectors == pytest.approx(np.eye(7), abs=1e-9)


def test_lecture_formula_hand_value():
    # d = dbar + alpha P b + (1 - alpha) Phi u with the same numbers b and u drawn by hand.
    model = blend_displacements(SEEN, PHYSICAL, 0.3, energy=2.0)
    z = torch.randn(len(model.variances), generator=seeded(4), dtype=torch.float64).numpy()
    b = np.sqrt(SEEN.variances) * z[: len(SEEN.variances)]
    u = 2.0 * np.sqrt(PHYSICAL.variances) * z[len(SEEN.variances) :]
    wanted = SEEN.mean + 0.3 * SEEN.vectors @ b + 0.7 * PHYSICAL.vectors @ u
    assert model.draw(seeded(4)) == pytest.approx(wanted)
    by_hand = 0.3**2 * covariance(SEEN) + 0.7**2 * 4 * PHYSICAL.covariance
    assert covariance(model) == pytest.approx(by_hand)


def test_covariance_form_hand_value():
    model = blend_covariance(SEEN, PHYSICAL, 0.25, deviation=1.5)
    s_p, s_f = covariance(SEEN), PHYSICAL.covariance
    mixed = 0.25 * s_p / np.trace(s_p) + 0.75 * s_f / np.trace(s_f)
    assert np.trace(mixed) == pytest.approx(1)
    assert covariance(model) == pytest.approx(mixed * 1.5**2 * GRID.length, abs=1e-9)
    assert model.deviation == pytest.approx(1.5)


def test_limits():
    only_examples = blend_covariance(SEEN, PHYSICAL, 1.0)
    assert len(only_examples.variances) == len(EXAMPLES) - 1
    assert only_examples.unexplained(EXAMPLES) == pytest.approx(0, abs=1e-9)
    only_physics = blend_covariance(SEEN, PHYSICAL, 0.0)
    assert len(only_physics.variances) == GRID.length - 3
    assert only_physics.vectors.T @ PHYSICAL.rigid == pytest.approx(0, abs=1e-8)
    for blend in (blend_displacements, blend_covariance):
        one = variational_pca(EXAMPLES[:1])                # one example: the physics alone
        assert blend(one, PHYSICAL, 0.5).variances.sum() > 0
        with pytest.raises(ValueError, match="at least two different examples"):
            blend(one, PHYSICAL, 1.0)


def test_alpha_rule():
    assert alpha_for(0, 5) == 0
    assert alpha_for(5, 5) == 0.5
    assert alpha_for(15, 5) == 0.75
    rising = [alpha_for(n, 3) for n in range(20)]
    assert rising == sorted(rising) and rising[-1] < 1


def test_choice_is_the_candidate_of_least_error():
    knobs = {"modes": 5, "candidates": (0.3, 3.0, 30.0)}
    choice = choose_alpha(EXAMPLES, PHYSICAL, **knobs, plateau=1e-9)
    by_hand = {}
    for half in (0.3, 3.0, 30.0):
        errors = []
        for left in range(6):
            rest = np.delete(EXAMPLES, left, axis=0)
            model = blend_covariance(variational_pca(rest), PHYSICAL, 5 / (5 + half), modes=5)
            errors.append(model.unexplained(EXAMPLES[left : left + 1]))
        by_hand[half] = np.mean(errors)
    assert choice.errors == pytest.approx(by_hand)
    assert choice.half == min(by_hand, key=by_hand.get)
    assert choice.alpha == alpha_for(6, choice.half)
    # A plateau as wide as the whole curve: all are equal, the middle candidate it is.
    assert choose_alpha(EXAMPLES, PHYSICAL, **knobs, plateau=9.0).half == 3.0


def test_choice_without_evidence_takes_the_middle():
    assert choose_alpha(EXAMPLES[:1], PHYSICAL, candidates=(1.0, 3.0, 9.0)).half == 3.0


def test_choice_leans_on_springs_for_springs_and_on_examples_for_examples():
    springs = ShapeModel(np.zeros(GRID.length), PHYSICAL.vectors, PHYSICAL.variances)
    generator = seeded(3)
    physical_world = np.stack([springs.draw(generator) for _ in range(30)])
    odd = np.linalg.qr(np.random.default_rng(0).normal(size=(GRID.length, 4)))[0]
    scores = np.random.default_rng(1).normal(size=(30, 4))
    learned_world = scores @ odd.T
    a = choose_alpha(physical_world, PHYSICAL, modes=6).alpha
    b = choose_alpha(learned_world, PHYSICAL, modes=6).alpha
    assert a < 0.6 < b


def test_draws_are_determined_and_follow_the_law():
    model = blend_covariance(SEEN, PHYSICAL, 0.5, deviation=2.0)
    assert (model.draw(seeded(1)) == model.draw(seeded(1))).all()
    assert (model.draw(seeded(1)) != model.draw(seeded(2))).any()
    generator = seeded(5)
    many = np.stack([model.draw(generator) for _ in range(3000)]) - model.mean
    assert np.sqrt((many**2).mean()) == pytest.approx(2.0, rel=0.03)
    flat = ShapeModel(np.zeros(1), np.ones((1, 1)), np.array([4.0]))
    uniform = np.array([flat.draw(generator, law="uniform")[0] for _ in range(3000)])
    assert np.abs(uniform).max() <= 4                     # two deviations of 2
    assert uniform.var() == pytest.approx(16 / 3, rel=0.1)     # (8^2) / 12


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 0.99), st.floats(0.1, 9))
def test_amplitude_is_what_was_asked_for(alpha, deviation):
    model = blend_covariance(SEEN, PHYSICAL, alpha, deviation=deviation)
    assert model.deviation == pytest.approx(deviation)


def test_population_has_the_stated_variation():
    population = ShapePopulation(GRID, swelling=(2.0, 0.0), rest=0.0)
    shapes = population.draw(400, seeded())
    assert np.linalg.matrix_rank(shapes) == 1
    assert np.sqrt((shapes**2).mean()) == pytest.approx(2.0, rel=0.1)
    solid = ShapePopulation(ControlGrid((20, 30, 25), 3)).draw(2, seeded())
    assert solid.shape == (2, 81)


def test_released_amplitude_has_no_unit():
    # Same draws on images of 64 and 256 pixels: the same number of pixels, not the same share.
    small = released_samples(ControlGrid((64, 64), 6), 1, generator=seeded())
    large = released_samples(ControlGrid((256, 256), 6), 1, generator=seeded())
    assert small.modes == 28
    assert small.amplitudes[0] == pytest.approx(large.amplitudes[0])


def test_released_amplitude_grows_with_the_root_of_alpha1():
    rms = {}
    for alpha1 in (0.5, 1.0, 100.0):
        runs = [released_samples(ControlGrid((256, 256), 6), 1, alpha1=alpha1,
                                 generator=seeded(s)).amplitudes[0] for s in range(20)]
        rms[alpha1] = np.mean(runs)
    assert rms[1.0] / rms[0.5] == pytest.approx(np.sqrt(2))
    assert rms[100.0] / rms[1.0] == pytest.approx(10)
    assert rms[0.5] == pytest.approx(1.06, abs=0.1)       # one pixel, whatever the image


def test_released_loop_drifts():
    runs = [released_samples(ControlGrid((256, 256), 6), 20, alpha1=100, generator=seeded(s))
            for s in range(5)]
    first, last = np.mean([run.amplitudes[[0, -1]] for run in runs], axis=0)
    assert last > 1.5 * first


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: blend_covariance(SEEN, PHYSICAL, 1.2), r"\[0, 1\]"),
        (lambda: blend_displacements(SEEN, PHYSICAL, -0.1), r"\[0, 1\]"),
        (lambda: blend_covariance(SEEN, PHYSICAL, 0.5, deviation=0), "deviation"),
        (lambda: blend_covariance(SEEN, PHYSICAL, 0.5, modes=99), "between 1 and 32"),
        (lambda: alpha_for(3, 0), "half > 0"),
        (lambda: choose_alpha(EXAMPLES, PHYSICAL, candidates=()), "candidates"),
        (lambda: SEEN.draw(seeded(), law="cauchy"), "cauchy"),
        (lambda: SEEN.scaled(float("nan")), "deviation"),
        (lambda: variational_pca(EXAMPLES[:1]).scaled(1.0), "no variation"),
        (lambda: released_samples(GRID, 0, generator=seeded()), "count >= 1"),
        (lambda: released_samples(GRID, 1, generator=seeded(), alpha1=-1), "alpha1 >= 0"),
        (lambda: released_samples(GRID, 1, generator=seeded(), modes=33), "between 0 and the 32"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
