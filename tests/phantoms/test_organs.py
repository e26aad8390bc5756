import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from medtutor.phantoms.organ_shapes import OrganPopulation, _directions, harmonics
from medtutor.phantoms.organs import organs


@pytest.mark.parametrize("size", [(48, 48), (40, 64), (24, 24, 24)])
def test_shape(size):
    made = organs(5, size=size)
    assert made.images.shape == (5, 1, *size) and made.images.dtype == np.float32
    assert made.labels.shape == (5, *size) and made.labels.dtype == np.int64
    assert len(made) == len(made.factors) == 5
    assert np.isfinite(made.images).all()
    assert all(set(np.unique(label)) == {0, 1, 2, 3} for label in made.labels)
    axes = "zyx"[-len(size) :]
    wanted = {f"centre_{k}_{a}" for k in (1, 2, 3) for a in axes} | {"mode_3", "noise", "bias"}
    assert wanted | {"area_1", "intensity_3"} <= set(made.factors.columns)


@pytest.mark.parametrize(
    ("size", "areas"),
    [((48, 48), (0.15, 0.05, 0.02)), ((48, 48), (0.02,)), ((24, 24, 24), (0.15, 0.05, 0.02))],
)
def test_areas_are_as_asked(size, areas):
    made = organs(150, size=size, areas=areas)
    for k, area in enumerate(areas, start=1):
        counted = (made.labels == k).reshape(150, -1).mean(1)
        np.testing.assert_allclose(made.factors[f"area_{k}"], counted)
        assert counted.mean() == pytest.approx(area, rel=0.12)
        assert counted.min() > 0.2 * area  # no organ is hidden by another


def test_hand_value():
    # Without variation, of a single organ of 5 % in 100 x 100: 500 pixels, nearly.
    made = organs(1, size=(100, 100), areas=(0.05,), variation=0, noise=0, texture=0, bias=0)
    assert made.factors["area_1"][0] == pytest.approx(0.05, abs=0.001)
    # Its middle has its own intensity, tissue .4 plus contrast, give or take a quarter of it.
    centre = made.factors[["centre_1_y", "centre_1_x"]].iloc[0].round().astype(int)
    value = made.images[0, 0, *centre]
    assert value == pytest.approx(made.factors["intensity_1"][0], abs=1e-3)
    assert 0.4 + 0.19 <= value <= 0.4 + 0.31
    place = ndimage.center_of_mass(made.labels[0] == 1)
    np.testing.assert_allclose(made.factors[["centre_1_y", "centre_1_x"]].iloc[0], place)


def test_images_do_not_depend_on_the_count():
    many = organs(130, size=(64, 64), seed=5)  # more than are drawn at a time
    few = organs(3, size=(64, 64), seed=5, first=80)
    np.testing.assert_array_equal(many.images[80:83], few.images)
    np.testing.assert_array_equal(many.labels[80:83], few.labels)
    assert many.factors.iloc[80:83].equals(few.factors)
    assert few.factors.index.tolist() == [80, 81, 82]
    other = organs(3, size=(64, 64), seed=6)
    assert not np.array_equal(many.labels[:3], other.labels)


def test_organs_are_whole_and_inside_the_body():
    made = organs(60, size=(64, 64), noise=0, texture=0, bias=0)
    pieces = [ndimage.label(label == k)[1] for label in made.labels for k in (1, 2, 3)]
    assert np.mean(np.equal(pieces, 1)) > 0.98
    border = np.ones((64, 64), bool)
    border[2:-2, 2:-2] = False
    assert not made.labels[:, border].any()
    assert made.images[:, 0][:, border].mean() < 0.1  # air


def test_few_modes_explain_the_shapes():
    # 81 % of the variance is shared by two modes; without modes no two directions hold that much.
    def explained(modes):
        made = organs(300, size=(64, 64), modes=modes, seed=1)
        names = [f"{what}_{k}{axis}" for k in (1, 2, 3) for what, axis in
                 (("centre", "_y"), ("centre", "_x"))]  # fmt: skip
        values = made.factors[names].to_numpy()
        spread = np.linalg.svd(values - values.mean(0), compute_uv=False) ** 2
        return spread[:2].sum() / spread.sum(), made

    (with_modes, made), (without, _) = explained(2), explained(0)
    assert with_modes > without + 0.1
    # Two seeds are two samples of one population: the mean label maps agree.
    other = organs(300, size=(64, 64), modes=2, seed=2)
    for k in (1, 2, 3):
        means = [(m.labels == k).mean(0) for m in (made, other)]
        assert np.corrcoef(means[0].ravel(), means[1].ravel())[0, 1] > 0.98


