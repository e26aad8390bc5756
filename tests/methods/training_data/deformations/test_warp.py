"""Warps of image, label and landmarks; folding; the bank used in training."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from medtutor.methods.training_data.deformations import (
    ControlGrid,
    FoldedWarp,
    Warp,
    WarpBank,
    blend_covariance,
    draw_warp,
    flip,
    simulate,
    variational_pca,
    vibrational_modes,
)

GRID = ControlGrid((48, 64), 5)
PHYSICAL = vibrational_modes(GRID)
MODEL = blend_covariance(variational_pca(np.zeros((1, GRID.length))), PHYSICAL, 0.0, deviation=1.5)


def seeded(number=0):
    return torch.Generator().manual_seed(number)


def smooth_image(size=(48, 64), seed=0):
    return gaussian_filter(np.random.default_rng(seed).normal(size=size), 4)


def disc(size=(48, 64), radius=13):
    place = np.indices(size) - (np.array(size) / 2).reshape(-1, *[1] * len(size))
    return (place**2).sum(axis=0) < radius**2


def shift(grid, *by):
    return Warp(grid, np.repeat(np.array(by, dtype=float), grid.count))


@pytest.mark.parametrize("size", [(48, 64), (20, 300), (300, 20), (12, 16, 20)])
def test_identity_leaves_the_image_alone(size):
    grid = ControlGrid(size, 4)
    warp = shift(grid, *[0] * len(size))
    image, label = smooth_image(size), disc(size, 4).astype(np.int64)
    assert warp.image(image) == pytest.approx(image, abs=1e-10)
    assert (warp.label(label) == label).all()
    assert warp.jacobian == pytest.approx(np.ones(size))
    assert warp.landmarks(np.ones((2, len(size)))) == pytest.approx(1.0)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_one_voxel_shift_moves_one_voxel_on_the_named_axis(axis):
    grid = ControlGrid((12, 16, 20), 3)
    warp = shift(grid, *np.eye(3)[axis])
    label = np.zeros(grid.size, dtype=np.int64)
    label[5, 6, 7] = 3
    # Pulled from one voxel further on: what stood at 5, 6, 7 now stands one voxel before.
    new = np.argwhere(warp.label(label) == 3)
    assert new.tolist() == [(np.array([5, 6, 7]) - np.eye(3, dtype=int)[axis]).tolist()]
    assert warp.landmarks(np.array([[5.0, 6, 7]])) == pytest.approx(new)


def test_wide_image_keeps_its_columns():
    # An 8-bit cast would fold control columns above 255 onto each other.
    grid = ControlGrid((40, 600), 6)
    assert grid.axes[1].max() == pytest.approx(0.95 * 599)
    image = np.tile(np.arange(600.0), (40, 1))
    moved = shift(grid, 0, 3).image(image)
    assert moved[:, 10:-10] == pytest.approx(image[:, 10:-10] + 3)


def test_fill():
    image = np.ones((48, 64))
    moved = shift(GRID, 0, 5)
    assert moved.image(image)[:, -5:] == pytest.approx(1)             # edge repeated
    assert moved.image(image, fill=-2.0, order=1)[:, -4:] == pytest.approx(-2)
    assert (moved.label(np.ones((48, 64), int), fill=0)[:, -4:] == 0).all()


def test_jacobian_hand_value():
    # u = (0.1 x, 0): stretched by 1.1 along the first axis, det(I + grad u) = 1.1.
    d = np.concatenate([0.1 * GRID.coordinates[:, 0], np.zeros(GRID.count)])
    assert Warp(GRID, d).jacobian == pytest.approx(np.full(GRID.size, 1.1))


@pytest.mark.parametrize("size", [(30, 40), (12, 14, 16)])
def test_gradient_agrees_with_differences(size):
    grid = ControlGrid(size, 4)
    warp = Warp(grid, np.random.default_rng(0).normal(size=grid.length))
    at = np.array([[n // 3 for n in size], [0] * grid.dim])     # inside, and in the margin
    for axis in range(grid.dim):
        step = 1e-4 * np.eye(grid.dim)[axis]
        ahead, behind = (grid.at(warp.displacement, at + s * step) for s in (1, -1))
        slope = (ahead - behind) / 2e-4                          # (2, d)
        for place, wanted in zip(at, slope, strict=True):
            assert warp.gradient[tuple(place)][:, axis] == pytest.approx(wanted, abs=1e-5)


def test_label_of_warp_is_warp_of_label():
    image = gaussian_filter(disc().astype(float), 1.0)
    for seed in range(5):
        warp = draw_warp(MODEL, GRID, seeded(seed))
        one, other = warp.image(image) > 0.5, warp.label(image > 0.5).astype(bool)
        assert 2 * (one & other).sum() / (one.sum() + other.sum()) > 0.98


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_landmarks_round_trip(seed):
    warp = draw_warp(MODEL, GRID, seeded(seed), least=0.3)
    points = np.random.default_rng(seed).uniform([0, 0], [47, 63], size=(20, 2))
    new = warp.landmarks(points)
    assert new + warp.at(new) == pytest.approx(points, abs=1e-5)


def test_landmark_follows_the_image():
    spot = np.exp(-((np.indices((48, 64)) - np.array([20, 30]).reshape(2, 1, 1)) ** 2).sum(0) / 8)
    warp = draw_warp(MODEL, GRID, seeded(3))
    top = np.unravel_index(warp.image(spot).argmax(), spot.shape)
    assert np.abs(warp.landmarks(np.array([[20.0, 30]]))[0] - top).max() < 1


def test_folding_is_shrunk_refused_or_allowed():
    wild = MODEL.scaled(12.0)
    folded = draw_warp(wild, GRID, seeded(), folding="allow")
    assert folded.min_jacobian < 0
    with pytest.raises(FoldedWarp, match="smallest Jacobian -"):
        draw_warp(wild, GRID, seeded(), folding="refuse")
    shrunk = draw_warp(wild, GRID, seeded(), folding="shrink", least=0.2)
    assert shrunk.min_jacobian == pytest.approx(0.2, abs=1e-3)
    factor = shrunk.displacement / folded.displacement
    assert np.ptp(factor) < 1e-9 and 0 < factor[0] < 1
    with pytest.raises(FoldedWarp, match="settle"):
        Warp(GRID, 4 * folded.displacement).landmarks(GRID.coordinates)
    with pytest.raises(FoldedWarp, match="folds"):
        simulate(smooth_image(), disc().astype(int), folded)


def test_stored_warp_repeats_to_the_last_bit(tmp_path):
    warp = draw_warp(MODEL, GRID, seeded(7))
    warp.save(tmp_path / "warp.npz")
    again = Warp.load(tmp_path / "warp.npz")
    assert again.grid == warp.grid
    assert (again.image(smooth_image()) == warp.image(smooth_image())).all()
    with pytest.raises(ValueError, match="read-only"):
        again.displacement[0] = 1


def test_simulate_uses_one_field():
    image, label = smooth_image(), disc().astype(np.uint8)
    warp = draw_warp(MODEL, GRID, seeded(1))
    case = simulate(image, label, warp, landmarks=np.array([[24.0, 32]]))
    assert (case.label == warp.label(label)).all()
    assert (case.image == warp.image(image)).all()
    assert case.landmarks == pytest.approx(warp.landmarks(np.array([[24.0, 32]])))
    assert set(np.unique(case.label)) == {0, 1}


@pytest.mark.parametrize("size", [(48, 64), (10, 12, 14)])
def test_bank_agrees_with_the_warp(size):
    grid = ControlGrid(size, 3)
    warps = [Warp(grid, np.random.default_rng(s).normal(size=grid.length)) for s in range(3)]
    bank = WarpBank.of(warps)
    image = smooth_image(size).astype(np.float32)
    label = disc(size, 4).astype(np.int64)
    batch = torch.from_numpy(image).expand(6, 1, *size), torch.from_numpy(label).expand(6, *size)
    images, labels = bank(*batch, seeded(2))
    pick = torch.randint(3, (6,), generator=seeded(2))
    for new, truth, k in zip(images[:, 0], labels, pick, strict=True):
        assert new.numpy() == pytest.approx(warps[k].image(image, order=1), abs=1e-4)
        assert (truth.numpy() == warps[k].label(label)).mean() > 0.999
    assert labels.dtype == torch.int64


def test_bank_is_determined_and_keeps_some():
    bank = WarpBank.of([draw_warp(MODEL, GRID, seeded(s)) for s in range(4)], keep=0.5)
    images = torch.rand(64, 2, 48, 64, generator=seeded())
    labels = torch.zeros(64, 48, 64, dtype=torch.int64)
    one, other = bank(images, labels, seeded(1))[0], bank(images, labels, seeded(1))[0]
    assert torch.equal(one, other)
    same = ((one - images).abs().amax((1, 2, 3)) < 1e-4).float().mean()
    assert 0.25 < same < 0.75
    still = WarpBank.of([draw_warp(MODEL, GRID, seeded())], keep=1.0)(images, labels, seeded())[0]
    assert still.numpy() == pytest.approx(images.numpy(), abs=1e-4)


def test_flip_takes_image_and_label_together():
    images = torch.rand(32, 1, 6, 8, generator=seeded())
    new, labels = flip(images, images[:, 0], seeded(1))
    assert torch.equal(new[:, 0], labels)
    assert not torch.equal(new, images)
    assert torch.equal(new.sum((2, 3)).round(decimals=3), images.sum((2, 3)).round(decimals=3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda w: w.image(np.zeros((10, 10))), r"size of the warp, \(48, 64\)"),
        (lambda w: w.label(np.zeros((64, 48), int)), r"\(64, 48\)"),
        (lambda w: w.image(np.full((48, 64), np.nan)), "NaN"),
        (lambda w: w.label(np.full((48, 64), 0.5)), "whole numbers"),
        (lambda w: w.label(np.full((48, 64), np.nan)), "whole numbers"),
        (lambda w: w.shrunk(1.5), r"\(0, 1\)"),
        (lambda w: simulate(np.zeros((48, 64)), np.zeros((48, 60)), w), "differ in size"),
        (lambda w: simulate(np.ones((48, 64)), np.zeros((48, 64)), w), "label is empty"),
        (lambda w: draw_warp(MODEL, GRID, seeded(), folding="pray"), "pray"),
        (lambda w: Warp(GRID, np.zeros(7)), "displacement must be"),
        (lambda w: WarpBank.of([w], keep=2), "probability"),
        (lambda w: WarpBank(np.zeros((3, 48, 64))), "fields must be"),
        (lambda w: WarpBank(np.full((1, 2, 8, 8), np.nan)), "NaN"),
        (lambda w: WarpBank.of([w])(torch.zeros(1, 1, 8, 8), torch.zeros(1, 8, 8), seeded()),
         r"bank warps \(48, 64\)"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make(draw_warp(MODEL, GRID, seeded()))


@pytest.mark.parametrize("size", [(20, 24), (12, 14, 16)])
def test_jacobian_is_a_polynomial_in_the_size_of_the_warp(size):
    grid = ControlGrid(size, points=4)
    warp = Warp(grid, np.random.default_rng(3).normal(size=grid.length))
    for s in (0.3, 1.0):
        wanted = np.linalg.det(np.eye(len(size)) + s * warp.gradient)
        orders = np.arange(1, len(size) + 1).reshape(-1, *[1] * len(size))
        np.testing.assert_allclose(1 + (s**orders * warp.minors).sum(0), wanted, atol=1e-12)
    np.testing.assert_allclose(warp.jacobian, np.linalg.det(np.eye(len(size)) + warp.gradient))
