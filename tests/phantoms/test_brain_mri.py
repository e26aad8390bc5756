"""The brain phantom: needs nilearn, which holds the maps, and no network."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import binary_dilation
from scipy.spatial import KDTree

from medtutor.phantoms import brain_mri as module
from medtutor.phantoms.brain_mri import brain_mri, draw_brain_mri, render_brain_mri
from medtutor.phantoms.brain_mri_physics import SCANNERS, TISSUES, Scanner
from medtutor.phantoms.brain_mri_scenes import KINDS
from medtutor.phantoms.brain_mri_template import template

TUMOUR = {"tumour": 1.0}
QUIET = dict(noise=0.0, bias=0.0)


@pytest.fixture(scope="module")
def tumours():
    """Six tumours of some size, in heads without the spots of age."""
    return draw_brain_mri(6, kinds=TUMOUR, radius=(14, 24), seed=3).changed(spots=0)


def area(made, *labels):
    return np.isin(made.labels, labels).sum() * made.voxel**2


# Shapes, repeatability.

@pytest.mark.parametrize("size, plane", [
    ((64, 64), "axial"), ((40, 32), "coronal"), ((32, 48), "sagittal"), ((16, 24, 20), "volume"),
])
def test_shape(size, plane):
    made = brain_mri(3, size=size, plane=plane, contrasts=("flair", "t1", "pd"))
    assert made.images.shape == (3, 3, *size) and made.images.dtype == np.float32
    assert made.labels.shape == made.tissues.shape == (3, *size)
    assert made.labels.dtype == made.tissues.dtype == np.int64
    assert np.isfinite(made.images).all() and (made.images >= 0).all()
    assert set(np.unique(made.labels)) <= set(range(6))
    assert set(np.unique(made.tissues)) == {0, 1, 2, 3}
    assert made.voxel == pytest.approx(224 / max(size))
    assert len(made) == len(made.scenes) == len(made.scenes.factors) == 3
    np.testing.assert_array_equal(made.channel("t1"), made.images[:, 1])
    assert made.scenes.plane == plane


def test_images_do_not_depend_on_the_count():
    many, few = brain_mri(9, size=(48, 48), seed=5), brain_mri(2, size=(48, 48), seed=5, first=6)
    np.testing.assert_array_equal(many.images[6:8], few.images)
    np.testing.assert_array_equal(many.labels[6:8], few.labels)
    assert many.scenes.factors.iloc[6:8].equals(few.scenes.factors)
    assert few.scenes.factors.index.tolist() == [6, 7]
    other = brain_mri(2, size=(48, 48), seed=6, first=6)
    assert not np.array_equal(other.images, few.images)


def test_batches_do_not_matter(monkeypatch, tumours):
    whole = render_brain_mri(tumours, size=(32, 32))
    volume = draw_brain_mri(1, plane="volume", seed=1)
    block = render_brain_mri(volume, size=(16, 16, 16), contrasts=("t1",))
    monkeypatch.setattr(module, "POINTS", 2 * (32 * 4) ** 2)
    np.testing.assert_array_equal(render_brain_mri(tumours, size=(32, 32)).images, whole.images)
    monkeypatch.setattr(module, "POINTS", 5 * 16**2 * 3**3)
    slabs = render_brain_mri(volume, size=(16, 16, 16), contrasts=("t1",))
    np.testing.assert_allclose(slabs.images, block.images, atol=1e-5)
    assert (slabs.labels == block.labels).mean() > 0.999


def test_a_contrast_does_not_depend_on_the_others(tumours):
    four = render_brain_mri(tumours, size=(32, 32))
    alone = render_brain_mri(tumours, size=(32, 32), contrasts=("t1c",))
    np.testing.assert_array_equal(alone.channel("t1c"), four.channel("t1c"))


# The images agree with the truth.

def test_tissues_have_their_signal():
    scenes = draw_brain_mri(4, kinds={"none": 1.0}, seed=2).changed(spots=0, **QUIET)
    scenes = scenes.changed(white_t1_ms=TISSUES["white"].t1, grey_t1_ms=TISSUES["grey"].t1)
    made = render_brain_mri(scenes, size=(128, 128), contrasts=("t1", "t2", "pd", "flair"))
    assert not made.labels.any()
    scanner, white = SCANNERS["a"], TISSUES["white"]
    for contrast in made.contrasts:
        image = made.channel(contrast)
        for number, name in ((2, "grey"), (3, "white")):
            one = TISSUES[name]
            wanted = scanner.signal(contrast, one.t1, one.t2, one.pd) / scanner.signal(
                contrast, white.t1, white.t2, white.pd
            )
            # Most voxels of a tissue are pure, the rest mix.
            assert np.median(image[made.tissues == number]) == pytest.approx(wanted, rel=0.06)
    assert (made.images[:, :, :4, :4] < 1e-3).all()  # air
    fluid = made.tissues == 1
    assert made.channel("flair")[fluid].mean() < 0.5 < 1.6 < made.channel("t2")[fluid].mean()


def test_labels_agree_with_the_images(tumours):
    made = render_brain_mri(tumours.changed(**QUIET), size=(96, 96))
    healthy = (made.labels == 0) & (made.tissues > 1)
    flair, t1c, t1 = (made.channel(c) for c in ("flair", "t1c", "t1"))
    assert flair[made.labels == 2].mean() > 1.3 * flair[healthy].mean()
    assert t1c[made.labels == 4].mean() > 1.1 > 0.9 > t1[made.labels == 4].mean()
    assert t1c[made.labels == 1].mean() < t1c[made.labels == 4].mean() - 0.2
    enhancing = (tumours.factors["tumour_gadolinium_mmol_l"] >= 0.05).to_numpy()
    assert 0 < enhancing.sum() < 6
    assert not (made.labels[enhancing] == 3).any() and not (made.labels[~enhancing] == 4).any()
    assert (made.tissues[np.isin(made.labels, (1, 2, 3, 4, 5))] > 0).mean() > 0.98


def test_noise_is_as_asked():
    scenes = draw_brain_mri(3, kinds={"none": 1.0}).changed(bias=0.0)
    clean = render_brain_mri(scenes.changed(noise=0.0), contrasts=("t1", "t2"))
    for sigma in (0.02, 0.08):
        made = render_brain_mri(scenes.changed(noise=sigma), contrasts=("t1", "t2"))
        corner = made.images[:, :, :10, :10]
        assert corner.mean() == pytest.approx(sigma * np.sqrt(np.pi / 2), rel=0.06)  # Rayleigh
        error = (made.images - clean.images)[:, 0][clean.channel("t1") > 0.7]
        assert error.std() == pytest.approx(sigma, rel=0.06)


def test_one_shade_for_all_contrasts():
    scenes = draw_brain_mri(2, seed=8).changed(noise=0.0)
    flat, shaded = (render_brain_mri(scenes.changed(bias=b), size=(48, 48)) for b in (0.0, 0.1))
    ratio = shaded.images / np.maximum(flat.images, 1e-6)
    seen = (flat.images > 0.2).all(1)
    np.testing.assert_allclose(ratio[:, 1][seen], ratio[:, 0][seen], rtol=1e-3)
    assert 0.02 < np.log(ratio[:, 0][seen]).std() < 0.25


# What if.

def test_the_agent_is_in_t1c_only(tumours):
    less, more = (
        render_brain_mri(tumours.changed(tumour_gadolinium_mmol_l=c)) for c in (0.1, 0.3)
    )
    for contrast in ("t1", "t2", "flair"):
        np.testing.assert_array_equal(less.channel(contrast), more.channel(contrast))
    changed = less.channel("t1c") != more.channel("t1c")
    np.testing.assert_array_equal(less.labels, more.labels)
    assert changed[less.labels == 4].mean() > 0.95
    beside = [binary_dilation(label > 0, iterations=3) for label in less.labels]
    assert not changed[~np.stack(beside)].any()
    rim = less.labels == 4
    assert more.channel("t1c")[rim].mean() > less.channel("t1c")[rim].mean() + 0.2


def test_the_same_head_without_its_tumour(tumours):
    ill, well = (render_brain_mri(tumours.changed(kind=kind)) for kind in ("tumour", "none"))
    assert not well.labels.any() and all((label > 0).any() for label in ill.labels)
    outside = (ill.tissues == 0) & (well.tissues == 0)
    assert outside.mean() > 0.4  # skull, skin and air stay to the last bit
    same = (ill.images == well.images).all(1)
    assert same[outside].mean() > 0.97
    # Without mass and oedema nothing away from the tumour changes.
    still = tumours.changed(tumour_mass=0.0, tumour_oedema_mm=0.0)
    ill = render_brain_mri(still)
    assert ((ill.images == well.images).all(1)).mean() > 0.85


def test_another_scanner_sees_the_same_head(tumours):
    here, there = (render_brain_mri(tumours.changed(site=site)) for site in "ab")
    np.testing.assert_array_equal(here.labels, there.labels)
    np.testing.assert_array_equal(here.tissues, there.tissues)
    assert np.abs(here.images - there.images).mean() > 0.05
    own = render_brain_mri(tumours.changed(site="mine"), scanners={"mine": Scanner()})
    np.testing.assert_array_equal(own.images, here.images)


def test_one_image_changed_leaves_the_others(tumours):
    table = tumours.factors.copy()
    table.loc[2, "tumour_necrosis"] = 0.7
    before, after = render_brain_mri(tumours), render_brain_mri(replace(tumours, factors=table))
    differs = (before.images != after.images).reshape(6, -1).any(1)
    assert differs.tolist() == [number == 2 for number in range(6)]


# Each knob.

def test_knobs_of_the_tumour(tumours):
    some = replace(tumours, factors=tumours.factors.iloc[:3])

    def grows(name, values, *labels):
        areas = [area(render_brain_mri(some.changed(**{name: v})), *labels) for v in values]
        assert areas == sorted(areas) and areas[-1] > areas[0] * 1.2 + 1, (name, areas)

    grows("tumour_radius_mm", (8, 14, 20), 1, 3, 4)
    grows("tumour_necrosis", (0, 0.4, 0.8), 1)
    grows("tumour_oedema_mm", (0, 6, 15), 2)
    no_core = render_brain_mri(tumours.changed(tumour_necrosis=0.0, tumour_oedema_mm=0.0))
    assert not np.isin(no_core.labels, (1, 2)).any()


def test_mass_pushes_the_brain_aside(tumours):
    # A place at the edge of the tumour comes from further inside; far away nothing moves.
    from medtutor.phantoms.brain_mri_anatomy import _pushed

    head = tumours.factors.iloc[0].copy()
    head[["tumour_stretch_z", "tumour_stretch_y", "tumour_stretch_x"]] = 1.0
    head["tumour_mass"], radius = 0.5, head["tumour_radius_mm"]
    centre = head[["tumour_z", "tumour_y", "tumour_x"]].to_numpy(float)
    at = centre + np.outer([1.0, 2.0, 8.0], [0, radius, 0])
    came = np.linalg.norm(_pushed(at.astype(np.float32), head) - centre, axis=1) / radius
    # r'^3 = r^3 - m^3: (1 - .125)^(1/3) = .9565, (8 - .125)^(1/3) = 1.9895, 7.9993
    np.testing.assert_allclose(came, [0.9565, 1.9895, 7.9993], atol=2e-3)


def test_knobs_of_the_head():
    scenes = draw_brain_mri(2, kinds={"none": 1.0}, seed=4)
    fluid = [(render_brain_mri(scenes.changed(atrophy=a)).tissues == 1).sum() for a in (-1, 0, 1)]
    assert fluid == sorted(fluid) and fluid[2] > 1.5 * fluid[0]
    size = [(render_brain_mri(scenes.changed(scale=s)).tissues > 0).sum() for s in (0.9, 1.05)]
    assert size[1] / size[0] == pytest.approx((1.05 / 0.9) ** 2, rel=0.05)
    turned = render_brain_mri(scenes.changed(yaw_deg=30.0)).tissues > 0
    assert (turned != (render_brain_mri(scenes.changed(yaw_deg=0.0)).tissues > 0)).mean() > 0.03


def test_ms_and_spots_of_age():
    drawn = draw_brain_mri(40, kinds={"ms": 1.0}, seed=1)
    scenes = replace(drawn, factors=drawn.factors.iloc[:8])
    made = render_brain_mri(scenes.changed(**QUIET), size=(64, 64))
    assert set(np.unique(made.labels)) == {0, 5}
    counts = drawn.ms.groupby("image").size()
    assert counts.between(3, 14).all()
    assert drawn.ms["active"].mean() == pytest.approx(0.15, abs=0.06)
    lesion = made.labels == 5
    flair = made.channel("flair")
    assert flair[lesion].mean() > flair[(made.tissues == 3) & ~lesion].mean() * 1.25
    few = render_brain_mri(scenes.changed(kind="none", spots=1))
    none = render_brain_mri(scenes.changed(kind="none", spots=0))
    assert area(made, 5) > 2 * area(few, 5) > 0 and area(none, 5) == 0
    # Nearer to the ventricles than white matter as a whole.
    places, away = template().places, template().to_ventricle
    centres = drawn.ms[["z", "y", "x"]].to_numpy()
    nearest = KDTree(places).query(centres)[1]
    assert away[nearest].mean() < 0.8 * away.mean()


def test_kinds_and_sites_come_as_asked():
    table = draw_brain_mri(300, sites=("a", "c"), seed=7).factors
    share = table["kind"].value_counts(normalize=True)
    assert [share[kind] for kind in KINDS] == pytest.approx([0.25, 0.5, 0.25], abs=0.08)
    assert (table["site"] == "c").mean() == pytest.approx(0.5, abs=0.1)
    assert table["tumour_radius_mm"].between(10, 32).all()
    assert table["slice_mm"].between(-46, 12).all()


def test_grade_follows_its_stated_model():
    table = draw_brain_mri(400, kinds=TUMOUR, seed=9).factors
    agent = table["tumour_gadolinium_mmol_l"]
    odds = -3.2 + 5 * agent / (agent + 0.1) + 1.5 * table["tumour_necrosis"]
    odds += 0.05 * table["tumour_oedema_mm"]
    np.testing.assert_allclose(table["p_high"], 1 / (1 + np.exp(-odds)))
    high = table["grade"] == "high"
    # 400 coins: the standard error of the mean is below 0.025.
    assert high.mean() == pytest.approx(table["p_high"].mean(), abs=0.07)
    likely = table["p_high"] > 0.5
    assert high[likely].mean() > 0.65 > 0.35 > high[~likely].mean()
    bayes = np.maximum(table["p_high"], 1 - table["p_high"]).mean()
    assert 0.72 < bayes < 0.9


def test_structures_keep_their_size_at_another_resolution(tumours):
    four = replace(tumours, factors=tumours.factors.iloc[:4])
    coarse, fine = (render_brain_mri(four, size=(n, n)) for n in (48, 128))
    for labels in ((1, 3, 4), (2,)):
        assert area(coarse, *labels) == pytest.approx(area(fine, *labels), rel=0.15)
    for tissue in (1, 2, 3):
        sizes = [(made.tissues == tissue).sum() * made.voxel**2 for made in (coarse, fine)]
        assert sizes[0] == pytest.approx(sizes[1], rel=0.3)  # thin sulci are lost first


# Errors.

@pytest.mark.parametrize("wrong, message", [
    (dict(count=0), "count must be 1"), (dict(count=1, size=(8, 8)), "from 16 to 512"),
    (dict(count=1, size=(1024, 64)), "from 16 to 512"), (dict(count=1, plane="top"), "plane must"),
    (dict(count=1, size=(32, 32), plane="volume"), "a slice has 2 sides"),
    (dict(count=1, contrasts="t1"), "contrasts must be some of"),
    (dict(count=1, contrasts=("t1", "dwi")), "contrasts must be some of"),
    (dict(count=1, kinds={"stroke": 1}), "kinds must give"),
    (dict(count=1, kinds={"ms": 0.5}), "sum to 1"), (dict(count=1, sites=("z",)), "sites must be"),
    (dict(count=1, sites="a"), "sites must be"), (dict(count=1, radius=(20, 10)), "radius must"),
    (dict(count=1, deform=9), "would fold"), (dict(count=1, field=50), "field must be"),
])  # fmt: skip
def test_errors(wrong, message):
    with pytest.raises(ValueError, match=message):
        brain_mri(**wrong)


def test_errors_of_scenes():
    scenes = draw_brain_mri(1)
    with pytest.raises(ValueError, match="no column .'colour'."):
        scenes.changed(colour=1)
    with pytest.raises(ValueError, match="no scanner is given for the sites .'z'."):
        render_brain_mri(scenes.changed(site="z"))
    with pytest.raises(ValueError, match="contrast must be one of .*'t1c'"):
        render_brain_mri(scenes, size=(16, 16)).channel("dwi")
