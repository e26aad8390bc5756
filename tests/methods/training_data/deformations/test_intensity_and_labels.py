"""Bias field, noise, and the way from label maps to displacement vectors."""

import numpy as np
import pytest
import torch

from medtutor.methods.training_data.deformations import (
    BiasField,
    ControlGrid,
    Warp,
    add_noise,
    boundary_points,
    displacements_to,
    draw_bias_field,
    fit_displacement,
    rescaled,
)


def seeded(number=0):
    return torch.Generator().manual_seed(number)


def ellipse(size, radii, centre=None):
    centre = (np.array(size) - 1) / 2 if centre is None else np.array(centre)
    place = np.indices(size) - centre.reshape(-1, *[1] * len(size))
    return ((place / np.array(radii).reshape(-1, *[1] * len(size))) ** 2).sum(axis=0) <= 1


RAMP = np.linspace(0, 4, 30 * 40).reshape(30, 40)


def test_bias_hand_value():
    grid = ControlGrid((30, 40), 4, margin=0.0)
    even = BiasField(grid, np.full(16, 0.25), strength=0.5)             # field 0.125 everywhere
    assert even.field == pytest.approx(np.full((30, 40), 0.125))
    assert even.apply(RAMP) == pytest.approx(RAMP + 4 * 0.125)
    assert even.apply(RAMP, how="multiply") == pytest.approx(RAMP * 1.125)


def test_bias_is_smooth_bounded_and_determined():
    bias = draw_bias_field((60, 90), seeded(), strength=0.5)
    assert np.abs(bias.values).max() <= 0.5
    assert np.abs(np.diff(bias.field, axis=0)).max() < 0.1
    assert (bias.field == draw_bias_field((60, 90), seeded(), strength=0.5).field).all()
    assert draw_bias_field((8, 9), seeded(), strength=0).apply(np.ones((8, 9))) == pytest.approx(1)
    assert draw_bias_field((8, 9, 10), seeded()).field.shape == (8, 9, 10)


@pytest.mark.parametrize("kind", ["gaussian", "poisson", "salt_and_pepper", "speckle"])
def test_noise_knobs(kind):
    image = np.ones((200, 200))
    image[0] = 0                                            # so that it can be rescaled
    assert add_noise(image, kind, seeded(), amount=0) == pytest.approx(image)
    noisy = add_noise(image, kind, seeded(), amount=0.04)
    assert (noisy == add_noise(image, kind, seeded(), amount=0.04)).all()
    bright = noisy[1:]
    if kind == "salt_and_pepper":       # half of 4 % turns black, the other half stays white
        assert (bright == 0).mean() == pytest.approx(0.02, abs=0.003)
    else:                               # variance = amount at value 1, for all three
        assert bright.var() == pytest.approx(0.04, rel=0.05)
        assert bright.mean() == pytest.approx(1, abs=0.01)
    if kind in ("poisson", "speckle"):
        assert noisy[0] == pytest.approx(0)                 # no signal, no noise
    if kind == "gaussian":
        assert add_noise(image, kind, seeded(), amount=0.04, mean=0.5).mean() == pytest.approx(
            noisy.mean() + 0.5)


def test_rescaled():
    assert rescaled(RAMP).min() == 0 and rescaled(RAMP).max() == 1


@pytest.mark.parametrize("size", [(40, 60), (24, 30, 36)])
def test_boundary_points_of_an_ellipse(size):
    radii = np.array(size) / 4
    points = boundary_points(ellipse(size, radii).astype(int), 1, rays=40)
    away = (points - (np.array(size) - 1) / 2) / radii
    assert (away**2).sum(axis=1) == pytest.approx(np.ones(40), abs=0.25)


def test_fit_reproduces_a_shift_and_passes_through_points():
    grid = ControlGrid((40, 60), 5)
    new = np.array([[10.0, 10], [10, 50], [30, 10], [30, 50], [20, 30]])
    shift = fit_displacement(grid, new, new + [2.0, -1.0])
    assert shift.reshape(2, -1) == pytest.approx(np.array([[2.0], [-1.0]]) * np.ones((2, 25)))
    old = new + np.array([[1.0, 0], [0, 1], [-1, 0], [0, -1], [0, 0]])
    tight = fit_displacement(grid, new, old, stiffness=1e-6)
    assert new + grid.at(tight, new) == pytest.approx(old, abs=1e-3)
    stiff = fit_displacement(grid, new, old, stiffness=1e6)
    assert np.abs(stiff).max() < np.abs(tight).max()


@pytest.mark.parametrize("size", [(48, 64), (24, 28, 32)])
def test_reference_takes_the_shape_of_each_example(size):
    grid = ControlGrid(size, 6)
    reference = ellipse(size, np.array(size) / 4).astype(int)
    centre = (np.array(size) - 1) / 2 + 2
    examples = [ellipse(size, np.array(size) / 4 * (1, 1.3, 0.8)[: len(size)], centre).astype(int)]
    examples.append(ellipse(size, np.array(size) / 5).astype(int))
    displaced = displacements_to(reference, examples, grid, stiffness=0.05)
    for example, d in zip(examples, displaced, strict=True):
        moved = Warp(grid, d).label(reference)
        before = 2 * (reference & example).sum() / (reference.sum() + example.sum())
        after = 2 * (moved & example).sum() / (moved.sum() + example.sum())
        assert after > 0.85 > before               # radii of 5 to 8 voxels: digital edges


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rescaled(np.full((4, 4), 7.0)), r"constant \(7"),
        (lambda: rescaled(np.array([1.0, np.nan])), "NaN"),
        (lambda: add_noise(RAMP, "snow", seeded()), "snow"),
        (lambda: add_noise(RAMP, "gaussian", seeded(), amount=-1), "at least 0"),
        (lambda: add_noise(RAMP, "salt_and_pepper", seeded(), amount=2), "at most 1"),
        (lambda: draw_bias_field((8, 8), seeded(), strength=-1), "strength"),
        (lambda: draw_bias_field((8, 8), seeded()).apply(RAMP), r"\(8, 8\)"),
        (lambda: draw_bias_field((8, 8), seeded()).apply(np.ones((8, 8)), how="x"), "multiply"),
        (lambda: boundary_points(np.zeros((5, 5), int), 1), "no voxel of value 1"),
        (lambda: displacements_to(np.zeros((5, 5), int), [], ControlGrid((5, 5), 2)), "empty"),
        (lambda: displacements_to(np.ones((5, 5), int), [np.ones((5, 6), int)],
                                  ControlGrid((5, 5), 2)), "example 0 has size"),
        (lambda: fit_displacement(ControlGrid((5, 5), 2), np.ones((2, 2)), np.ones((3, 2))),
         "of one shape"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
