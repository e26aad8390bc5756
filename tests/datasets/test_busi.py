"""BUSI reader: merged masks, squares, near copies kept together, and damaged files."""

import numpy as np
import pytest

from medtutor.datasets import Busi, DatasetAbsent, DatasetDamaged
from medtutor.datasets.busi import squared
from medtutor.datasets.duplicates import perceptual_hash, similar_groups

from .conftest import write_picture


def test_sequence(busi):
    pictures = Busi(busi)
    assert len(pictures) == len(list(pictures)) == 16
    assert pictures.ids[:3] == ["benign (2)", "benign (10)", "benign (11)"]  # 2 before 10
    assert [p.diagnosis for p in pictures] == [1] * 5 + [2] * 6 + [0] * 5
    assert pictures.diagnoses["normal (1)"] == "normal"
    with pytest.raises(KeyError, match="no case 'benign .99.'"):
        pictures["benign (99)"]


def test_masks_are_merged(busi):
    picture = Busi(busi)["benign (2)"]
    assert picture.lesions == 2
    assert picture.image.shape == picture.label.shape == (60, 90)
    assert picture.label.sum() == 10 * 20 + 10 * 20
    assert 0 <= picture.image.min() < picture.image.max() <= 1
    assert Busi(busi)["normal (1)"].label.sum() == 0


def test_arrays(busi):
    images, labels, ids = Busi(busi).arrays(size=32)
    assert images.shape == (16, 1, 32, 32) and images.dtype == np.float32
    assert labels.shape == (16, 32, 32) and labels.dtype == np.int64
    assert set(np.unique(labels)) == {0, 1}
    assert len(ids) == 16
    assert Busi(busi).arrays(size=16, ids=ids[3:]).ids == ids[3:]
    with pytest.raises(ValueError, match="size wants"):
        Busi(busi).arrays(size=0)


def test_squares_keep_the_aspect():
    wide = np.ones((20, 40), np.float32)
    out = squared(wide, 10)
    np.testing.assert_array_equal(out.sum(1), [0, 0, 10, 10, 10, 10, 10, 0, 0, 0])
    mask = np.zeros((40, 20), np.int64)
    mask[:, :10] = 1
    np.testing.assert_array_equal(np.unique(squared(mask, 10)), [0, 1])
    assert squared(mask, 10).sum() == 10 * 2 or squared(mask, 10).sum() == 10 * 3
    assert squared(mask, 40)[:, 10:20].all()  # at full size nothing changes but the padding


def test_near_copies_stay_together(busi):
    pictures = Busi(busi)
    groups = pictures.groups
    assert groups["benign (2)"] == groups["malignant (3)"]  # in two classes, yet one picture
    assert len(set(groups.values())) == 15
    for seed in range(10):
        for part in pictures.split(seed, fractions=(0.5, 0.25, 0.25)):
            assert ("benign (2)" in part) == ("malignant (3)" in part)


def test_split_keeps_the_shares_of_the_classes(busi):
    pictures = Busi(busi)
    parts = pictures.split(seed=0)
    assert sorted(sum(parts, [])) == sorted(pictures.ids)
    assert parts == pictures.split(seed=0)
    for part in parts:
        assert {pictures.diagnoses[name] for name in part} == {"normal", "benign", "malignant"}
    for name in ("normal (2)", "normal (3)"):
        for ending in ("", "_mask"):
            (busi / "normal" / f"{name}{ending}.png").unlink()
    with pytest.raises(ValueError, match="class normal: .* would be empty"):
        Busi(busi).split(seed=0)


def test_hash_survives_brightness_and_size():
    rng = np.random.default_rng(0)
    image = np.kron(rng.uniform(0, 1, (6, 6)), np.ones((20, 20)))
    other = np.kron(rng.uniform(0, 1, (6, 6)), np.ones((20, 20)))
    distance = [
        (perceptual_hash(image) != perceptual_hash(changed)).sum()
        for changed in (0.5 * image + 0.2, image[::2, ::2], other)
    ]
    assert distance[0] == 0 and distance[1] <= 4 and distance[2] > 20
    assert similar_groups({}) == {}
    flat = similar_groups({"a": np.zeros((8, 8)), "b": image})
    assert flat["a"] != flat["b"]


def test_repr_has_licence_and_citation(busi):
    assert "licence: none stated" in repr(Busi(busi)) and "Al-Dhabyani" in repr(Busi(busi))


def test_absent(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_DATA", str(tmp_path))
    with pytest.raises(DatasetAbsent, match="medtutor data get busi"):
        Busi()


def test_picture_without_mask(busi):
    (busi / "benign" / "benign (10)_mask.png").unlink()
    with pytest.raises(DatasetDamaged, match=r"benign: .*do not pair; alone: benign \(10\)"):
        Busi(busi)


def test_missing_class_folder(busi):
    for path in (busi / "normal").iterdir():
        path.unlink()
    (busi / "normal").rmdir()
    with pytest.raises(DatasetDamaged, match="normal: wanted a folder of pictures"):
        Busi(busi)


def test_mask_of_another_size(busi):
    write_picture(busi / "normal" / "normal (1)_mask.png", np.zeros((10, 10)))
    with pytest.raises(DatasetDamaged, match=r"mask.png: its size \(10, 10\).*\(50, 100\)"):
        _ = Busi(busi)["normal (1)"]


def test_corrupted_picture(busi):
    path = busi / "normal" / "normal (1).png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DatasetDamaged, match=r"normal \(1\).png: cannot be read as a picture"):
        _ = Busi(busi)["normal (1)"]


@pytest.mark.parametrize("real_data", ["busi"], indirect=True)
def test_real_pictures(real_data):
    pictures = Busi(real_data)
    ids = pictures.ids[::6]
    images, labels, _ = pictures.arrays(64, ids)
    assert np.isfinite(images).all()
    for name, mask in zip(ids, labels, strict=True):
        assert mask.any() == (pictures.diagnoses[name] != "normal")


@pytest.mark.parametrize("real_data", ["busi"], indirect=True)
def test_real_near_copies(real_data):
    groups = Busi(real_data).groups
    frames = [f"malignant ({k})" for k in range(3, 9)]  # six frames of one lesion, by eye
    if not set(frames) <= set(groups):
        pytest.skip("not run: another part of BUSI is here")
    assert len({groups[name] for name in frames}) == 1
