from dataclasses import replace

import numpy as np
import pytest

from medtutor.phantoms.chest_xray import (
    BONE,
    KINDS,
    LUNG,
    WATER,
    chest_xray,
    draw_chests,
    render_chests,
)
from medtutor.phantoms.chest_xray_opacities import box, path_length
from medtutor.phantoms.chest_xray_thorax import ANATOMY, FIELD, chord, thorax, tube


@pytest.mark.parametrize("size", [(64, 64), (48, 72)])
def test_shape(size):
    made = chest_xray(6, size=size)
    assert made.images.shape == (6, 1, *size) and made.images.dtype == np.float32
    assert made.labels.shape == (6, len(KINDS)) and made.masks.shape == (6, *size)
    assert 0 <= made.images.min() and made.images.max() <= 1
    assert len(made) == len(made.scenes.factors) == 6
    assert set(ANATOMY) <= set(made.scenes.factors)


def test_images_do_not_depend_on_the_count():
    many, few = chest_xray(9, seed=5), chest_xray(2, seed=5, first=6)
    np.testing.assert_array_equal(many.images[6:8], few.images)
    np.testing.assert_array_equal(many.masks[6:8], few.masks)
    assert many.scenes.factors.iloc[6:8].equals(few.scenes.factors)
    assert not np.array_equal(chest_xray(2, seed=6).images, chest_xray(2, seed=5).images)


# Hand values.

def test_chords():
    # Through the middle of a ball of radius 3: 6. At 3/5 of the radius: 2 * 3 * 4/5 = 4.8.
    assert chord(np.array(0.0), np.array(0.0), 3.0, 3.0, 3.0) == pytest.approx(6)
    assert chord(np.array(1.8), np.array(0.0), 3.0, 3.0, 3.0) == pytest.approx(4.8)
    assert chord(np.array(3.1), np.array(0.0), 3.0, 3.0, 3.0) == 0
    assert tube(np.array(0.3), 0.5) == pytest.approx(0.8)


def test_volume_of_an_ellipsoid_from_its_chords():
    step = 0.05
    x, y = np.meshgrid(*[np.arange(-5, 5, step) + step / 2] * 2, indexing="ij")
    volume = chord(x, y, 4.0, 3.0, 2.0).sum() * step**2
    assert volume == pytest.approx(4 / 3 * np.pi * 4 * 3 * 2, rel=1e-3)


def test_materials_fill_the_body():
    scenes = draw_chests(8)
    body = thorax(scenes.factors, (64, 64))
    assert (body.lungs <= body.body).all() and (body.fat <= body.body).all()
    assert (body.heart <= body.lungs).all() and (body.bone <= body.body).all()
    rest = body.body - body.fat - body.lungs
    assert (rest > -1e-9).all()                                  # lungs do not reach into the fat
    # A lung of about 2.5 to 3.5 litres each, as an ellipsoid of these half axes has it.
    pixel = FIELD / 64
    litres = body.lung_right.sum((1, 2)) * pixel**2 / 1000
    assert (1.2 < litres).all() and (litres < 5).all()


def test_beer_and_lambert_without_scatter():
    # One more centimetre of water instead of lung adds WATER - LUNG to the density there.
    scenes = draw_chests(1, prevalence=1, kinds=["consolidation"], seed=3)
    scenes.factors["scatter"] = 0.0
    well = replace(scenes, opacities=scenes.opacities.iloc[:0])
    ill, healthy = (render_chests(s, quanta=np.inf) for s in (scenes, well))
    def density(made):                                           # undo the display curve
        z = np.log(made.images[0, 0] / (1 - made.images[0, 0]))
        return z.astype(float)
    change, cm = density(ill) - density(healthy), ill.masks[0]
    inside = (cm > 0.5) & (ill.images[0, 0] < 0.99)
    slope = np.polyfit(cm[inside], change[inside], 1)[0]
    # The display divides by the spread of the density over the body, so compare with bone's share.
    assert inside.sum() > 10 and slope > 0
    assert np.corrcoef(cm[inside], change[inside])[0, 1] > 0.95
    assert BONE > WATER > LUNG


# What is drawn is what is seen.

def test_prevalence_and_kinds():
    made = draw_chests(400, prevalence=0.3)
    assert made.factors["disease"].mean() == pytest.approx(0.3, abs=0.07)
    ill = set(made.factors.index[made.factors["disease"] == 1])
    assert set(made.opacities["image"]) == ill
    first = made.opacities.drop_duplicates("image")["kind"].value_counts(normalize=True)
    np.testing.assert_allclose(first.reindex(KINDS), 0.25, atol=0.12)
    only = chest_xray(20, kinds=["nodule"], prevalence=1)
    assert only.labels.sum(0).tolist() == [0, 0, 20, 0]


def test_healthy_images_have_no_opacity():
    made = chest_xray(5, prevalence=0)
    assert made.masks.max() == 0 and made.labels.max() == 0 and len(made.scenes.opacities) == 0


