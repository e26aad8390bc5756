"""Hippocampus reader: official layout, cutting, splits, and every way a file can be damaged."""

import json

import nibabel as nib
import numpy as np
import pytest

from medtutor.datasets import DatasetAbsent, DatasetDamaged, MsdHippocampus
from medtutor.datasets.split import split_by_group

from .conftest import write_volume


def scan_file(root, number, kind="imagesTr"):
    return root / kind / f"hippocampus_{number:03}.nii.gz"


def test_sequence(hippocampus):
    scans = MsdHippocampus(hippocampus)
    assert scans.ids == ["hippocampus_001", "hippocampus_007", "hippocampus_030"]
    assert len(scans) == len(list(scans)) == 3
    assert scans[0].id == "hippocampus_001" == scans["hippocampus_001"].id
    with pytest.raises(IndexError):
        scans[3]
    with pytest.raises(KeyError, match="no case 'x'; ids run from hippocampus_001"):
        scans["x"]


def test_orientation(hippocampus):
    stored = np.asarray(nib.load(scan_file(hippocampus, 1)).dataobj)  # (right, anterior, superior)
    scan = MsdHippocampus(hippocampus)[0]
    assert scan.image.shape == (6, 9, 5)  # (D, H, W) of a file with 5 x 9 x 6
    np.testing.assert_array_equal(scan.image, stored.transpose(2, 1, 0)[::-1, ::-1, ::-1])
    rows = [np.argwhere(scan.label == k)[:, 1].mean() for k in (1, 2)]
    assert rows[0] < rows[1]  # anterior comes first along H
    assert scan.image.dtype == np.float32 and scan.label.dtype == np.int64


def test_spacing_follows_the_axes(hippocampus):
    for kind in ("imagesTr", "labelsTr"):
        array = np.asarray(nib.load(scan_file(hippocampus, 7, kind)).dataobj)
        write_volume(scan_file(hippocampus, 7, kind), array, spacing=(1.0, 2.0, 3.0))
    assert MsdHippocampus(hippocampus)[1].spacing == (3.0, 2.0, 1.0)


def test_arrays(hippocampus):
    scans = MsdHippocampus(hippocampus)
    images, labels, ids = scans.arrays(size=(8, 8, 8))
    assert images.shape == (3, 1, 8, 8, 8) and images.dtype == np.float32
    assert labels.shape == (3, 8, 8, 8) and labels.dtype == np.int64
    assert ids == scans.ids
    assert all((labels == k).sum() == 3 * 8 for k in (1, 2))  # nothing cut away
    inside = scans.arrays(size=(5, 5, 5)).images  # no padding: standardised values
    assert abs(inside.mean()) < 0.3 and 0.7 < inside.std() < 1.3
    chosen = scans.arrays(size=(4, 4, 4), ids=["hippocampus_030"])
    assert chosen.ids == ["hippocampus_030"] and len(chosen.images) == 1


def test_slices(hippocampus):
    scans = MsdHippocampus(hippocampus)
    images, labels, ids = scans.slices(size=(8, 10), axis=2, per_scan=2)
    assert images.shape == (6, 1, 8, 10) and labels.shape == (6, 8, 10)
    assert ids == [name for name in scans.ids for _ in range(2)]
    whole = scans.slices(size=scans[0].image.shape[:2], ids=[scans.ids[0]])
    np.testing.assert_array_equal(whole.labels[0], scans[0].label[:, :, 2])


def test_split_is_by_scan_and_repeats(hippocampus):
    scans = MsdHippocampus(hippocampus)
    parts = scans.split(seed=0, fractions=(1 / 3, 1 / 3, 1 / 3))
    assert sorted(sum(parts, [])) == scans.ids
    assert [len(part) for part in parts] == [1, 1, 1]
    assert parts == MsdHippocampus(hippocampus).split(seed=0, fractions=(1 / 3, 1 / 3, 1 / 3))
    names = [f"s{k}" for k in range(40)]
    splits = [split_by_group({n: n for n in names}, seed=seed) for seed in (0, 1)]
    assert splits[0] != splits[1]
    backwards = {n: n for n in reversed(names)}
    assert split_by_group(backwards, seed=0) == splits[0]  # the order of the ids is no matter
    assert [len(part) for part in splits[0]] == [24, 8, 8]
    with pytest.raises(ValueError, match="three shares"):
        split_by_group(backwards, seed=0, fractions=(0.5, 0.4))


