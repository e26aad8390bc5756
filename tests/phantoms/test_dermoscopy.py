import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import binary_dilation

from medtutor.phantoms.dermoscopy import (
    CRITERIA,
    DIAGNOSES,
    DOMAINS,
    STRUCTURES,
    Domain,
    dermoscopy,
    draw_dermoscopy,
    in_domain,
    render_clinical,
    render_dermoscopy,
)
from medtutor.phantoms.dermoscopy_cases import COLUMNS

CLEAN = dict(hair=0, ruler=0, bubbles=0, sticker=0, corners=0, noise=0.0, freckles=0.0)
PLAIN = dict.fromkeys(CRITERIA, 0)


def lesions(count=6, **changes):
    """Lesions of middling size in the middle of a clean field, with these factors."""
    same = dict(diameter_mm=8.0, centre_x_mm=0.0, centre_y_mm=0.0, melanin=0.15, border_mm=0.8,
                keratin=0.01)
    return draw_dermoscopy(count, not_star=0, seed=2).assign(**CLEAN | PLAIN | same | changes)


def structure(made, name):
    return made.structures[:, STRUCTURES.index(name)]


@pytest.mark.parametrize("size", [(64, 64), (48, 72), (33, 32), (128, 128)])
def test_shape(size):
    made = dermoscopy(5, size=size)
    assert made.images.shape == (5, 3, *size) and made.images.dtype == np.float32
    assert made.masks.shape == (5, *size) and made.masks.dtype == bool
    assert made.structures.shape == (5, 6, *size) and made.structures.dtype == bool
    assert made.images.min() >= 0 and made.images.max() <= 1
    assert made.diagnosis.shape == made.score.shape == (5,) and made.diagnosis.dtype == np.int64
    assert made.criteria.shape == (5, 7) and len(made) == len(made.factors) == 5
    views = render_clinical(made.factors, size=size)
    assert views.images.shape == made.images.shape and views.masks.shape == made.masks.shape
    assert views.images.min() >= 0 and views.images.max() <= 1 and len(views) == 5


def test_images_do_not_depend_on_the_count():
    many, few = dermoscopy(12, seed=5), dermoscopy(3, seed=5, first=7)
    np.testing.assert_array_equal(many.images[7:10], few.images)
    np.testing.assert_array_equal(many.structures[7:10], few.structures)
    pd.testing.assert_frame_equal(many.factors.iloc[7:10], few.factors)
    assert not np.array_equal(dermoscopy(3, seed=6).images, dermoscopy(3, seed=5).images)


def test_images_do_not_depend_on_batches(monkeypatch):
    factors = draw_dermoscopy(5)
    whole = render_dermoscopy(factors), render_clinical(factors)
    monkeypatch.setattr("medtutor.phantoms.dermoscopy.BATCH", 2 * 64 * 64)
    parts = render_dermoscopy(factors), render_clinical(factors)
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(a.images, b.images)
        np.testing.assert_array_equal(a.masks, b.masks)
    for render, made in zip((render_dermoscopy, render_clinical), whole, strict=True):
        np.testing.assert_array_equal(render(factors.iloc[[3, 0]]).images, made.images[[3, 0]])


def test_another_size_looks_the_same():
    factors = draw_dermoscopy(6, seed=3).assign(**CLEAN)
    small, large = (render_dermoscopy(factors, size=(n, n)) for n in (32, 128))
    average = large.images.reshape(6, 3, 32, 4, 32, 4).mean((3, 5))
    assert np.abs(average - small.images).mean() < 0.02
    share = [made.masks.mean((1, 2)) for made in (small, large)]
    np.testing.assert_allclose(share[0], share[1], atol=0.01)


# Each criterion shows where its map says.

def test_absent_criteria_leave_no_map():
    assert not render_dermoscopy(lesions()).structures.any()


