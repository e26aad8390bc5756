"""ISIC readers: the official folders of three years, the reduced copy, and damaged files."""

import numpy as np
import pytest

from medtutor.datasets import Case, DatasetDamaged, Isic2016, Isic2017, Isic2018
from medtutor.datasets.labelled_set import open_set

from .conftest import write_picture


@pytest.fixture
def official(tmp_path, monkeypatch):
    """A tiny set of one year in the official layout; returns its folder."""

    def made(reader, cases, segmentation="_segmentation"):
        rng = np.random.default_rng(0)
        parts = [part._replace(cases=cases) for part in reader.parts]
        monkeypatch.setattr(reader, "parts", tuple(parts))
        for number, part in enumerate(parts):
            for k in range(cases):
                name, shape = f"ISIC_{number}{k:06}", (20 + k, 30)
                grey = rng.integers(0, 255, (*shape, 3))
                write_picture(tmp_path / part.images / f"{name}.jpg", grey)
                mask = np.zeros(shape)
                mask[5:9, 6:12] = 255
                write_picture(tmp_path / part.masks / f"{name}{segmentation}.png", mask)
        return tmp_path

    return made


@pytest.fixture
def isic2017(official):
    root = official(Isic2017, 10)
    for part in Isic2017.parts:
        names = sorted(path.stem for path in (root / part.images).glob("*.jpg"))
        write_picture(root / part.images / f"{names[0]}_superpixels.png", np.zeros((4, 4, 3)))
        marks = [(k % 3 == 1, k % 3 == 2) for k in range(10)]
        rows = [f"{n},{float(m)},{float(s)}" for n, (m, s) in zip(names, marks, strict=True)]
        text = "\n".join(["image_id,melanoma,seborrheic_keratosis", *rows])
        (root / part.table).write_text(text)
        people = [f"{n},{'unknown' if k else 55},male" for k, n in enumerate(names)]
        (root / part.people).write_text("\n".join(["image_id,age_approximate,sex", *people]))
    return root


@pytest.fixture
def reduced(tmp_path):
    rows = ["image_id,official_split,melanoma,seborrheic_keratosis,age_approximate,sex,"
            "original_width,original_height,has_mask"]
    for k in range(4):
        write_picture(tmp_path / f"images/ISIC_{k}.jpg", np.full((8, 8, 3), 90))
        if k < 3:
            write_picture(tmp_path / f"masks/ISIC_{k}_segmentation.png", np.eye(8) * 255)
        rows.append(f"ISIC_{k},{'val' if k else 'train'},{int(k == 1)},0,,female,1022,767,"
                    f"{int(k < 3)}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    return tmp_path


def test_official_2017(isic2017):
    images = Isic2017(isic2017)
    assert len(images) == 30
    assert images.class_counts() == {"nevus": 12, "melanoma": 9, "seborrheic keratosis": 9}
    case = images["ISIC_0000001"]
    assert isinstance(case, Case) and case.split == "train" and case.label == 1
    assert case.image.shape == (3, 21, 30) and case.image.dtype == np.float32
    assert 0 <= case.image.min() < case.image.max() <= 1
    assert case.mask.shape == (21, 30) and case.mask.dtype == np.int64 and case.mask.sum() == 4 * 6
    assert case.metadata == {"age": None, "sex": "male"} and images[0].metadata["age"] == 55
    assert images.case(1).id == case.id


def test_official_splits(isic2017):
    parts = Isic2017(isic2017).splits()
    assert [len(part) for part in parts] == [10, 10, 10]
    assert parts.test[0].startswith("ISIC_2")
    assert not set(parts.train) & set(parts.valid)


def test_arrays(isic2017):
    images, masks, ids = Isic2017(isic2017).arrays(16, ["ISIC_0000000", "ISIC_2000003"])
    assert images.shape == (2, 3, 16, 16) and masks.shape == (2, 16, 16)
    assert set(np.unique(masks)) == {0, 1} and ids[1] == "ISIC_2000003"


def test_2016(official):
    root = official(Isic2016, 10, "_Segmentation")
    train, test = (root / part.table for part in Isic2016.parts)
    said = ["benign", "malignant"] * 5
    train.write_text("\n".join(f"ISIC_0{k:06},{what}" for k, what in enumerate(said)))
    test.write_text("\n".join(f"ISIC_1{k:06},{k % 2}.0" for k in range(10)))
    images = Isic2016(root)
    assert images.class_counts() == {"benign": 10, "malignant": 10}
    assert images[0].mask.sum() == 24
    parts = images.splits(seed=3)  # no official valid: a fifth of train
    assert [len(part) for part in parts] == [8, 2, 10]
    assert not set(parts.train) & set(parts.valid)
    train.write_text(train.read_text().replace("ISIC_0000004,benign", "ISIC_0000004,maybe"))
    with pytest.raises(DatasetDamaged, match="ISIC_0000004: benign or malignant wanted, .*'maybe'"):
        Isic2016(root)


def test_2018_has_no_diagnosis(official):
    images = Isic2018(official(Isic2018, 3))
    assert images.class_counts() == {} and images[0].label is None
    assert [len(part) for part in images.splits()] == [3, 3, 3]


def test_a_part_that_is_absent_is_passed_over(isic2017):
    (isic2017 / "ISIC-2017_Test_v2_Data").rename(isic2017 / "elsewhere")
    images = Isic2017(isic2017)
    assert len(images) == 20 and set(images.official.values()) == {"train", "valid"}
    assert all(images.splits())  # no official test: ours


def test_reduced_copy(reduced):
    images = Isic2017(reduced)
    assert [case.split for case in images] == ["train", "valid", "valid", "valid"]
    assert images[1].label == 1 and images[3].mask is None
    assert images[0].metadata == {"age": None, "sex": "female", "original_size": (767, 1022)}
    assert images.arrays(8).ids == ["ISIC_0", "ISIC_1", "ISIC_2"]
    with pytest.raises(ValueError, match="ISIC_3 has no mask"):
        images.arrays(8, ["ISIC_3"])


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("ISIC-2017_Training_Data/ISIC_0000003.jpg", "Data: 10 images wanted, found 9"),
        (
            "ISIC-2017_Test_v2_Part1_GroundTruth/ISIC_2000001_segmentation.png",
            "Part1_GroundTruth: images and masks do not pair; alone: ISIC_2000001",
        ),
    ],
)
def test_missing_files(isic2017, file, message):
    (isic2017 / file).unlink()
    with pytest.raises(DatasetDamaged, match=message) as caught:
        Isic2017(isic2017)
    assert "medtutor data get isic2017" in str(caught.value)


