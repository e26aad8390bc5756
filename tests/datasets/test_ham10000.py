"""HAM10000 reader: the release, the challenge's folders, the reduced copy, and damaged files."""

import numpy as np
import pytest

from medtutor.datasets import DatasetDamaged, Ham10000, Isic2018Task3
from medtutor.datasets.ham10000 import CLASSES
from medtutor.datasets.labelled_set import open_set

from .conftest import write_picture

HEADING = "lesion_id,image_id,dx,dx_type,age,sex,localization"


def lesion(k):
    return f"HAM_{k // 2:07}"  # two images a lesion


def row(k, dx=None):
    age = "" if k == 3 else f"{5 * k}.0"
    sex = "unknown" if k == 3 else "male"
    return f"{lesion(k)},ISIC_{k:07},{dx or CLASSES[k // 2 % 7]},histo,{age},{sex},back"


@pytest.fixture
def release(tmp_path, monkeypatch):
    """Seventy images in two halves, two of each lesion, one in each half."""
    monkeypatch.setattr(Ham10000, "halves", (("HAM10000_images_part_1", 35),
                                             ("HAM10000_images_part_2", 35)))
    for k in range(70):
        part = f"HAM10000_images_part_{k % 2 + 1}"
        write_picture(tmp_path / part / f"ISIC_{k:07}.jpg", np.full((9, 12, 3), k))
    (tmp_path / "HAM10000_metadata.csv").write_text("\n".join([HEADING, *map(row, range(70))]))
    return tmp_path