@pytest.mark.parametrize("name, map_, level", [
    ("pigment_network", "network", 1), ("pigment_network", "network", 2),
    ("dots_and_globules", "globules", 1), ("dots_and_globules", "globules", 2),
    ("streaks", "streaks", 1), ("streaks", "streaks", 2), ("blue_whitish_veil", "veil", 1),
    ("regression_structures", "regression", 1), ("vascular_structures", "vessels", 1),
    ("vascular_structures", "vessels", 2),
])
def test_a_criterion_changes_its_place_alone(name, map_, level):
    kind = {"vessel_kind": "dotted" if level == 2 else "arborizing"}
    before = lesions(blur_mm=0.0, peppering=0.0, **kind)
    without, with_ = (render_dermoscopy(f, size=(128, 128))
                      for f in (before, before.assign(**{name: level})))
    seen = structure(with_, map_)
    assert (seen.sum((1, 2)) > 10).all() and not (seen & ~with_.masks).any()
    others = [m for m in STRUCTURES if m != map_]
    assert not any(structure(with_, other).any() for other in others)
    np.testing.assert_array_equal(without.masks, with_.masks)
    changed = np.abs(with_.images - without.images).max(1)
    # Pigment fades out over 0.35 of the border's width, here 0.28 mm or 2 pixels.
    assert changed[~binary_dilation(with_.masks, np.ones((1, 7, 7)))].max() == 0
    assert changed[seen].mean() > 0.05


def colours(made, where):
    return np.array([image[:, m].mean(1) for image, m in zip(made.images, where, strict=True)])


def test_colours_of_the_criteria():
    level = dict(light_red=1.0, light_green=1.0, light_blue=1.0, exposure=1.0, vignette=0.0)
    plain = render_dermoscopy(lesions(**level), size=(128, 128))
    veil = render_dermoscopy(lesions(blue_whitish_veil=1, **level), size=(128, 128))
    where = structure(veil, "veil")
    before, after = colours(plain, where), colours(veil, where)
    blueness = [c[:, 2] / c[:, 0] for c in (before, after)]
    assert (blueness[1] > blueness[0] + 0.15).all()
    scar = lesions(regression_structures=1, peppering=0, **level)
    scar = render_dermoscopy(scar, size=(128, 128))
    where = structure(scar, "regression")
    assert (colours(scar, where).mean(1) > colours(plain, where).mean(1) + 0.05).all()
    red = render_dermoscopy(lesions(vascular_structures=1, vessel_kind="arborizing", melanin=0.02,
                                    **level), size=(128, 128))  # fmt: skip
    where = structure(red, "vessels")
    c = colours(red, where)
    assert (c[:, 0] / c[:, 1] > 1.4).all()
    dots = render_dermoscopy(lesions(dots_and_globules=1, **level), size=(128, 128))
    where = structure(dots, "globules")
    assert (colours(dots, where).mean(1) < colours(plain, where).mean(1) - 0.03).all()


def test_irregular_is_less_even():
    # Streaks: all round or in a sector. Globules: round the centre or to one side.
    for name, map_ in (("streaks", "streaks"), ("dots_and_globules", "globules")):
        far = []
        for level in (1, 2):
            made = render_dermoscopy(lesions(12, aspect=1.0, **{name: level}), size=(96, 96))
            maps = structure(made, map_)
            middle = np.array([np.argwhere(m).mean(0) - 47.5 for m in maps])
            far.append(np.hypot(*middle.T).mean())
        assert far[1] > 2 * far[0]


# Each knob.

def test_pigment_blood_and_size():
    def inside(**changes):
        made = render_dermoscopy(lesions(**changes))
        return colours(made, made.masks), made
    dark = [inside(melanin=m)[0].mean(1) for m in (0.05, 0.15, 0.4)]
    assert (dark[0] > dark[1]).all() and (dark[1] > dark[2]).all()
    red = [inside(blood=b)[0] for b in (0.002, 0.02)]
    assert (red[1][:, 0] / red[1][:, 1] > red[0][:, 0] / red[0][:, 1]).all()
    wide = [inside(diameter_mm=d)[1].masks.sum() for d in (4.0, 6.0, 8.0)]
    assert wide[1] / wide[0] == pytest.approx(2.25, rel=0.08)
    assert wide[2] / wide[0] == pytest.approx(4, rel=0.08)
    pale, brown = (colours(m, ~m.masks).mean() for m in
                   (render_dermoscopy(lesions(skin_melanin=s)) for s in (0.02, 0.2)))
    assert pale > brown + 0.15