def test_each_knob():
    plain = dict(size=(64, 64), areas=(0.1,), variation=0, noise=0, texture=0, bias=0, seed=2)
    inside = lambda **more: organs(40, **{**plain, **more})  # noqa: E731
    base = inside()
    core = ndimage.binary_erosion(base.labels[0] == 1, iterations=3)
    flat = base.images[:, 0, core]
    assert flat.std(1).max() < 1e-3
    # noise, texture: the standard deviations that were asked for
    assert (inside(noise=0.2).images[:, 0, core] - flat).std() == pytest.approx(0.2, rel=0.05)
    assert (inside(texture=0.1).images[:, 0, core] - flat).std() == pytest.approx(0.1, rel=0.2)
    # contrast moves the organ and not the labels
    higher = inside(contrast=0.5)
    np.testing.assert_allclose(higher.images[:, 0, core] - 0.4, 2 * (flat - 0.4), atol=2e-3)
    np.testing.assert_array_equal(higher.labels, base.labels)
    # bias multiplies by 1 - b .. 1 + b
    ratio = inside(bias=0.3).images[:, 0, core] / flat
    assert 0.69 < ratio.min() < 0.9 and 1.1 < ratio.max() < 1.31
    # blur: the steepest edge gets flatter
    steep = [abs(np.diff(inside(blur=b).images[:, 0])).max() for b in (0.3, 1.0, 2.0)]
    assert steep[0] > steep[1] > steep[2]
    # variation: labels of the mean shape are all the same
    assert (base.labels == base.labels[:1]).all()
    assert not (inside(variation=1.0).labels == base.labels).all()


def test_harmonics_are_orthogonal():
    for dim, power in ((2, 0.5), (3, 1.0)):
        basis = harmonics(_directions(dim))
        gram = basis @ basis.T / basis.shape[1]
        np.testing.assert_allclose(gram, power * np.eye(len(basis)), atol=0.02)
        # No order 0 (size) and no order 1 (place) among them.
        assert abs(basis.mean(1)).max() < 0.01
        assert abs(basis @ _directions(dim).T / basis.shape[1]).max() < 0.01


@settings(max_examples=15, deadline=None)
@given(
    size=st.lists(st.integers(12, 40), min_size=2, max_size=3),
    areas=st.lists(st.floats(0.01, 0.08), min_size=1, max_size=3),
    modes=st.integers(0, 4),
    seed=st.integers(0, 2**32),
)
def test_any_size(size, areas, modes, seed):
    if min(areas) * np.prod(size) < 4 or max(size) > 2 * min(size):
        return
    made = organs(2, size=size, areas=areas, modes=modes, seed=seed)
    assert np.isfinite(made.images).all()
    assert set(np.unique(made.labels)) == set(range(len(areas) + 1))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(count=0), "count must be 1 or more"),
        (dict(size=(48, 7)), r"at least 8 voxels; got \(48, 7\)"),
        (dict(size=(48,)), "2 or 3 sides"),
        (dict(noise=-0.1), "noise must be 0 or more; got -0.1"),
        (dict(blur=float("nan")), "blur must be 0 or more"),
        (dict(modes=-1), "modes"),
        (dict(areas=()), "above 0"),
        (dict(areas=(0.1, 0)), "above 0"),
        (dict(areas=(0.2, 0.2, 0.2)), "sum to at most 0.36"),
        (dict(areas=(0.001,)), r"2\.3 voxels, wanted at least 4: .*0\.0017"),
        (dict(areas=(0.18, 0.18)), "do not fit side by side"),
        (dict(areas=(0.36,), size=(16, 80)), "do not fit side by side"),  # too thin an image
    ],
)
def test_errors(options, words):
    with pytest.raises(ValueError, match=words):
        organs(**{"count": 1, **options})


def test_population_is_the_same_for_every_seed():
    one, two = (OrganPopulation((48, 48), (0.1, 0.05), 2) for _ in range(2))
    np.testing.assert_array_equal(one.centres, two.centres)
    np.testing.assert_array_equal(one.mixing, two.mixing)
