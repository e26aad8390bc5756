"""Decathlon tasks of several sequences: layout, channels, labels, and damaged files.

What all tasks share is tested with the hippocampus too, in test_msd_hippocampus.py.
"""

import json

import numpy as np
import pytest

from medtutor.datasets import Case, DatasetDamaged, MsdBrainTumour, MsdProstate
from medtutor.datasets.labelled_set import open_set

from .conftest import write_volume

TASKS = [(MsdBrainTumour, "BRATS"), (MsdProstate, "prostate")]


def made(root, reader, stem, count=3):
    rng = np.random.default_rng(0)
    for number in range(1, count + 1):
        shape = (6, 7, 4 + number)
        label = rng.integers(0, len(reader.label_names), shape).astype(np.uint8)
        image = rng.normal(100, 20, (*shape, len(reader.sequences))).astype(np.float32)
        for kind, array in (("imagesTr", image), ("labelsTr", label)):
            write_volume(root / kind / f"{stem}_{number:02}.nii.gz", array, (0.6, 0.6, 4.0))
        (root / "imagesTr" / f"._{stem}_{number:02}.nii.gz").write_bytes(b"\0\5\x16\7")
    write_volume(root / "imagesTs" / f"{stem}_99.nii.gz", image)
    (root / "dataset.json").write_text(json.dumps({"numTraining": count, "numTest": 1}))
    return root


@pytest.mark.parametrize(("reader", "stem"), TASKS)
def test_official_layout(tmp_path, reader, stem):
    scans = reader(made(tmp_path, reader, stem))
    assert scans.ids == [f"{stem}_01", f"{stem}_02", f"{stem}_03"] and scans.class_counts() == {}
    case = scans[1]
    assert isinstance(case, Case) and case.image.dtype == np.float32
    assert case.image.shape == (len(reader.sequences), 6, 7, 6)
    assert case.mask.shape == case.image.shape[1:] and case.mask.dtype == np.int64
    assert set(np.unique(case.mask)) == set(range(len(reader.label_names)))
    assert case.spacing == pytest.approx((4.0, 0.6, 0.6))
    assert case.metadata["sequences"] == reader.sequences
    assert case.metadata["label_names"][0] == "background"
    assert "CC BY-SA 4.0" in repr(scans) and "Antonelli" in repr(scans)
    assert [len(part) for part in scans.split(0, (1 / 3, 1 / 3, 1 / 3))] == [1, 1, 1]


def test_channels_keep_their_order(tmp_path):
    root = made(tmp_path, MsdBrainTumour, "BRATS", 1)
    image = np.stack([np.full((6, 7, 5), k, np.float32) for k in (10, 20, 30, 40)], -1)
    write_volume(root / "imagesTr" / "BRATS_01.nii.gz", image, (0.6, 0.6, 4.0))
    case = open_set("msd_brain_tumour", root)[0]
    assert case.image.mean((1, 2, 3)).tolist() == [10, 20, 30, 40]
    assert case.metadata["sequences"] == ("flair", "t1", "t1ce", "t2")


def test_wrong_files(tmp_path):
    root = made(tmp_path, MsdProstate, "prostate")
    write_volume(root / "imagesTr/prostate_01.nii.gz", np.zeros((6, 7, 5), np.float32))
    label = np.zeros((6, 7, 6), np.uint8)
    label[0, 0, 0] = 3
    write_volume(root / "labelsTr/prostate_02.nii.gz", label, (0.6, 0.6, 4.0))
    scans = MsdProstate(root)
    with pytest.raises(DatasetDamaged, match="prostate_01.nii.gz: wanted a volume of 2 sequences"):
        scans[0]
    with pytest.raises(DatasetDamaged, match=r"labels wanted 0, 1, 2, found \[3\]") as caught:
        scans[1]
    assert "medtutor data get msd_prostate" in str(caught.value)
    (root / "labelsTr/prostate_03.nii.gz").unlink()
    with pytest.raises(DatasetDamaged, match="3 images and 2 labels .* alone: prostate_03"):
        MsdProstate(root)
    (root / "imagesTr/prostate_03.nii.gz").unlink()
    with pytest.raises(DatasetDamaged, match="announces 3 training scans, found 2"):
        MsdProstate(root)
