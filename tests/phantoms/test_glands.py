from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.color import rgb_from_hed

from medtutor.phantoms.glands import (
    EOSIN,
    GRADES,
    HAEMATOXYLIN,
    LABORATORIES,
    STRENGTH,
    Laboratory,
    draw_glands,
    glands,
    render_glands,
)
from medtutor.phantoms.glands_tissue import ellipses

CROSS = ndimage.generate_binary_structure(2, 1)
CLEAN = Laboratory(blur=0, noise=0, white=(1, 1, 1))


@pytest.mark.parametrize("size", [(64, 64), (48, 80)])
def test_shape(size):
    made = glands(4, size=size)
    assert made.images.shape == (4, 3, *size) and made.images.dtype == np.float32
    assert made.stains.shape == (4, 2, *size) and made.nuclei.dtype == bool
    for truth in (made.instances, made.regions):
        assert truth.shape == (4, *size) and truth.dtype == np.int64
    assert 0 <= made.images.min() and made.images.max() <= 1
    assert made.labels.shape == made.grades.shape == (4,) and len(made) == 4


def test_images_do_not_depend_on_the_count():
    many, few = glands(7, size=(64, 64), seed=5), glands(2, size=(64, 64), seed=5, first=4)
    np.testing.assert_array_equal(many.images[4:6], few.images)
    np.testing.assert_array_equal(many.instances[4:6], few.instances)
    other = glands(2, size=(64, 64), seed=6)
    assert not np.array_equal(other.images, many.images[:2])


# Hand values of the stain.

def test_stain_vectors_are_those_that_scikit_image_has():
    np.testing.assert_allclose([HAEMATOXYLIN, EOSIN], rgb_from_hed[:2])


def test_beer_and_lambert_by_hand():
    made = glands(2, size=(64, 64), laboratory=CLEAN)
    # Red: exp(-1.6 (0.65 h / |H| + 0.07 e / |E|)), |H| = 0.998, |E| = 0.9986.
    h, e = made.stains[0, :, 30, 30]
    norms = np.linalg.norm([HAEMATOXYLIN, EOSIN], axis=1)
    red = np.exp(-1.6 * (0.65 * h / norms[0] + 0.07 * e / norms[1]))
    assert made.images[0, 0, 30, 30] == pytest.approx(red, abs=1e-5)


def test_unmixing_gives_the_stains_back():
    made = glands(2, size=(64, 64), laboratory=replace(CLEAN, amounts=(1.3, 0.8)))
    density = -np.log(made.images.astype(float)) / STRENGTH       # (N, 3, H, W)
    unmixed = np.einsum("cs,nchw->nshw", np.linalg.pinv(CLEAN.matrix), density)
    bound = made.stains * np.reshape([1.3, 0.8], (1, 2, 1, 1))
    np.testing.assert_allclose(unmixed, bound, atol=1e-4)


def test_another_laboratory_stains_the_same_tissue():
    scenes = draw_glands(3)
    made = {name: render_glands(scenes, size=(64, 64), laboratory=name) for name in LABORATORIES}
    reference = made["reference"]
    for name, other in made.items():
        np.testing.assert_array_equal(reference.stains, other.stains)
        np.testing.assert_array_equal(reference.regions, other.regions)
        if name != "reference":
            assert np.abs(reference.images - other.images).mean() > 0.03
    matrix = LABORATORIES["blue"].matrix
    np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1)


# Hand values of the tissue.

def test_area_of_an_ellipse():
    cover = ellipses(np.array([3.3]), np.array([-5.1]), 20.0, 8.0, np.array([0.7]), (128, 128), 1.0)
    assert cover.sum() == pytest.approx(np.pi * 20 * 8, rel=0.01)
    centre = ndimage.center_of_mass(cover)
    np.testing.assert_allclose(centre, [64 - 5.1 - 0.5, 64 + 3.3 - 0.5], atol=0.05)


def test_a_lumen_lies_inside_its_gland():
    made = glands(12)
    assert (made.instances[made.regions == 2] > 0).all()
    assert ((made.regions == 0) == (made.instances == 0)).all()
    # Between a lumen and what is outside its gland there is epithelium of the same gland.
    for regions, instances in zip(made.regions, made.instances, strict=True):
        lumen = regions == 2
        around = ndimage.binary_dilation(lumen) & ~lumen
        assert (regions[around] == 1).all()
        own = ndimage.grey_dilation(np.where(lumen, instances, 0), footprint=CROSS)
        assert (own[around] == instances[around]).all()


def test_numbers_of_glands_are_those_of_the_table():
    made = glands(6)
    for image, instances in enumerate(made.instances):
        rows = made.scenes.glands[made.scenes.glands["image"] == image]
        assert set(np.unique(instances)) - {0} <= set(rows["gland"])
        inside = rows[(rows[["x", "y"]].abs() < 150).all(axis=1)]
        seen = [(instances == number).any() for number in inside["gland"]]
        assert np.mean(seen) > 0.9                               # few are hidden by another


