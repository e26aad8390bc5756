"""VascuSynth reader: groups of trees, vessels by value, nodes, and damaged copies."""

import numpy as np
import pytest
from scipy.io import savemat

from medtutor.datasets import Case, DatasetDamaged, VascuSynth
from medtutor.datasets.labelled_set import open_set

from .test_metaimage import write_mhd

SHAPE = (5, 6, 7)  # (X, Y, Z)


def write_tree(place, number, value=200):
    volume = np.zeros(SHAPE, np.uint8)
    volume[2, 3, 1:6], volume[2, 3, 1] = value, 7
    header = {"DimSize": "5 6 7", "ElementSpacing": "0.5 0.6 0.7"}
    name = f"testVascuSynth{number}_101_101_101_uchar.mhd"
    path = write_mhd(place / name, volume.tobytes("F"), **header)
    nodes = np.array(
        [([2, 3, 1], "root", 0), ([2, 3, 5], "bif", 1)],
        dtype=[("coord", object), ("type", object), ("parent", object)],
    )
    savemat(place / f"treeStructure_{number}.mat", {"node": nodes})
    return path


@pytest.fixture
def trees(tmp_path):
    for group in (1, 10, 2):
        for number in range(1, 13):
            write_tree(tmp_path / f"Group{group}" / f"data{number}", number)
    (tmp_path / "README.txt").write_text("words")
    return tmp_path


def test_trees(trees):
    cases = open_set("vascusynth", trees)
    assert len(cases) == 36 and cases.class_counts() == {}
    assert cases.ids[:2] == ["Group1_data1", "Group1_data2"] and cases.ids[-1] == "Group10_data12"
    case = cases["Group2_data10"]
    assert isinstance(case, Case) and case.image.shape == (1, 7, 6, 5)  # z, y, x
    assert case.image.dtype == np.float32 and case.image.max() == 200
    assert case.mask.dtype == np.int64 and case.mask[1:6, 3, 2].all() and case.mask.sum() == 5
    assert case.spacing == pytest.approx((0.7, 0.6, 0.5)) and case.metadata["group"] == "Group2"
    assert [len(part) for part in cases.split(0, (0.5, 0.25, 0.25))] == [18, 9, 9]


def test_nodes(trees):
    root, fork = VascuSynth(trees).nodes("Group1_data3")
    assert (root["type"], fork["type"]) == ("root", "bif")
    assert fork["coord"].tolist() == [2, 3, 5] and fork["parent"] == 1
    assert VascuSynth(trees)["Group1_data3"].mask[tuple(fork["coord"].astype(int)[::-1])]


def test_one_node(trees):
    path = trees / "Group1/data1/treeStructure_1.mat"
    savemat(path, {"node": {"coord": [1, 2, 3], "type": "root"}})
    (node,) = VascuSynth(trees).nodes("Group1_data1")
    assert node["type"] == "root"


def test_damaged_trees(trees):
    path = trees / "Group1/data1/treeStructure_1.mat"
    savemat(path, {"tree": 1})
    with pytest.raises(DatasetDamaged, match="_1.mat: cannot be read as MATLAB nodes") as caught:
        VascuSynth(trees).nodes("Group1_data1")
    assert "medtutor data get vascusynth" in str(caught.value)
    path.write_bytes(b"<html>")
    with pytest.raises(DatasetDamaged, match="_1.mat: cannot be read as MATLAB nodes"):
        VascuSynth(trees).nodes("Group1_data1")
    path.unlink()
    with pytest.raises(DatasetDamaged, match="data1: one treeStructure_.*.mat wanted, found 0"):
        VascuSynth(trees).nodes("Group1_data1")


def test_damaged_volumes(trees):
    place = trees / "Group1/data1"
    write_tree(place, 1).with_suffix(".raw").write_bytes(bytes(9))
    with pytest.raises(DatasetDamaged, match="uchar.raw: 210 bytes wanted"):
        VascuSynth(trees)[0]
    noisy = np.random.default_rng(0).integers(1, 255, 210).astype(np.uint8)
    next(place.glob("*.raw")).write_bytes(noisy.tobytes())
    with pytest.raises(DatasetDamaged, match="100% of the voxels are above 0.*noise was added"):
        VascuSynth(trees)[0]
    next(place.glob("*.raw")).write_bytes(bytes(210))
    with pytest.raises(DatasetDamaged, match="0% of the voxels are above 0.*it is empty"):
        VascuSynth(trees)[0]


def test_missing_files(trees):
    next((trees / "Group1/data1").glob("*.mhd")).unlink()
    with pytest.raises(DatasetDamaged, match=r"data1: one volume .* wanted, found 0"):
        VascuSynth(trees)
    (trees / "Group1/data1").rename(trees / "elsewhere")
    with pytest.raises(DatasetDamaged, match="Group1: 12 folders data1, ... wanted, found 11"):
        VascuSynth(trees)
    (trees / "Group1").rename(trees / "away")
    assert len(VascuSynth(trees)) == 24  # a group that is absent is passed over
    with pytest.raises(DatasetDamaged, match="no cases found"):
        VascuSynth(trees / "Group2")