def test_repr_has_licence_and_citation(hippocampus):
    text = repr(MsdHippocampus(hippocampus))
    assert "CC BY-SA 4.0" in text and "Antonelli" in text


def test_absent(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_DATA", str(tmp_path))
    with pytest.raises(DatasetAbsent, match="medtutor data get msd_hippocampus"):
        MsdHippocampus()


def test_image_without_label(hippocampus):
    scan_file(hippocampus, 7, "labelsTr").unlink()
    with pytest.raises(DatasetDamaged, match="3 images and 2 labels do not pair.*hippocampus_007"):
        MsdHippocampus(hippocampus)


def test_fewer_than_announced(hippocampus):
    (hippocampus / "dataset.json").write_text(json.dumps({"numTraining": 260}))
    with pytest.raises(DatasetDamaged, match="announces 260 training scans, found 3"):
        MsdHippocampus(hippocampus)
    (hippocampus / "dataset.json").write_text("{half a fi")
    with pytest.raises(DatasetDamaged, match="dataset.json: wanted a number numTraining"):
        MsdHippocampus(hippocampus)


def test_no_volumes(tmp_path):
    with pytest.raises(DatasetDamaged, match="imagesTr: wanted a folder"):
        MsdHippocampus(tmp_path)
    for kind in ("imagesTr", "labelsTr"):
        (tmp_path / kind).mkdir()
    with pytest.raises(DatasetDamaged, match="no volumes"):
        MsdHippocampus(tmp_path)


def test_corrupted_volume(hippocampus):
    path = scan_file(hippocampus, 1)
    path.write_bytes(path.read_bytes()[:200])  # a download that stopped
    scans = MsdHippocampus(hippocampus)
    with pytest.raises(DatasetDamaged, match="hippocampus_001.nii.gz: cannot be read as NIfTI"):
        scans[0]
    assert scans[1].image.size  # the others still open


def test_not_a_volume(hippocampus):
    write_volume(scan_file(hippocampus, 1), np.zeros((4, 4, 4, 2), np.float32))
    with pytest.raises(DatasetDamaged, match=r"wanted a 3D volume, found shape \(4, 4, 4, 2\)"):
        MsdHippocampus(hippocampus)[0]


def test_mask_of_another_size(hippocampus):
    write_volume(scan_file(hippocampus, 1, "labelsTr"), np.zeros((5, 9, 7), np.uint8))
    with pytest.raises(DatasetDamaged, match=r"labelsTr.*\(7, 9, 5\) differs.*\(6, 9, 5\)"):
        MsdHippocampus(hippocampus)[0]


def test_mask_on_another_grid(hippocampus):
    label = np.zeros((5, 9, 6), np.uint8)
    write_volume(scan_file(hippocampus, 1, "labelsTr"), label, spacing=(1.0, 1.0, 2.0))
    with pytest.raises(DatasetDamaged, match="labelsTr.*lie elsewhere.*affines"):
        MsdHippocampus(hippocampus)[0]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_in_the_image(hippocampus, value):
    array = np.ones((5, 9, 6), np.float32)
    array[0, 0, :2] = value
    write_volume(scan_file(hippocampus, 1), array)
    with pytest.raises(DatasetDamaged, match="imagesTr.*2 voxels are NaN or infinite; delete"):
        MsdHippocampus(hippocampus)[0]


def test_strange_labels(hippocampus):
    label = np.zeros((5, 9, 6), np.uint8)
    label[0, 0, 0] = 255
    write_volume(scan_file(hippocampus, 1, "labelsTr"), label)
    with pytest.raises(DatasetDamaged, match=r"labels wanted 0, 1, 2, found \[255\]"):
        MsdHippocampus(hippocampus)[0]


@pytest.mark.parametrize("real_data", ["msd_hippocampus"], indirect=True)
def test_real_scans(real_data):
    scans = MsdHippocampus(real_data)
    assert len(scans) >= 100
    images, labels, _ = scans.slices(ids=scans.ids[::10])
    assert np.isfinite(images).all()
    for mask in labels:
        assert set(np.unique(mask)) == {0, 1, 2}  # sagittal middle planes show both parts
        front, back = (np.argwhere(mask == k)[:, 1].mean() for k in (1, 2))
        assert front < back