def test_opacities_are_bright_and_lie_in_their_boxes():
    scenes = draw_chests(30, prevalence=1)
    ill = render_chests(scenes, quanta=np.inf)
    well = render_chests(replace(scenes, opacities=scenes.opacities.iloc[:0]), quanta=np.inf)
    brighter = (ill.images - well.images)[:, 0]
    for row, mask in enumerate(ill.masks):
        if mask.max() > 0.5:
            assert brighter[row][mask > 0.5].mean() > 0.01
    table = ill.scenes.opacities
    for opacity in table[table["box_x"] >= 0].itertuples():
        assert opacity.box_x + opacity.box_width <= 64 and opacity.box_y + opacity.box_height <= 64
    alone = table.drop_duplicates("image", keep=False).query("box_x >= 0")
    for o in alone.itertuples():
        mask = ill.masks[o.image]
        seen = mask > 0.15 * mask.max()
        outside = seen.copy()
        outside[o.box_y:o.box_y + o.box_height, o.box_x:o.box_x + o.box_width] = False
        assert seen.any() and not outside.any()


def test_box_by_hand():
    length = np.zeros((20, 30))
    length[5:9, 10:17] = 1.0
    length[0, 0] = 0.1                                           # below 15 % of the longest
    assert box(length) == (10, 5, 7, 4)
    assert box(np.zeros((4, 4))) is None


def test_an_opacity_never_exceeds_its_lung():
    scenes = draw_chests(40, prevalence=1)
    body = thorax(scenes.factors, (48, 48))
    for _, opacity in scenes.opacities.iterrows():
        row = opacity["image"]
        lung = body.lung_right[row] if opacity["side"] < 0 else body.lung_left[row]
        assert (path_length(opacity, body, row) <= lung + 1e-9).all()


# One change leaves the rest; each knob does what it says.

def test_one_change_leaves_the_rest():
    scenes = draw_chests(3)
    with_line = scenes.factors.assign(tube=[1, 0, 0])
    before = render_chests(scenes, quanta=np.inf)
    after = render_chests(replace(scenes, factors=with_line), quanta=np.inf)
    np.testing.assert_array_equal(before.images[1:], after.images[1:])
    np.testing.assert_array_equal(before.masks, after.masks)
    assert (after.images[0] - before.images[0]).max() > 0.03


def test_marker_as_a_shortcut():
    scenes = draw_chests(300, marker=(0.1, 0.9))
    rate = scenes.factors.groupby("disease")["marker"].mean()
    assert rate[0] == pytest.approx(0.1, abs=0.08) and rate[1] == pytest.approx(0.9, abs=0.08)
    one = draw_chests(1)
    bare, lettered = (render_chests(replace(one, factors=one.factors.assign(marker=m)),
                                    size=(128, 128), quanta=np.inf).images[0, 0] for m in (0, 1))
    corner = np.s_[:16, -16:]
    assert (lettered - bare)[corner].max() > 0.5
    np.testing.assert_array_equal(lettered[30:], bare[30:])


def test_noise_falls_with_the_root_of_the_quanta():
    scenes = draw_chests(4)
    truth = render_chests(scenes, quanta=np.inf).images
    inside = np.s_[:, :, 20:40, 16:48]
    spread = [(render_chests(scenes, quanta=q).images - truth)[inside].std()
              for q in (2e3, 8e3, 32e3)]
    assert spread[0] / spread[1] == pytest.approx(2, rel=0.15)
    assert spread[1] / spread[2] == pytest.approx(2, rel=0.15)


def test_structures_keep_their_size_at_another_resolution():
    scenes = draw_chests(6, prevalence=1, kinds=["consolidation"])
    coarse, fine = (render_chests(scenes, size=(n, n), quanta=np.inf) for n in (64, 256))
    small = fine.images.reshape(6, 1, 64, 4, 64, 4).mean((3, 5))
    assert np.abs(small - coarse.images).mean() < 0.02
    areas = [made.masks.sum((1, 2)) / made.masks[0].size for made in (coarse, fine)]
    np.testing.assert_allclose(areas[0], areas[1], rtol=0.05)


@pytest.mark.parametrize("wrong, message", [
    (dict(count=0), "count must be 1"), (dict(count=1, prevalence=1.5), "prevalence must be"),
    (dict(count=1, kinds=["fracture"]), "kinds must be some of consolidation"),
    (dict(count=1, kinds=[]), "kinds must be some of"),
    (dict(count=1, marker=(0.5,)), "marker must be"), (dict(count=1, tube=(0, 2)), "tube must be"),
    (dict(count=1, size=(16, 64)), "at least 32"), (dict(count=1, quanta=0), "quanta must be"),
])
def test_errors(wrong, message):
    with pytest.raises(ValueError, match=message):
        chest_xray(**wrong)
