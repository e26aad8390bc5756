from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtutor.phantoms.pet import boxes_around, draw_pet, pet, render_pet
from medtutor.phantoms.pet_physics import (
    HALF_LIFE_MIN,
    SIGMA_PER_FWHM,
    activity_from_suv,
    blur,
    counted,
    recovery_at_centre,
)


@pytest.mark.parametrize("size", [(64, 64), (48, 64), (24, 40, 32)])
def test_shape(size):
    made = pet(5, size=size)
    assert made.images.shape == (5, 1, *size) and made.images.dtype == np.float32
    assert made.labels.shape == made.tracer.shape == (5, *size)
    assert made.labels.dtype == np.int64 and np.isfinite(made.images).all()
    assert (made.images >= 0).all()
    assert len(made) == len(made.scenes.factors) == 5
    assert made.voxel == pytest.approx(192 / max(size))
    lesions = made.scenes.lesions
    for image, label in enumerate(made.labels):
        numbers = lesions.loc[lesions["image"] == image, "lesion"].tolist()
        assert numbers == list(range(1, len(numbers) + 1)) and 1 <= len(numbers) <= 3
        assert set(np.unique(label)) == {0, *numbers}


def test_images_do_not_depend_on_the_count():
    many, few = pet(12, seed=5), pet(3, seed=5, first=7)
    np.testing.assert_array_equal(many.images[7:10], few.images)
    np.testing.assert_array_equal(many.labels[7:10], few.labels)
    assert many.scenes.factors.iloc[7:10].equals(few.scenes.factors)
    assert not np.array_equal(pet(3, seed=6).images, pet(3, seed=5).images)


# Hand values of the physics.

def test_suv_1_is_the_dose_spread_evenly():
    # 350 MBq in 70 kg: 5 kBq in each gram at injection, half of it after one half-life.
    assert activity_from_suv(1.0, 350, 70, 0) == pytest.approx(5.0)
    assert activity_from_suv(1.0, 350, 70, HALF_LIFE_MIN) == pytest.approx(2.5)
    assert activity_from_suv(4.0, 350, 70, 0) == pytest.approx(20.0)


def test_counts_have_variance_equal_to_their_mean():
    generators = [np.random.default_rng(number) for number in range(2)]
    counts = counted(np.full((2, 200, 200), 7.0), generators)
    # 80,000 numbers: the mean's standard error is sqrt(7 / 80000) = 0.009, the variance's 0.036.
    assert counts.mean() == pytest.approx(7, abs=0.05)
    assert counts.var() == pytest.approx(7, abs=0.2)


def test_blur_has_the_width_it_says_and_loses_nothing():
    point = np.zeros((1, 65, 65))
    point[0, 32, 32] = 1
    seen = blur(point, fwhm=12.0, voxel=1.5)[0]
    assert seen.sum() == pytest.approx(1, abs=1e-3)
    # 6 mm (4 voxels) from the point it has fallen to a half.
    assert seen[32, 36] / seen[32, 32] == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("radius", [3.0, 6.0, 12.0])
def test_recovery_is_what_the_blur_leaves(dim, radius):
    axes = np.meshgrid(*[np.arange(-30, 31) * 0.75] * dim, indexing="ij")
    ball = np.clip((radius - np.sqrt(sum(a**2 for a in axes))) / 0.75 + 0.5, 0, 1)
    seen = blur(ball[None], fwhm=6.0, voxel=0.75)[0]
    assert seen[(30,) * dim] == pytest.approx(recovery_at_centre(radius, 6.0, dim), abs=0.01)


def test_recovery_limits():
    assert recovery_at_centre(0, 6) == 0 and recovery_at_centre(1e3, 6) == pytest.approx(1)
    # a = 1 where radius = sqrt(2) sigma: erf(1) - 2 / (e sqrt(pi)) = 0.8427 - 0.4151 = 0.4276
    radius = np.sqrt(2) * SIGMA_PER_FWHM * 6
    assert recovery_at_centre(radius, 6) == pytest.approx(0.4276, abs=1e-4)
    assert recovery_at_centre(radius, 6, dim=2) == pytest.approx(1 - np.exp(-1))


# Each knob.

def test_a_perfect_scanner_shows_the_tracer():
    made = pet(4, fwhm=0, filter_fwhm=0, scan_seconds=np.inf)
    np.testing.assert_allclose(made.images[:, 0], made.tracer, rtol=1e-6)
    lesions = made.scenes.lesions
    whole = lesions[lesions["core"] == 0]
    np.testing.assert_allclose(whole["suv_max"], whole["suv"], rtol=1e-5)


def test_noise_falls_with_the_root_of_time():
    scenes = draw_pet(6)
    truth = render_pet(scenes, scan_seconds=np.inf).images
    spread = [(render_pet(scenes, scan_seconds=s).images - truth).std() for s in (45, 180, 720)]
    assert spread[0] / spread[1] == pytest.approx(2, rel=0.1)
    assert spread[1] / spread[2] == pytest.approx(2, rel=0.1)
    average = np.mean([render_pet(replace(scenes, seed=n)).images for n in range(20)], axis=0)
    assert abs((average - truth).mean()) < 0.01          # no bias


def test_small_lesions_lose_more():
    kept = []
    for diameter in (8.0, 16.0, 32.0):
        lesions = pet(40, diameter=(diameter, diameter), lesions=(1, 1), cold_core=0,
                      scan_seconds=np.inf).scenes.lesions
        kept.append((lesions["suv_max"] / lesions["suv"]).mean())
    assert kept[0] < kept[1] - 0.1 < kept[2] - 0.1