@pytest.fixture
def challenge(tmp_path, monkeypatch):
    small = {"train": 14, "valid": 7, "test": 7}
    for reader in (Ham10000, Isic2018Task3):
        parts = [part._replace(cases=small[part.split]) for part in reader.parts]
        monkeypatch.setattr(reader, "parts", tuple(parts))
    start = 0
    columns = ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"]
    for part in Isic2018Task3.parts:
        stem = f"ISIC2018_Task3_{part.word}"
        lines = [",".join(["image", *columns])]
        for k in range(start, start + part.cases):
            write_picture(tmp_path / f"{stem}_Input" / f"ISIC_{k:07}.jpg", np.full((6, 8, 3), k))
            marks = [float(column.lower() == CLASSES[k // 2 % 7]) for column in columns]
            lines.append(",".join([f"ISIC_{k:07}", *map(str, marks)]))
        (tmp_path / f"{stem}_GroundTruth").mkdir()
        (tmp_path / f"{stem}_GroundTruth" / f"{stem}_GroundTruth.csv").write_text("\n".join(lines))
        start += part.cases
    groups = [f"ISIC_{k:07},{lesion(k)},histopathology" for k in range(14)]
    (tmp_path / "ISIC2018_Task3_Training_LesionGroupings.csv").write_text(
        "\n".join(["image,lesion_id,diagnosis_confirm_type", *groups])
    )
    return tmp_path


def test_release(release):
    images = Ham10000(release)
    assert len(images) == 70 and images.class_counts() == dict.fromkeys(CLASSES, 10)
    case = images["ISIC_0000003"]
    assert case.image.shape == (3, 9, 12) and case.mask is None and case.split is None
    assert CLASSES[case.label] == "bcc"
    assert case.metadata == {
        "lesion": "HAM_0000001", "confirmed_by": "histo", "age": None, "sex": None, "site": "back"
    }
    assert images[2].metadata["age"] == 10 and images[2].metadata["sex"] == "male"


def test_no_split_divides_a_lesion(release):
    images = Ham10000(release)
    for seed in range(5):
        parts = images.splits(seed)
        where = [{images.groups[name] for name in part} for part in parts]
        assert not where[0] & where[1] and not where[0] & where[2] and not where[1] & where[2]
        assert sorted(sum(parts, [])) == images.ids
        assert all({images.labels[n] for n in part} == set(range(7)) for part in parts)


def test_table_with_tabs_and_the_source(release):
    table = release / "HAM10000_metadata.csv"
    text = table.read_text().replace(HEADING, HEADING + ",dataset").replace(",back", ",back,dias")
    tabs = "\n".join('"' + line.replace(",", '"\t"') + '"' for line in text.splitlines())
    (release / "HAM10000_metadata.tab").write_text(tabs)
    table.unlink()
    assert Ham10000(release)[0].metadata["source"] == "dias"
    (release / "HAM10000_metadata.tab").rename(release / "HAM10000_metadata")
    assert len(Ham10000(release)) == 70


def test_masks(release):
    folder = release / "HAM10000_segmentations_lesion_tschandl"
    inner = folder / folder.name  # an archive with a folder of its own name inside
    for k in range(70):
        mask = np.zeros((9, 12))
        mask[2:5, 3:7] = 255
        write_picture(inner / f"ISIC_{k:07}_segmentation.png", mask)
    images = Ham10000(release)
    assert images[0].mask.sum() == 12 and images.arrays(12).labels.shape == (70, 12, 12)
    (inner / "ISIC_0000009_segmentation.png").unlink()
    with pytest.raises(DatasetDamaged, match="masks do not pair; alone: ISIC_0000009"):
        Ham10000(release)


def test_labelled(release):
    images = Ham10000(release)
    pictures, labels, ids = images.labelled(4, ["ISIC_0000069", "ISIC_0000000"])
    assert pictures.shape == (2, 3, 4, 4) and pictures.dtype == np.float32
    assert labels.tolist() == [images.labels[name] for name in ids] and labels.dtype == np.int64
    assert np.allclose(pictures[0, :, 1], 69 / 255, atol=0.02) and not pictures[0, :, 3].any()
    assert images.labelled(2).images.shape == (70, 3, 2, 2)
    with pytest.raises(ValueError, match="no masks here; labelled"):
        images.arrays(8)
    with pytest.raises(ValueError, match="size wants"):
        images.labelled(0)


def test_challenge(challenge):
    images = Isic2018Task3(challenge)
    assert len(images) == 28 and [len(part) for part in images.splits()] == [14, 7, 7]
    assert images.class_counts() == dict.fromkeys(CLASSES, 4)
    assert images["ISIC_0000003"].metadata["lesion"] == "HAM_0000001"
    assert images["ISIC_0000003"].split == "train" and images["ISIC_0000021"].split == "test"
    assert len(set(images.groups.values())) == 7 + 14
    assert Ham10000(challenge).ids == images.ids[:14]  # the training part is HAM10000
    assert Ham10000(challenge).official == {}


def test_challenge_without_its_answers(challenge):
    table = "ISIC2018_Task3_Test_GroundTruth/ISIC2018_Task3_Test_GroundTruth.csv"
    (challenge / table).unlink()
    images = Isic2018Task3(challenge)
    assert images.class_counts()["no class"] == 7 and images["ISIC_0000025"].label is None
    assert len(images.labelled(2).ids) == 21
    with pytest.raises(ValueError, match="ISIC_0000025 has no class"):
        images.labelled(2, ["ISIC_0000025"])


def test_challenge_with_metadata(challenge):
    (challenge / "ISIC2018_Task3_Training_LesionGroupings.csv").unlink()
    with pytest.raises(DatasetDamaged, match="LesionGroupings.csv: cannot be read as a table"):
        Isic2018Task3(challenge)
    metadata = challenge / "HAM10000_metadata.csv"
    metadata.write_text("\n".join([HEADING, *map(row, range(14))]))
    assert Isic2018Task3(challenge)[2].metadata["age"] == 10
    metadata.write_text(metadata.read_text().replace("0000004,bkl", "0000004,nv"))
    with pytest.raises(DatasetDamaged, match="ISIC_0000004: another diagnosis than in the"):
        Isic2018Task3(challenge)


def test_challenge_tables_that_are_wrong(challenge):
    stem = "ISIC2018_Task3_Training_GroundTruth"
    table = challenge / stem / f"{stem}.csv"
    text = table.read_text()
    table.write_text(text.replace("ISIC_0000000,0.0", "ISIC_0000000,1.0"))
    with pytest.raises(DatasetDamaged, match="ISIC_0000000: 1 in one column and 0 in six wanted"):
        Isic2018Task3(challenge)
    table.unlink()
    with pytest.raises(DatasetDamaged, match="Training_GroundTruth.csv: the table is missing"):
        Isic2018Task3(challenge)
    (challenge / "ISIC2018_Task3_Training_Input").rename(challenge / "x")
    with pytest.raises(DatasetDamaged, match="Training_Input: wanted a folder of images"):
        Isic2018Task3(challenge)


def test_missing_and_extra_files(release):
    picture = release / "HAM10000_images_part_2/ISIC_0000005.jpg"
    picture.rename(release / "ISIC_0000005.jpg")
    with pytest.raises(DatasetDamaged, match="part_2: 35 images wanted, found 34") as caught:
        Ham10000(release)
    assert "medtutor data get ham10000" in str(caught.value)
    write_picture(release / "HAM10000_images_part_2/ISIC_0000006.jpg", np.zeros((3, 3, 3)))
    with pytest.raises(DatasetDamaged, match="ISIC_0000006 is in another folder too"):
        Ham10000(release)


def test_wrong_tables(release):
    table = release / "HAM10000_metadata.csv"
    text = table.read_text()
    table.write_text(text.replace("ISIC_0000004,bkl", "ISIC_0000004,naevus"))
    with pytest.raises(DatasetDamaged, match="ISIC_0000004: dx wanted akiec.*, found 'naevus'"):
        Ham10000(release)
    table.write_text(text.replace("ISIC_0000004", "ISIC_0000444"))
    with pytest.raises(DatasetDamaged, match="no row for ISIC_0000004"):
        Ham10000(release)
    table.write_text(text + "\n" + row(99))
    with pytest.raises(DatasetDamaged, match="rows without an image: ISIC_0000099"):
        Ham10000(release)
    table.write_text(text[:-9])
    with pytest.raises(DatasetDamaged, match="line 71 ends early: 7 columns wanted"):
        Ham10000(release)
    table.write_text("<html>")
    with pytest.raises(DatasetDamaged, match="columns wanted lesion_id.*missing lesion_id"):
        Ham10000(release)
    table.unlink()
    with pytest.raises(DatasetDamaged, match="HAM10000_metadata.csv: the table is missing"):
        Ham10000(release)


def test_damaged_picture(release):
    images = Ham10000(release)
    (release / "HAM10000_images_part_1/ISIC_0000000.jpg").write_bytes(b"GIF89a")
    with pytest.raises(DatasetDamaged, match="ISIC_0000000.jpg: cannot be read as a picture"):
        images[0]


def test_reduced_copy(tmp_path):
    for k in range(3):
        write_picture(tmp_path / f"images/ISIC_{k:07}.jpg", np.zeros((4, 4, 3)))
    (tmp_path / "labels.csv").write_text("\n".join([HEADING, *map(row, range(3))]))
    assert Ham10000(tmp_path).groups["ISIC_0000001"] == "HAM_0000000"
    with pytest.raises(DatasetDamaged, match="no cases found"):
        Ham10000(tmp_path / "images")


@pytest.mark.parametrize("real_data", ["ham10000_224"], indirect=True)
def test_real_images(real_data):
    images = open_set("ham10000", real_data)
    assert sum(images.class_counts().values()) == len(images) > 0
    assert set(images.class_counts()) == set(CLASSES)
    for case in map(images.case, images.ids[::60]):
        assert case.image.shape == (3, 224, 224) and 0.05 < case.image.mean() < 0.95
        assert case.metadata["lesion"].startswith("HAM_")
    assert images.facts.licence in repr(images) and images.facts.citation in repr(images)