def test_wrong_tables(isic2017):
    table = isic2017 / "ISIC-2017_Training_Part3_GroundTruth.csv"
    text = table.read_text()
    table.write_text(text.replace("ISIC_0000001,1.0,0.0", "ISIC_0000001,1.0,1.0"))
    with pytest.raises(DatasetDamaged, match="GroundTruth.csv: ISIC_0000001: .* found 1.0 and 1.0"):
        Isic2017(isic2017)
    table.write_text(text.replace("ISIC_0000001,1.0,0.0\n", ""))
    with pytest.raises(DatasetDamaged, match="no row for ISIC_0000001"):
        Isic2017(isic2017)
    table.write_text("")
    with pytest.raises(DatasetDamaged, match="no row for"):
        Isic2017(isic2017)


def test_damaged_pictures(isic2017):
    images = Isic2017(isic2017)
    (isic2017 / "ISIC-2017_Training_Data/ISIC_0000000.jpg").write_bytes(b"<html>")
    with pytest.raises(DatasetDamaged, match="ISIC_0000000.jpg: cannot be read as a picture"):
        images[0]
    mask = "ISIC-2017_Training_Part1_GroundTruth/ISIC_0000001_segmentation.png"
    write_picture(isic2017 / mask, np.zeros((3, 3)))
    with pytest.raises(DatasetDamaged, match=r"its size \(3, 3\) differs .* \(21, 30\)"):
        images[1]


def test_damaged_reduced_copy(reduced):
    (reduced / "masks/ISIC_1_segmentation.png").unlink()
    with pytest.raises(DatasetDamaged, match="the mask of ISIC_1 is missing"):
        Isic2017(reduced)
    (reduced / "images/ISIC_2.jpg").unlink()
    with pytest.raises(DatasetDamaged, match="rows and images do not pair; alone: ISIC_2"):
        Isic2017(reduced)
    with pytest.raises(DatasetDamaged, match="no cases found"):
        Isic2017(reduced / "masks")


@pytest.mark.parametrize("real_data", ["isic2017_256"], indirect=True)
def test_real_images(real_data):
    images = open_set("isic2017", real_data)
    assert sum(images.class_counts().values()) == len(images) > 0
    for case in map(images.case, images.ids[::150]):
        assert case.image.shape == (3, 256, 256) and np.isfinite(case.image).all()
        assert 0 < case.mask.mean() < 1  # a lesion, and skin around it
        assert case.split in ("train", "valid", "test")
    text = repr(images)
    assert images.facts.licence in text and images.facts.citation in text
