"""ChestX-ray8: tables beside the images or in a package, boxes, patients, and damaged files."""

import gzip
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from medtutor.datasets import ChestXray8, DatasetDamaged, facts
from medtutor.datasets import chestxray8 as module
from medtutor.datasets.sheet import write_sheet

from .conftest import write_picture

HEADING = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
)


def row(patient, follow_up, said="No Finding", age="58"):
    name = f"{patient:08}_{follow_up:03}.png"
    return f"{name},{said},{follow_up},{patient},{age},F,PA,2048,1024,0.25,0.5,"


@pytest.fixture(autouse=True)
def no_package(monkeypatch):
    """As on a machine without torchxrayvision."""
    monkeypatch.setattr(module, "find_spec", lambda name: None)


@pytest.fixture
def chests(tmp_path, monkeypatch):
    """Twelve patients with one to three images of 64 x 64; two boxes in one, one in another."""
    monkeypatch.setattr(ChestXray8, "rows_in_all", 24)
    monkeypatch.setattr(ChestXray8, "boxes_in_all", 3)
    monkeypatch.setattr(ChestXray8, "listed", {"train": 18, "test": 6})
    said = ("No Finding", "Mass|Effusion", "Infiltration")
    keys = [(p, k) for p in range(1, 13) for k in range(1 + p % 3)]
    for patient, k in keys:
        path = tmp_path / "images" / f"{patient:08}_{k:03}.png"
        write_picture(path, np.full((64, 64), 10 * patient))
    write_picture(path, np.full((64, 64, 4), 77))  # a few of the owner's files are in colour
    rows = [row(p, k, said[p % 3], "011M" if p == 1 else "058Y") for p, k in keys]
    (tmp_path / "Data_Entry_2017.csv").write_text("\n".join([HEADING, *rows]))
    boxes = [
        "Image Index,Finding Label,Bbox [x,y,w,h],,,",
        "00000011_000.png,Infiltrate,256.0,128.0,512.0,64.0,,,",
        "00000011_000.png,Infiltrate,0.0,960.0,64.0,64.0,,,",
        "00000010_001.png,Mass,100.0,100.0,100.0,200.0,,,",
    ]
    (tmp_path / "BBox_List_2017.csv").write_text("\n".join(boxes))
    names = [f"{p:08}_{k:03}.png" for p, k in keys]
    (tmp_path / "train_val_list.txt").write_text("\n".join(names[:18]))
    (tmp_path / "test_list.txt").write_text("\r\n".join(names[18:]) + "\n")
    return tmp_path


def test_counts_are_those_of_the_registry():
    assert ChestXray8.rows_in_all == sum(ChestXray8.listed.values()) == facts("chestxray8").cases
    assert str(ChestXray8.boxes_in_all) in facts("chestxray8").counts


def test_images_and_labels(chests):
    images = ChestXray8(chests)
    assert len(images) == 24 and images.ids[0] == "00000001_000"
    assert images.class_counts() == {"no finding": 4, "finding": 20}
    assert images.finding_counts() == {"Effusion": 8, "Infiltration": 12, "Mass": 8}
    case = images["00000001_001"]
    assert case.image.shape == (1, 64, 64) and case.mask is None and case.label == 1
    assert case.metadata["findings"] == ("Effusion", "Mass")
    assert case.metadata["age"] == pytest.approx(11 / 12)
    assert case.metadata["patient"] == 1 and case.metadata["follow_up"] == 1
    assert case.spacing == (0.5 * 1024 / 64, 0.25 * 2048 / 64)  # along H and W
    assert images[-1].image.shape == (1, 64, 64)
    assert images["00000003_000"].metadata["findings"] == ()


def test_boxes_are_in_pixels_of_the_image(chests):
    images = ChestXray8(chests)
    assert images.with_boxes == ["00000010_001", "00000011_000"]
    first, second = images["00000011_000"].metadata["boxes"]
    assert first == ("Infiltration", 16, 8, 32, 4)  # 64 of 1024 pixels: a sixteenth
    assert second.y + second.height == 64
    pictures, masks, ids = images.arrays(64)
    assert ids == images.with_boxes and pictures.shape == (2, 1, 64, 64)
    assert masks[1].sum() == 32 * 4 + 4 * 4 and masks[1, 8:12, 16:48].all()
    assert images.arrays(8, ["00000001_000"]).labels.sum() == 0
    assert images.labelled(8, ["00000003_000", "00000001_000"]).labels.tolist() == [0, 1]
    with pytest.raises(ValueError, match="size wants a whole number"):
        images.arrays(0)


def test_a_contact_sheet_shows_the_boxes(chests, tmp_path_factory):
    def box_coloured():
        path = write_sheet(ChestXray8(chests), tmp_path_factory.mktemp("sheet") / "it.png", 24)
        pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
        return (np.abs(pixels - (0xFF, 0xB0, 0x00)).max(-1) < 20).sum()

    with_boxes = box_coloured()
    (chests / "BBox_List_2017.csv").unlink()
    assert with_boxes > 20 and box_coloured() == 0


def test_divisions_go_by_patient(chests):
    images = ChestXray8(chests)
    official = images.splits(seed=0)
    assert len(official.test) == 6 and set(official.test) == set(images.ids[18:])
    (chests / "test_list.txt").unlink()
    for parts in (official, ChestXray8(chests).splits(seed=0), images.split(seed=3)):
        patients = [{images.groups[name] for name in part} for part in parts]
        assert all(patients) and sum(map(len, patients)) == 12
    assert "split goes by patient" in repr(ChestXray8(chests))