def test_a_sharp_border_is_steeper():
    slope = []
    for width in (0.2, 2.5):
        made = render_dermoscopy(lesions(border_mm=width, aspect=1.0, blur_mm=0.0), size=(128, 128))
        rim = made.masks & ~np.stack([~binary_dilation(~m, np.ones((7, 7))) for m in made.masks])
        skin = colours(made, ~made.masks).mean(1)
        slope.append((skin - colours(made, rim).mean(1)).mean())
    assert slope[0] > 2 * slope[1]


def test_same_lesion_with_hair_and_instruments():
    bare = lesions(hair_number=6)
    before = render_dermoscopy(bare)
    for name in ("hair", "ruler", "bubbles", "sticker", "corners"):
        after = render_dermoscopy(bare.assign(**{name: 1}))
        np.testing.assert_array_equal(before.masks, after.masks)
        np.testing.assert_array_equal(before.structures, after.structures)
        changed = np.abs(before.images - after.images).max(1) > 0.01
        assert 0.002 < changed.mean() < 0.6, name


def test_more_hair_is_darker():
    factors = lesions(12, hair=1, hair_dark=1.0, hair_mm=0.09)
    darker = [render_dermoscopy(factors.assign(hair_number=n)).images.mean() for n in (0, 4, 14)]
    assert darker[0] > darker[1] > darker[2]


def test_camera():
    factors = draw_dermoscopy(4, seed=1).assign(**CLEAN | dict(vignette=0.0, blur_mm=0.0))
    images = render_dermoscopy(factors).images
    # Twice the light: 2^(1 / gamma) times the value, where nothing saturates.
    half = render_dermoscopy(factors.assign(exposure=factors["exposure"] / 2)).images
    free = images < 0.95
    ratio = (2 ** (1 / factors["gamma"])).to_numpy()[:, None, None, None]
    np.testing.assert_allclose((half * ratio)[free], images[free], rtol=1e-4)
    # Noise of the stated size.
    noisy = render_dermoscopy(factors.assign(noise=0.03)).images
    grey = (images > 0.15) & (images < 0.85)
    assert (noisy - images)[grey].std() == pytest.approx(0.03, rel=0.03)
    # A vignette of 0.5 halves the light in the very corner.
    vignette = render_dermoscopy(factors.assign(vignette=0.5)).images
    corner = vignette[:, :, 0, 0] / images[:, :, 0, 0]
    unsaturated = images[:, :, 0, 0] < 0.95
    expected = np.broadcast_to(0.5 ** (1 / factors["gamma"].to_numpy()[:, None]), corner.shape)
    np.testing.assert_allclose(corner[unsaturated], expected[unsaturated], rtol=1e-4)
    soft = render_dermoscopy(factors.assign(blur_mm=0.5)).images
    assert np.abs(np.diff(soft)).mean() < 0.7 * np.abs(np.diff(images)).mean()


def test_domains():
    here = draw_dermoscopy(200, seed=3)
    for name, domain in DOMAINS.items():
        there = draw_dermoscopy(200, domain=name, seed=3)
        assert set(there["diagnosis"]) <= set(np.flatnonzero(domain.prior))
        same = (here["diagnosis"] == there["diagnosis"]).to_numpy()
        assert same.any()  # common random numbers: the same cases as far as the prior allows
        case = list(COLUMNS)
        pd.testing.assert_frame_equal(here.loc[same, case], there.loc[same, case])
    assert (draw_dermoscopy(50, domain="school")["diagnosis"] == DIAGNOSES.index("nevus")).all()
    own = draw_dermoscopy(300, domain=Domain(prior=(1, 1, 1, 1, 1), hair=0, sticker=1.0))
    np.testing.assert_allclose(np.bincount(own["diagnosis"]) / 300, 0.2, atol=0.08)
    assert (own["hair"] == 0).all() and (own["sticker"] == 1).all()
    pale, dark = (dermoscopy(20, domain=d).images.mean() for d in ("reference", "dark"))
    assert pale > dark + 0.03


