"""Where the brain phantom's heads come from: the average head, its tissues, its deformations."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtutor.methods.training_data.deformations import ControlGrid, Warp
from medtutor.phantoms import brain_mri as module
from medtutor.phantoms.brain_mri import brain_mri, draw_brain_mri, render_brain_mri
from medtutor.phantoms.brain_mri_anatomy import (
    BOX,
    ORDER,
    control_displacements,
    places_in_average_head,
    shares_of_tissue,
    waves,
)
from medtutor.phantoms.brain_mri_scenes import KINDS
from medtutor.phantoms.brain_mri_template import depth_below_dura, template, tissue_shares


def test_average_head():
    maps = template()
    assert maps.grey.shape == maps.white.shape == (189, 233, 197)
    middle = np.zeros((1, 1, 3))
    assert depth_below_dura(middle)[0, 0] > 30
    assert (depth_below_dura(np.array([[0.0, 0.0, 125.0], [0.0, 0.0, 76.0]])) < 0).all()
    assert len(maps.places) == len(maps.to_ventricle) > 5000 and maps.to_ventricle.min() >= 0
    deep = np.array([[[-15.0, 5.0, 26.0]]])  # the white matter of a hemisphere
    zero = np.zeros((1, 1))
    fluid, grey, white = tissue_shares(deep, np.zeros(1), zero, zero)
    assert white[0, 0] > 0.9 and fluid + grey + white == pytest.approx(1)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10**6), kind=st.sampled_from(KINDS), deform=st.sampled_from([0.0, 3.0]))
def test_shares_are_shares(seed, kind, deform):
    scenes = draw_brain_mri(2, kinds={kind: 1.0}, seed=seed, deform=deform)
    axis = np.arange(-108, 109, 9.0)
    shares = shares_of_tissue(scenes, places_in_average_head(scenes, [None, axis, axis]))
    assert shares.shape == (2, 625, len(ORDER)) and shares.min() > -1e-5
    np.testing.assert_allclose(shares.sum(-1), 1, atol=1e-4)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_no_head_folds(seed):
    # The box at a tenth of its resolution, which keeps the control points where they are.
    scenes = draw_brain_mri(2, seed=seed, deform=4.0)
    small = ControlGrid((25, 25, 25), points=BOX.points, margin=BOX.margin)
    for displacement in control_displacements(scenes.factors):
        assert Warp(small, displacement / 10).min_jacobian > 0.2


def test_deformation_is_as_large_as_asked():
    moved = control_displacements(draw_brain_mri(60, deform=2.0).factors)
    assert np.sqrt((moved**2).mean()) == pytest.approx(2, rel=0.15)
    assert not control_displacements(draw_brain_mri(2, deform=0.0).factors).any()


def test_a_slice_is_the_slice_of_the_volume(monkeypatch):
    monkeypatch.setattr(module, "FINEST", 100.0)  # one place a voxel
    scenes = draw_brain_mri(1, plane="volume", kinds={"tumour": 1.0}, seed=2)
    scenes = scenes.changed(noise=0.0, bias=0.0)
    volume = render_brain_mri(scenes, size=(24, 24, 24), contrasts=("t1c",))
    level = 10
    flat = replace(scenes.changed(slice_mm=(level + 0.5 - 12) * volume.voxel), plane="axial")
    slice_ = render_brain_mri(flat, size=(24, 24), contrasts=("t1c",))
    np.testing.assert_allclose(slice_.images[0, 0], volume.images[0, 0, level], atol=1e-4)
    np.testing.assert_array_equal(slice_.labels[0], volume.labels[0, level])


def test_stripped_leaves_the_brain():
    whole, brain = (brain_mri(3, size=(48, 48), stripped=s) for s in (False, True))
    inside = whole.tissues > 0
    assert (brain.images[:, :, ~inside[0]][0] == 0).all()
    np.testing.assert_array_equal(brain.channel("t2")[inside], whole.channel("t2")[inside])


def test_random_field_has_variance_one():
    at = np.random.default_rng(0).uniform(-300, 300, (4000, 3)).astype(np.float32)
    values = np.stack([waves(at, seed, (10, 40)) for seed in range(10)])
    assert values.std() == pytest.approx(1, abs=0.05) and abs(values.mean()) < 0.05
    np.testing.assert_array_equal(values[3], waves(at, 3, (10, 40)))