def test_some_archives_and_folders_of_their_own(chests):
    (chests / "images").rename(chests / "images_001")
    for path in sorted((chests / "images_001").iterdir())[6:]:
        path.rename(chests / path.name)
    (chests / "images_001").rename(chests / "images")
    (chests / "images_001").mkdir()
    (chests / "images").rename(chests / "images_001/images")
    images = ChestXray8(chests)
    assert len(images) == 6 and set(images.official.values()) == {"train"}
    assert images.with_boxes == []
    with pytest.raises(ValueError, match="no image with a box is here; name some in ids"):
        images.arrays(8)


def test_without_tables(chests):
    for name in ("Data_Entry_2017.csv", "BBox_List_2017.csv"):
        (chests / name).unlink()
    images = ChestXray8(chests)
    assert images.class_counts() == {"no class": 24} and images[0].label is None
    assert images[0].metadata == {"patient": 1, "follow_up": 0, "boxes": ()}
    assert "labels: none: put Data_Entry_2017_v2020.csv beside images/" in repr(images)
    assert all(images.split(seed=0))


def test_tables_of_the_package(chests, tmp_path_factory, monkeypatch):
    place = tmp_path_factory.mktemp("torchxrayvision")
    (place / "data").mkdir()
    for name, packed in (
        ("Data_Entry_2017.csv", "Data_Entry_2017_v2020.csv.gz"),
        ("BBox_List_2017.csv", "BBox_List_2017.csv.gz"),
    ):
        (place / "data" / packed).write_bytes(gzip.compress((chests / name).read_bytes()))
        (chests / name).unlink()
    spec = SimpleNamespace(submodule_search_locations=[str(place)])
    monkeypatch.setattr(module, "find_spec", lambda name: spec)
    images = ChestXray8(chests)
    assert images.class_counts() == {"no finding": 4, "finding": 20}
    assert len(images.with_boxes) == 2 and str(place) in repr(images)
    packed = place / "data" / "BBox_List_2017.csv.gz"
    packed.write_bytes(packed.read_bytes()[:40])
    with pytest.raises(DatasetDamaged, match="BBox_List_2017.csv.gz: cannot be read"):
        ChestXray8(chests)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Mass|Effusion", "Mass|Measles", "one of the 14 findings wanted, found {'Measles'}"),
        (",F,PA,2048,1024,0.25,0.5,", ",F", "11 columns wanted, found "),
        ("_000.png,Infiltration,0,2,", "_000.png,Infiltration,0,7,", "of patient 2 by name, of 7"),
        ("00000012_000.png,", "00000099_000.png,", "of patient 99 by name, of 12 here"),
    ],
)
def test_damaged_labels(chests, old, new, message):
    table = chests / "Data_Entry_2017.csv"
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(DatasetDamaged, match=message) as caught:
        ChestXray8(chests)
    assert "Data_Entry_2017.csv" in str(caught.value)


def test_fewer_rows_boxes_names(chests):
    table, boxes = chests / "Data_Entry_2017.csv", chests / "BBox_List_2017.csv"
    text = table.read_text()
    table.write_text("\n".join(text.splitlines()[:-1]))
    with pytest.raises(DatasetDamaged, match="24 rows wanted, found 23"):
        ChestXray8(chests)
    table.write_text("\n".join([*text.splitlines()[:-1], row(13, 0)]))
    with pytest.raises(DatasetDamaged, match="images without a row of labels: 00000012_000"):
        ChestXray8(chests)
    table.write_text(text)
    lines = boxes.read_text()
    boxes.write_text("\n".join(lines.splitlines()[:-1]))
    with pytest.raises(DatasetDamaged, match="3 boxes wanted, found 2"):
        ChestXray8(chests)
    boxes.write_text(lines.replace("512.0,64.0", "512.0,0.0"))
    with pytest.raises(DatasetDamaged, match="a finding and a box of some size wanted"):
        ChestXray8(chests)
    boxes.write_text(lines)
    (chests / "test_list.txt").write_text("00000001_000.png")
    with pytest.raises(DatasetDamaged, match="test_list.txt: 6 images wanted, found 1"):
        ChestXray8(chests)
    names = (chests / "train_val_list.txt").read_text().split()
    (chests / "test_list.txt").write_text("\n".join(names[:6]))
    with pytest.raises(DatasetDamaged, match="in both lists: 00000001_000"):
        ChestXray8(chests)


def test_wrong_images(chests):
    (chests / "images" / "._00000001_000.png").write_bytes(b"litter of another system")
    assert len(ChestXray8(chests)) == 24
    write_picture(chests / "images_002/images/00000001_000.png", np.zeros((4, 4)))
    with pytest.raises(DatasetDamaged, match="00000001_000.png: found twice"):
        ChestXray8(chests)
    (chests / "images_002/images/00000001_000.png").rename(chests / "images/1.png")
    with pytest.raises(DatasetDamaged, match="1.png: a name as 00.*; put this one file right"):
        ChestXray8(chests)
    for path in (chests / "images").iterdir():
        path.unlink()
    with pytest.raises(DatasetDamaged, match="images: images 00000001_000.png, ... wanted"):
        ChestXray8(chests)
    (chests / "images" / "images_001.tar.gz").write_bytes(b"x")
    with pytest.raises(DatasetDamaged, match="1 archives, still packed: medtutor data get chest"):
        ChestXray8(chests)
