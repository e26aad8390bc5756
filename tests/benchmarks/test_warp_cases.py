"""grid_sample gives the same warps and gradients; the packages give pictures of the same shape."""

from importlib.util import find_spec

import pytest
import torch

from benchmarks import warp

SIZES = [(24, 32), (16, 24, 8)]


def near(ours, theirs):
    """Equal where nothing is rounded the other way: positions near the edge or half way are few."""
    off = (ours.double() - theirs.double()).abs() > 1e-3
    assert off.double().mean() < 1e-3


@pytest.mark.parametrize("size", SIZES)
def test_dense_peers_agree(size):
    forward, backward = warp.dense(2, size, "cpu", "small", {})
    for case in (forward, backward):
        for ours, theirs in zip(case.ours(), case.peers["grid_sample"]()(), strict=True):
            near(ours, theirs.squeeze(1) if theirs.ndim > ours.ndim else theirs)
    voxels = 2 * torch.Size(size).numel()
    # image and label read and written, 10 bytes; u read, 4 bytes a component
    assert forward.bytes == voxels * (10 + 4 * len(size))
    assert backward.bytes == voxels * (20 + 12 * len(size))


@pytest.mark.parametrize("size", SIZES)
def test_composition_in_torch_agrees(size):
    image, label = warp.pair(2, size, "cpu")
    call = warp.composed(image, label)
    torch.manual_seed(3)
    theirs = call()
    torch.manual_seed(3)
    for ours, other in zip(warp.sampled(image, label, "linear"), theirs, strict=True):
        assert ours.shape == other.shape and ours.dtype == other.dtype
        near(ours, other)


@pytest.mark.parametrize("name", warp.PACKAGES)
def test_packages_warp_the_pair(name):
    module = {"simpleitk": "SimpleITK"}.get(name, name)
    if find_spec(module) is None:
        pytest.skip(f"not run: {module} is not installed; pip install -e '.[peers]'")
    image, label = warp.pair(1, (16, 16, 16), "cpu")
    moved = warp.PACKAGES[name](image[0], label)()
    if isinstance(moved, tuple):                         # SimpleITK's images
        assert [part.GetSize() for part in moved] == [(16, 16, 16)] * 2
        return
    new = {key.replace("segmentation", "label"): value for key, value in moved.items()}
    new = {key: getattr(value, "data", value) for key, value in new.items()}
    assert new["image"].shape == new["label"].shape == (1, 16, 16, 16)
    assert not torch.equal(torch.as_tensor(new["image"]), image[0])
    assert set(torch.as_tensor(new["label"]).unique().tolist()) <= {0, 1, 2, 3}


def test_targets_stand_in_the_cases():
    wanted = [case.wanted for case in warp.cases("cpu") if case.wanted]
    goals = {"monai": 50, "torchio": 50, "batchgeneratorsv2": 12, "grid_sample": 4}
    assert wanted == [goals, goals, {"grid_sample": 5}]