def test_the_same_cases_by_another_camera():
    here = draw_dermoscopy(20, seed=3)
    there = in_domain(here, "warm")
    changed = {name for name in here if not here[name].equals(there[name])}
    assert changed == {"light_red", "light_green", "light_blue", "exposure", "gamma", "blur_mm",
                       "vignette", "corners"}  # the field and the noise are the reference's too
    pd.testing.assert_frame_equal(in_domain(there, "reference"), here)
    a, b = (render_dermoscopy(f) for f in (here, there))
    np.testing.assert_array_equal(a.masks, b.masks)
    assert a.images[:, 2].mean() > b.images[:, 2].mean() + 0.05


def test_stated_correlations_of_looks():
    factors = draw_dermoscopy(4000, domain=Domain(hair=0.4))
    hair = factors.groupby("sex")["hair"].mean()
    smooth = factors["site"] == "acral"
    assert hair["male"] > 1.5 * hair["female"] and not factors.loc[smooth, "hair"].any()
    assert factors["age"].corr(factors["freckles"]) > 0.25


def test_clinical_view_shows_the_same_from_afar():
    factors = draw_dermoscopy(12, seed=8, not_star=0).assign(
        **CLEAN | dict(diameter_mm=7.0, centre_x_mm=0.0, centre_y_mm=0.0)
    )
    made, views = render_dermoscopy(factors), render_clinical(factors)
    share = views.masks.mean((1, 2)) / made.masks.mean((1, 2))
    assert (share > 1 / 2.6**2 - 0.03).all() and (share < 0.3).all()
    flat, raised = (render_clinical(factors.assign(elevation=how)).images
                    for how in ("flat", "nodular"))  # fmt: skip
    assert np.abs(flat - raised)[:, :, 24:40, 24:40].mean() > 0.005
    dull, glossy = (render_clinical(factors.assign(glare=g)).images.mean() for g in (0.0, 0.5))
    assert glossy > dull + 0.01
    # A veil is seen less than through the dermatoscope.
    veil = factors.assign(blue_whitish_veil=1, veil_size=0.75)
    none = factors.assign(blue_whitish_veil=0)
    gain = []
    for render, pictures in ((render_dermoscopy, made), (render_clinical, views)):
        with_, without = (render(f).images for f in (veil, none))
        bluer = with_[:, 2] / with_[:, 0] - without[:, 2] / without[:, 0]
        gain.append(bluer[pictures.masks].mean())
    assert gain[0] > gain[1] > 0


# Bad input.

@pytest.mark.parametrize("wrong, message", [
    (dict(count=0), "count must be 1"), (dict(count=1, first=-1), "first 0 or more"),
    (dict(count=1, not_star=2), "not_star is a share"),
    (dict(count=1, domain="mars"), "one of reference"),
    (dict(count=1, size=(16, 16)), "32 to 1024"), (dict(count=1, size=(64,)), "32 to 1024"),
    (dict(count=1, domain=Domain(hair=1.5)), "hair must be from 0 to 1"),
    (dict(count=1, domain=Domain(noise=-1)), "noise must be 0 or more"),
    (dict(count=1, domain=Domain(gamma=0)), "gamma must be above 0"),
    (dict(count=1, domain=Domain(skin_melanin=0.7)), "volume fraction"),
    (dict(count=1, domain=Domain(light=(1, 1))), "light must be red"),
    (dict(count=1, domain=Domain(prior=(1, 2))), "prior must be 5 numbers"),
])
def test_errors(wrong, message):
    with pytest.raises(ValueError, match=message):
        dermoscopy(**wrong)


def test_errors_of_factors():
    factors = draw_dermoscopy(2)
    with pytest.raises(ValueError, match="lack aspect, bend: start from draw_dermoscopy"):
        render_dermoscopy(factors.drop(columns=["bend", "aspect"]))
    with pytest.raises(ValueError, match="streaks must be 0 to 2 .absent, regular, irregular"):
        render_dermoscopy(factors.assign(streaks=3))
    with pytest.raises(ValueError, match="diameter_mm must be above 0"):
        render_clinical(factors.assign(diameter_mm=-1.0))
    with pytest.raises(ValueError, match="domain must be one of"):
        in_domain(factors, "mars")