def test_touching_glands_stay_apart_as_instances():
    made = glands(12, prevalence=1, size=(64, 64))
    touching = 0
    for instances in made.instances:
        pairs = np.stack([instances[:, 1:].ravel(), instances[:, :-1].ravel()])
        touching += ((pairs[0] != pairs[1]) & (pairs > 0).all(0)).any()
    assert touching >= 3


def test_nuclei_are_blue():
    made = glands(6, laboratory=CLEAN)
    h = made.stains[:, 0]
    assert h[made.nuclei].mean() > 2 * h[~made.nuclei].mean()
    red = made.images[:, 0]
    assert red[made.nuclei].mean() < red[~made.nuclei].mean() - 0.1


# Class and grade.

def test_classes_overlap_as_stated():
    scenes = draw_glands(800)
    atypia, malignant = scenes.factors["atypia"], scenes.factors["malignant"]
    assert malignant.mean() == pytest.approx(0.5, abs=0.05)
    # Right in P(Beta(4.5, 2) > 1/2) = 0.856 of the images; 800 of them: give or take 0.012.
    assert ((atypia > 0.5) == (malignant == 1)).mean() == pytest.approx(0.856, abs=0.04)
    grades = scenes.factors["grade"]
    assert set(grades[malignant == 1]) == {2, 3} and set(grades[malignant == 0]) == {0, 1}
    assert len(GRADES) == 4


def test_atypia_is_what_changes_the_architecture():
    scenes = draw_glands(80)
    table = scenes.glands.merge(scenes.factors[["atypia"]], left_on="image", right_index=True)
    high, low = table[table["atypia"] > 0.7], table[table["atypia"] < 0.3]
    assert (high["lumens"] > 1).mean() > 0.1 and (low["lumens"] > 1).mean() == 0
    assert high["aspect"].mean() > low["aspect"].mean() + 0.2
    assert low["mucin"].mean() > high["mucin"].mean() + 0.3
    bends = [np.abs(rows.filter(like="wobble")).to_numpy().mean() for rows in (low, high)]
    assert bends[1] > 1.5 * bends[0]


def test_one_change_leaves_the_rest():
    scenes = draw_glands(2)
    torn = replace(scenes, factors=scenes.factors.assign(tears=[1.0, 0.5]))
    before, after = (render_glands(s, size=(64, 64)) for s in (scenes, torn))
    np.testing.assert_array_equal(before.images[1], after.images[1])
    np.testing.assert_array_equal(before.instances, after.instances)
    changed = np.abs(before.images[0] - after.images[0]).max(0) > 0.2
    assert changed.any()
    assert (before.regions[0][changed] == 0).mean() > 0.8


def test_structures_keep_their_size_at_another_resolution():
    scenes = draw_glands(4)
    coarse, fine = (render_glands(scenes, size=(n, n)) for n in (64, 256))
    for region in (0, 1, 2):
        shares = [(made.regions == region).mean((1, 2)) for made in (coarse, fine)]
        np.testing.assert_allclose(shares[0], shares[1], atol=0.03)
    small = fine.images.reshape(4, 3, 64, 4, 64, 4).mean((3, 5))
    assert np.abs(small - coarse.images).mean() < 0.05


def test_noise_and_blur():
    scenes = draw_glands(2)
    sharp = render_glands(scenes, size=(64, 64), laboratory=CLEAN).images
    noisy = render_glands(scenes, size=(64, 64), laboratory=replace(CLEAN, noise=0.05)).images
    middle = (sharp > 0.25) & (sharp < 0.75)                     # where nothing is clipped
    assert (noisy - sharp)[middle].std() == pytest.approx(0.05, rel=0.05)
    blurred = render_glands(scenes, size=(64, 64), laboratory=replace(CLEAN, blur=8)).images
    assert np.abs(np.diff(blurred)).mean() < 0.5 * np.abs(np.diff(sharp)).mean()


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), rows=st.integers(32, 70), columns=st.integers(32, 70))
def test_any_size_and_seed(seed, rows, columns):
    made = glands(1, size=(rows, columns), seed=seed)
    assert np.isfinite(made.images).all() and (made.stains >= 0).all()
    assert (made.instances[made.regions == 2] > 0).all()


@pytest.mark.parametrize("wrong, message", [
    (dict(count=0), "count must be 1"), (dict(count=1, prevalence=-1), "prevalence must be"),
    (dict(count=1, tears=2), "tears must be"), (dict(count=1, size=(16, 64)), "at least 32"),
    (dict(count=1, laboratory="Ulm"), "laboratory must be one of reference, blue"),
    (dict(count=1, laboratory=Laboratory(eosin=(0, 0, 0))), "three optical densities"),
    (dict(count=1, laboratory=Laboratory(white=(1, 2, 1))), "white in"),
    (dict(count=1, laboratory=Laboratory(blur=-1)), "blur and noise"),
])
def test_errors(wrong, message):
    with pytest.raises(ValueError, match=message):
        glands(**wrong)
