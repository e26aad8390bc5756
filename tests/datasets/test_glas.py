"""GlaS: the official folder of BMP files, the reduced copy, patients, and damaged files."""

import numpy as np
import pytest

from medtutor.datasets import DatasetDamaged, Glas, facts
from medtutor.datasets.labelled_set import open_set

from .conftest import write_picture

GRADES = {" benign": " healthy", " malignant": " poorly differentiated"}


@pytest.fixture
def glas(tmp_path, monkeypatch):
    """Eight patients, some in all three parts; line ends as the owner's file has them."""
    monkeypatch.setattr(Glas, "parts", {"train": 10, "testA": 4, "testB": 2})
    rng = np.random.default_rng(0)
    rows = ["name,patient ID, grade (GlaS), grade (Sirinukunwattana et al. 2015)"]
    for part, count in Glas.parts.items():
        for k in range(1, count + 1):
            name, said = f"{part}_{k}", list(GRADES)[k % 2]
            write_picture(tmp_path / f"{name}.bmp", rng.integers(0, 255, (20 + k, 30, 3)))
            glands = np.zeros((20 + k, 30))
            glands[2:6, 3:9], glands[6:9, 3:9], glands[12:15, 20:25] = 1, 2, 3  # two of them touch
            write_picture(tmp_path / f"{name}_anno.bmp", glands)
            rows.append(f"{name},{k % 8 + 1},{said},{GRADES[said]}")
    (tmp_path / "Grade.csv").write_text("\r".join(rows) + "\r", newline="")
    return tmp_path


@pytest.fixture
def reduced(tmp_path):
    rows = ["name,patient_id,grade_glas,grade_sirinukunwattana2015"]
    for k in range(1, 5):
        glands = np.zeros((40, 60, 3))
        glands[2:16, 3:19], glands[30:38, 30:50], glands[25:27, 3:5] = 255, 255, 255
        write_picture(tmp_path / f"images/testA_{k}.jpg", np.full((40, 60, 3), 90))
        write_picture(tmp_path / f"masks/testA_{k}.jpg", glands)
        rows.append(f"testA_{k},{k},{'benign' if k % 2 else 'malignant'},adenomatous")
    (tmp_path / "Grade.csv").write_text("\n".join(rows))
    return tmp_path


def test_counts_are_those_of_the_registry():
    assert sum(Glas.parts.values()) == facts("glas").cases


def test_official(glas):
    images = Glas(glas)
    assert len(images) == 16 and images.class_counts() == {"benign": 8, "malignant": 8}
    assert images.ids[:3] == ["testA_1", "testA_2", "testA_3"] and images.ids[-1] == "train_10"
    case = images["train_1"]
    assert case.image.shape == (3, 21, 30) and case.mask.dtype == np.int64
    assert np.bincount(case.mask.ravel())[1:].tolist() == [24, 18, 15]  # touching, yet two glands
    assert case.label == 1 and case.split == "train"
    assert case.metadata == {"patient": "2", "grade": "poorly differentiated", "part": "train"}
    assert case.spacing == pytest.approx((0.00062005, 0.00062005))
    assert images["testB_2"].metadata["part"] == "testB" and images["testB_2"].split == "test"


def test_official_division_and_ours_by_patient(glas):
    images = Glas(glas)
    parts = images.splits(seed=1)
    assert len(parts.test) == 6 and len(parts.train) + len(parts.valid) == 10
    patients = [{images.groups[n] for n in part} for part in parts]
    assert patients[0] & patients[2]  # the owner's division is by image
    assert not patients[0] & patients[1]  # what is drawn from train goes by patient
    ours = [{images.groups[n] for n in part} for part in images.split(seed=0)]
    assert all(ours) and not (ours[0] & ours[1] or ours[0] & ours[2] or ours[1] & ours[2])


def test_a_part_that_is_absent_is_passed_over(glas):
    for path in glas.glob("testB_*.bmp"):
        path.unlink()
    assert len(Glas(glas)) == 14


def test_arrays_keep_the_numbers(glas):
    _, masks, ids = Glas(glas).arrays(60, ["train_1"])
    assert ids == ["train_1"] and set(np.unique(masks)) == {0, 1, 2, 3}
    assert Glas(glas).labelled(8).images.shape == (16, 3, 8, 8)


def test_reduced_copy_has_pieces_for_glands(reduced):
    images = Glas(reduced)
    assert images.class_counts() == {"benign": 2, "malignant": 2}
    mask = images[0].mask
    assert set(np.unique(mask)) == {0, 1, 2}  # the speck of 4 pixels is none
    assert mask[5, 5] == 1 and mask[33, 40] == 2


def test_damaged(glas):
    (glas / "train_3_anno.bmp").unlink()
    with pytest.raises(DatasetDamaged, match="do not pair; alone: train_3; .*data get glas"):
        Glas(glas)
    (glas / "train_3.bmp").unlink()
    with pytest.raises(DatasetDamaged, match="10 images train_1, ... wanted, found 9"):
        Glas(glas)


def test_damaged_table(glas):
    table = glas / "Grade.csv"
    text = table.read_text()
    table.write_text(text.replace("testA_2,3, benign", "testA_2,3, unsure"))
    with pytest.raises(DatasetDamaged, match="Grade.csv: testA_2: benign or malignant .* 'unsure'"):
        Glas(glas)
    table.write_text(text.replace("testA_2,", "testA_7,"))
    with pytest.raises(DatasetDamaged, match="Grade.csv: no row for testA_2"):
        Glas(glas)
    table.unlink()
    with pytest.raises(DatasetDamaged, match="Grade.csv: the table .* no such file"):
        Glas(glas)


def test_foreign_picture(reduced):
    for kind in ("images", "masks"):
        write_picture(reduced / kind / "holiday.jpg", np.zeros((4, 4, 3)))
    with (reduced / "Grade.csv").open("a") as file:
        file.write("\nholiday,1,benign,healthy")
    with pytest.raises(DatasetDamaged, match="holiday.jpg: a name as train_1 or testA_1 or testB"):
        Glas(reduced)


@pytest.mark.parametrize("real_data", ["glas22"], indirect=True)
def test_real_images(real_data):
    images = open_set("glas", real_data)
    assert images.class_counts() == {"benign": 11, "malignant": 11}
    assert len(set(images.groups.values())) == 10
    for case in images:
        glands = np.bincount(case.mask.ravel())[1:]
        assert case.image.shape in ((3, 522, 775), (3, 453, 589)) and 3 <= len(glands) <= 31
        assert glands.min() > 500  # pixels: no speck of the compression is a gland
        inside, outside = (case.image.mean(0)[case.mask > 0].mean(), case.image.mean())
        assert 0.2 < inside < 0.9 and abs(inside - outside) < 0.2
