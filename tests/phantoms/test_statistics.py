"""Numbers of real and made images, by hand; distances between samples."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtutor.phantoms.statistics import (
    around,
    asymmetry,
    brightness,
    chest_numbers,
    compare,
    gland_numbers,
    hue,
    in_words,
    irregularity,
    lesion_numbers,
    reduced,
    region_numbers,
    table,
)


def disc(side=100, radius=25.0, at=(50, 50)):
    y, x = np.indices((side, side))
    return (y - at[0]) ** 2 + (x - at[1]) ** 2 < radius**2


def rectangle(height, width, side=100):
    mask = np.zeros((side, side), bool)
    mask[20 : 20 + height, 20 : 20 + width] = True
    return mask


def coloured(mask, inside, outside):
    return np.where(mask, np.reshape(inside, (3, 1, 1)), np.reshape(outside, (3, 1, 1)))


def test_lesion_by_hand():
    mask = disc()
    found = lesion_numbers(coloured(mask, (0.4, 0.2, 0.2), (0.8, 0.4, 0.4)), mask)
    assert found["area"] == mask.mean()
    assert found["contrast"] == pytest.approx(0.5)      # all three channels are halved
    assert found["unevenness"] == pytest.approx(0, abs=1e-9)
    assert found["lesion hue"] == found["skin hue"] == pytest.approx(0)
    assert found["irregularity"] == pytest.approx(1, abs=0.03)
    assert found["asymmetry"] == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize(("colour", "degrees"), [
    ((1, 0, 0), 0), ((1, 1, 0), 60), ((0, 1, 0), 120), ((1, 0, 1), -60), ((0, 0, 1), -120),
    ((1, 0.5, 0), 30),   # atan2(sqrt(3) 0.5, 1.5) = atan(0.577)
])  # fmt: skip
def test_hue_by_hand(colour, degrees):
    image = np.ones((3, 4, 4)) * np.reshape(colour, (3, 1, 1))
    assert hue(image, np.ones((4, 4), bool)) == pytest.approx(degrees)


def test_brightness_and_grey_has_no_hue():
    grey = np.full((3, 4, 4), 0.3)
    assert brightness(grey) == pytest.approx(0.3)
    assert all(np.isnan(hue(grey, np.full((4, 4), some))) for some in (True, False))


def test_outlines_by_hand():
    # Pixels in four directions: an upright square reads 1.13, where (4 s)^2 / (4 pi s^2) is 1.27.
    assert irregularity(rectangle(50, 50)) == pytest.approx(1.13, abs=0.01)
    assert irregularity(rectangle(15, 60)) > irregularity(rectangle(25, 50)) > 1.2
    y, x = np.indices((100, 100)) - 50
    angle, radius = np.arctan2(y, x), np.hypot(y, x)
    stars = [irregularity(radius < 25 * (1 + bend * np.cos(7 * angle))) for bend in (0, 0.1, 0.3)]
    assert stars == sorted(stars) and stars[2] > 1.5 * stars[0]
    assert np.isnan(irregularity(np.zeros((5, 5), bool)))


def test_asymmetry():
    assert asymmetry(rectangle(20, 50)) == pytest.approx(0, abs=0.02)
    bite = rectangle(40, 60)
    bite[20:45, 50:80] = False
    assert asymmetry(bite) > 0.1
    assert np.isnan(asymmetry(np.zeros((5, 5), bool)))


def test_the_ring_is_beside_the_region():
    mask, ring = disc(), around(disc())
    distance = np.hypot(*(np.indices(mask.shape) - 50))
    assert not (mask & ring).any()
    assert 26 <= distance[ring].min() <= 28 and 35 <= distance[ring].max() <= 39


def test_region_by_hand():
    mask = disc()
    noise = np.random.default_rng(0).standard_normal(mask.shape)
    found = region_numbers((3.0 * mask + noise)[None], mask)
    assert found["contrast to noise"] == pytest.approx(3, abs=0.15)
    assert np.isnan(region_numbers(noise[None], np.zeros_like(mask))["contrast to noise"])


def test_glands_by_hand():
    mask = disc(100, 20, (40, 40)) | disc(100, 10, (80, 80)) | disc(100, 15, (0, 99))
    image = coloured(mask, (0.5, 0.5, 0.5), (0.9, 0.7, 0.9))
    found = gland_numbers(image, mask, microns=2.0)
    # Two lie inside the picture: diameters 80 and 40 micrometres, median 60.
    assert found["diameter"] == pytest.approx(60, rel=0.03)
    assert found["glands"] == pytest.approx(np.log(2)) and found["stroma hue"] == pytest.approx(-60)
    assert np.isnan(gland_numbers(image, np.zeros_like(mask), 2.0)["diameter"])


def test_chest_by_hand():
    image = np.full((1, 100, 100), 0.8)
    image[:, 10:90, 20:40] = image[:, 10:90, 60:80] = 0.2
    found = chest_numbers(image)
    assert found["symmetry"] == pytest.approx(1, abs=0.05)
    assert found["mediastinum"] == pytest.approx(0.6 / image.std(), rel=0.1)
    assert found["dark share"] == pytest.approx(0.32)
    image[:, :, 60:80] = 0.8
    assert chest_numbers(image)["symmetry"] < 0.5


def test_distance_by_hand():
    made = pd.DataFrame({"a": [4.0, 5, 6] * 10, "b": [1.0, 2, 3] * 10, "c": [2.0, 3, 9] * 10})
    real = pd.DataFrame({"a": [1.0, 2, 3] * 10, "b": [1.0, 2, 3] * 10, "c": [1.0, 2, 3] * 10})
    found = compare(real, made.assign(d=1))
    assert found["distance"].tolist() == [1, 0, 0.33]   # one of three lies above all others
    assert found.loc["a", "in words"] == "far apart: higher"
    assert found.loc["b", "in words"] == "no difference seen"
    assert found.loc["b", "by chance"] == 0.35          # 1.36 sqrt(60 / 900)
    assert found.loc["a", "real"] == "2 (1 to 3)"


def test_words():
    rng = np.random.default_rng(0)
    one = rng.normal(size=2000)
    said = [
        in_words(one, other, *ends) for other, ends in [
            (rng.normal(size=2000), (0.02, 0.04)), (one + 0.3, (0.15, 0.04)),
            (one * 3, (0.3, 0.04)), (one * 0.4 - 2, (0.8, 0.04)), (abs(one), (0.5, 0.04)),
        ]
    ]  # fmt: skip
    assert said == ["no difference seen", "nearly alike: slightly higher", "more varied",
                    "far apart: lower and less varied", "higher and less varied"]  # fmt: skip


def test_what_was_not_measured_is_said():
    found = compare(pd.DataFrame({"a": [np.nan]}), pd.DataFrame({"a": [1.0]}))
    assert found.loc["a", "in words"] == "not measured"


@given(st.integers(0, 2**16), st.integers(3, 40), st.integers(3, 40))
@settings(max_examples=30, deadline=None)
def test_distance_lies_between_0_and_1_and_is_0_to_itself(seed, n, m):
    rng = np.random.default_rng(seed)
    one, other = (pd.DataFrame({"x": rng.normal(size=size)}) for size in (n, m))
    assert 0 <= compare(one, other).loc["x", "distance"] <= 1
    assert compare(one, one).loc["x", "distance"] == 0


def test_errors():
    with pytest.raises(ValueError, match=r"same size; got \(3, 8, 8\) and \(4, 4\)"):
        lesion_numbers(np.zeros((3, 8, 8)), np.zeros((4, 4)))
    with pytest.raises(ValueError, match="wanted an image"):
        region_numbers(np.zeros((2, 8, 8)), np.zeros((8, 8)))


@pytest.mark.parametrize("size", [(90, 60), (48, 48), (301, 400), (1200, 900)])
def test_reduced_keeps_shares_and_colours(size):
    y, x = np.indices(size) / max(size)
    mask = (y - 0.35) ** 2 + (x - 0.3) ** 2 < 0.2**2
    image, small = reduced(coloured(mask, (0.2, 0.4, 0.6), (0.8, 0.7, 0.6)), mask, 48)
    assert image.shape == (3, *small.shape) and max(small.shape) == 48
    assert small.shape[0] / small.shape[1] == pytest.approx(size[0] / size[1], abs=0.03)
    assert small.mean() == pytest.approx(mask.mean(), abs=0.01)
    assert brightness(image).mean() == pytest.approx(
        brightness(coloured(mask, (0.2, 0.4, 0.6), (0.8, 0.7, 0.6))).mean(), abs=0.01
    )


def test_table():
    assert table([{"a": 1.0}, {"a": 2.0}])["a"].tolist() == [1, 2]