def test_contrast_diameter_and_core_are_as_asked():
    scenes = draw_pet(200, contrast=(3, 8), diameter=(8, 40), cold_core=0.2)
    lesions = scenes.lesions
    ratio = lesions["suv"] / scenes.factors["background"].loc[lesions["image"]].to_numpy()
    assert 3 <= ratio.min() and ratio.max() <= 8
    assert 4 <= lesions["radius"].min() and lesions["radius"].max() <= 20
    assert (lesions["core"] > 0).mean() == pytest.approx(0.2, abs=0.06)
    cold = pet(20, cold_core=1, lesions=(1, 1), diameter=(30, 40), fwhm=0, filter_fwhm=0,
               scan_seconds=np.inf)
    middle = [image[label > 0].min() for image, label in zip(cold.tracer, cold.labels, strict=True)]
    assert max(middle) < 0.2


def test_one_change_leaves_the_rest():
    scenes = draw_pet(3)
    hotter = scenes.lesions.copy()
    hotter.loc[0, "suv"] *= 2
    before = render_pet(scenes, scan_seconds=np.inf, fwhm=0, filter_fwhm=0)
    after = render_pet(replace(scenes, lesions=hotter), scan_seconds=np.inf, fwhm=0, filter_fwhm=0)
    changed = before.tracer != after.tracer
    np.testing.assert_array_equal(before.labels, after.labels)
    assert changed[0].any() and not changed[1:].any()
    inside = changed[0] & (before.labels[0] == 1)
    np.testing.assert_allclose(after.tracer[0][inside] / before.tracer[0][inside], 2, rtol=0.4)
    assert not changed[0][before.labels[0] > 1].any()


def test_structures_keep_their_size_at_another_resolution():
    scenes = draw_pet(4, lesions=(1, 1))
    coarse, fine = (render_pet(scenes, size=(n, n)) for n in (64, 256))
    area = [made.scenes.lesions["voxels"] * made.voxel**2 for made in (coarse, fine)]
    np.testing.assert_allclose(area[0], area[1], rtol=0.15)


def test_boxes_hold_their_lesions_tightly():
    made = pet(6)
    for image in range(6):
        for number, (low, high) in enumerate(made.boxes(image), start=1):
            mask = made.labels[image] == number
            inside = mask[low[0]:high[0], low[1]:high[1]]
            assert inside.sum() == mask.sum()
            assert inside.any(0)[[0, -1]].all()
            assert inside.any(1)[[0, -1]].all()


def test_loose_boxes():
    box = np.array([[[10, 20], [18, 24]]])                 # 8 x 4
    np.testing.assert_array_equal(boxes_around(box, 0, (64, 64)), box)
    np.testing.assert_array_equal(boxes_around(box, 0.5, (64, 64)), [[[8, 19], [20, 25]]])
    np.testing.assert_array_equal(boxes_around(box, 5.0, (64, 64)), [[[0, 10], [38, 34]]])


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), first=st.integers(0, 10**4), dim=st.sampled_from([2, 3]))
def test_lesions_lie_apart(seed, first, dim):
    scenes = draw_pet(2, dim=dim, seed=seed, first=first, lesions=(3, 6))
    for _, rows in scenes.lesions.groupby("image"):
        at, radius = rows[["z", "y", "x"]].to_numpy(), rows["radius"].to_numpy()
        for i in range(len(rows)):
            for j in range(i):
                assert np.linalg.norm(at[i] - at[j]) > radius[i] + radius[j]


def test_a_lesion_smaller_than_a_voxel_is_kept():
    made = pet(10, size=(16, 16), diameter=(3, 3), lesions=(1, 1))
    assert [int((label == 1).sum()) for label in made.labels] == [1] * 10


@pytest.mark.parametrize("wrong, message", [
    (dict(count=0), "count must be 1"), (dict(count=1, size=(8, 8)), "at least 16 voxels"),
    (dict(count=1, size=(64,)), "dim 2 or 3"), (dict(count=1, lesions=(0, 2)), "lesions must be"),
    (dict(count=1, contrast=(5, 3)), "contrast must be"), (dict(count=1, fwhm=-1), "fwhm must be"),
    (dict(count=1, diameter=(8, 90)), "diameter must be .* at most 45"),
    (dict(count=1, cold_core=2), "cold_core is a share"),
    (dict(count=1, scan_seconds=0), "scan_seconds must be above 0"),
])
def test_errors(wrong, message):
    with pytest.raises(ValueError, match=message):
        pet(**wrong)


def test_errors_of_rendering_and_boxes():
    with pytest.raises(ValueError, match="drawn for 2D images"):
        render_pet(draw_pet(1), size=(32, 32, 32))
    with pytest.raises(ValueError, match="loosen must be"):
        boxes_around(np.zeros((1, 2, 2)), -0.1, (8, 8))
    with pytest.raises(ValueError, match="fwhm above 0"):
        recovery_at_centre(3, 0)


def test_factors_are_plain_tables():
    scenes = draw_pet(2)
    assert isinstance(scenes.factors, pd.DataFrame) and scenes.factors.index.name == "image"
    assert {"weight_kg", "dose_mbq", "minutes", "background", "cerebellum"} <= set(scenes.factors)
