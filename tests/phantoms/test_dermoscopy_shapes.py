from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation

from medtutor.phantoms.dermoscopy import dermoscopy, draw_dermoscopy, render_dermoscopy
from medtutor.phantoms.dermoscopy_shapes import grid_of, lesion_of, smooth_noise, strokes


def test_area_is_pi_r_squared():
    for bend in (0.0, 0.6):
        factors = draw_dermoscopy(6, seed=2).assign(
            diameter_mm=8.0, centre_x_mm=0.0, centre_y_mm=0.0, bend=bend, aspect=1.5
        )
        made = render_dermoscopy(factors, size=(128, 128))
        area = made.masks.sum((1, 2)) * (made.factors["field_mm"] / 128) ** 2
        np.testing.assert_allclose(area, np.pi * 16, rtol=0.02)


def unseen(mask, centre):
    """Share of the mask's pixels that a straight line from the centre reaches only outside."""
    near = binary_dilation(mask, np.ones((3, 3)))
    points = np.argwhere(mask)
    steps = np.linspace(0, 1, 40)[:, None, None]
    way = np.round(centre + steps * (points - centre)).astype(int)
    return 1 - near[way[..., 0], way[..., 1]].all(0).mean()


def test_star_shapes_and_others():
    factors = draw_dermoscopy(16, not_star=0, seed=4).assign(diameter_mm=6.0)
    assert factors["star_shaped"].all()
    made = render_dermoscopy(factors, size=(96, 96))
    pixel = factors["field_mm"].to_numpy() / 96
    centres = factors[["centre_y_mm", "centre_x_mm"]].to_numpy() / pixel[:, None] + 47.5
    assert max(unseen(m, c) for m, c in zip(made.masks, centres, strict=True)) == 0
    bent = draw_dermoscopy(5, not_star=1, seed=4).assign(
        diameter_mm=6.0, centre_x_mm=0.0, centre_y_mm=0.0
    )
    assert not bent["star_shaped"].any()
    for mask in render_dermoscopy(bent, size=(96, 96)).masks:  # not from any of their pixels
        assert min(unseen(mask, centre) for centre in np.argwhere(mask)[::17]) > 0.005
    assert draw_dermoscopy(400, not_star=0.3)["star_shaped"].mean() == pytest.approx(0.7, abs=0.07)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), bend=st.sampled_from([0.0, 0.6]))
def test_places_on_the_skin_are_where_they_should(seed, bend):
    factors = draw_dermoscopy(3, seed=seed).assign(bend=bend)
    rng = np.random.default_rng(seed)
    share, turn = rng.uniform(0.1, 1.2, (3, 4)), rng.uniform(1, 359, (3, 4))
    lesion = lesion_of(factors)
    x, y = lesion.on_skin(share, turn)
    for k in range(4):  # a grid of one pixel at that place
        grid = replace(grid_of(np.ones(3), (1, 1)), x=x[:, k, None], y=y[:, k, None])
        found, direction, _ = lesion.own_frame(grid)
        np.testing.assert_allclose(found[:, 0, 0], share[:, k], rtol=1e-3)
        np.testing.assert_allclose(direction[:, 0, 0], turn[:, k], atol=0.1)


def test_strokes_keep_their_area():
    grid = grid_of(np.full(2, 64.0), (64, 64))  # pixels of 1 mm
    for radius in (0.1, 0.4, 2.0):
        start, end = np.array([[-15.3, -3.2]]), np.array([[14.1, 6.0]])
        cover = strokes(np.array([1]), start, end, np.array([radius]), grid)
        assert not cover[0].any() and cover.max() <= 1
        long = np.hypot(29.4, 9.2)
        assert cover.sum() == pytest.approx(2 * radius * long + np.pi * radius**2, rel=0.06)
    assert not strokes(np.zeros(0, int), start[:0], end[:0], np.zeros(0), grid).any()


def test_noise_has_unit_variance_and_no_grid():
    lattice = np.random.default_rng(0).standard_normal((200, 1, 16, 16), np.float32)
    field = smooth_noise(lattice, 1.0, grid_of(np.full(200, 8.0), (32, 32)))[0]
    assert field.mean() == pytest.approx(0, abs=0.05)
    assert field.var() == pytest.approx(1, rel=0.05)
    fine = smooth_noise(lattice, 1.0, grid_of(np.full(200, 8.0), (96, 96)))[0]
    np.testing.assert_allclose(fine[:, 1::3, 1::3], field, atol=1e-4)


def test_lesions_are_darker_than_their_skin():
    made = dermoscopy(60, seed=1)
    grey = made.images.mean(1)
    darker = [g[~m].mean() - g[m].mean() for g, m in zip(grey, made.masks, strict=True) if m.any()]
    assert len(darker) == 60 and np.mean(np.array(darker) > 0) > 0.9
    assert 0.05 < np.median(made.masks.mean((1, 2))) < 0.2  # ISIC 2017: 0.13
