"""DSB 2018: a file a nucleus as its owner gives it, merged maps, and damaged files."""

import numpy as np
import pytest
from PIL import Image

from medtutor.datasets import DatasetDamaged, Dsb2018, facts
from medtutor.datasets.labelled_set import open_set

from .conftest import write_picture


@pytest.fixture
def official(tmp_path, monkeypatch):
    monkeypatch.setattr(Dsb2018, "cases", (6, 5))
    for k in range(6):
        place = tmp_path / "stage1_train" / f"{k}f00"
        write_picture(place / "images" / f"{k}f00.png", np.full((20, 24 + k, 4), 70))  # RGBA
        for number in range(k + 1):
            nucleus = np.zeros((20, 24 + k))
            nucleus[3 * number : 3 * number + 3, 5:10] = 255
            write_picture(place / "masks" / f"{number}ab.png", nucleus)
    (tmp_path / "stage1_train" / "__MACOSX").mkdir()
    return tmp_path


@pytest.fixture
def reduced(tmp_path):
    rows = ["id,original_id,stain_group,width,height,n_nuclei,overlap_px,bg_r,bg_g,bg_b"]
    (tmp_path / "labels").mkdir()
    for k in range(3):
        write_picture(tmp_path / f"images/{k}e.png", np.full((10, 12, 3), 90))
        numbers = np.zeros((10, 12), np.uint16)
        numbers[:2, : k + 1] = np.arange(1, k + 2)
        Image.fromarray(numbers).save(tmp_path / f"labels/{k}e.png")
        stain = "fluorescence" if k else "purple_on_white"
        rows.append(f"{k}e,{k}efull,{stain},12,10,{k + 1},0,,,")
    (tmp_path / "index.csv").write_text("\n".join(rows))
    return tmp_path


def test_counts_are_those_of_the_registry():
    assert Dsb2018.cases[0] == facts("dsb2018").cases


def test_official(official):
    images = Dsb2018(official)
    assert images.ids == [f"{k}f00" for k in range(6)] and images.class_counts() == {}
    case = images["2f00"]
    assert case.image.shape == (3, 20, 26) and case.mask.shape == (20, 26)
    assert np.bincount(case.mask.ravel())[1:].tolist() == [15, 15, 15]  # 3 rows of 5 pixels each
    assert case.metadata == {"nuclei": 3} and case.label is None and images.stains == {}
    parts = images.splits(seed=0)
    assert sorted(sum(parts, [])) == images.ids and all(parts)


def test_reduced_copy(reduced):
    images = Dsb2018(reduced)
    assert images.stains == {"0e": "purple_on_white", "1e": "fluorescence", "2e": "fluorescence"}
    assert images[2].metadata["original_id"] == "2efull" and images[2].mask.max() == 3
    assert images.arrays(12).labels.max() == 3


def test_damaged(official):
    nucleus = official / "stage1_train/2f00/masks/1ab.png"
    write_picture(nucleus, np.zeros((20, 26)))
    with pytest.raises(DatasetDamaged, match="1ab.png: wanted one object, found none"):
        Dsb2018(official)["2f00"]
    for path in nucleus.parent.iterdir():
        path.unlink()
    with pytest.raises(DatasetDamaged, match="2f00/masks: a mask for each nucleus .* found none"):
        Dsb2018(official)
    (official / "stage1_train/1f00/images/1f00.png").unlink()
    with pytest.raises(DatasetDamaged, match="1f00/images: 1f00.png wanted, found none"):
        Dsb2018(official)


def test_half_unpacked(official):
    for k in (4, 5):
        (official / "stage1_train" / f"{k}f00").rename(official / f"{k}f00")
    with pytest.raises(DatasetDamaged, match="stage1_train: 6 or 5 folders .* found 4; .*dsb2018"):
        Dsb2018(official)


def test_damaged_reduced_copy(reduced):
    table = reduced / "index.csv"
    text = table.read_text()
    table.write_text(text.replace(",12,10,2,", ",12,10,7,"))
    with pytest.raises(DatasetDamaged, match="labels/1e.png: 7 nuclei wanted, found 2"):
        Dsb2018(reduced)["1e"]
    table.write_text(text.replace(",12,10,2,", ",12,10,many,"))
    with pytest.raises(DatasetDamaged, match="index.csv: 1e: n_nuclei wanted as a whole number"):
        Dsb2018(reduced)
    table.write_text(text.replace("n_nuclei", "nuclei"))
    with pytest.raises(DatasetDamaged, match="index.csv: columns wanted .*missing n_nuclei"):
        Dsb2018(reduced)
    table.write_text(text.replace("1e,1efull", "4e,4efull"))
    with pytest.raises(DatasetDamaged, match="index.csv: rows and images .* alone: 1e, 4e"):
        Dsb2018(reduced)
    (reduced / "labels/0e.png").unlink()
    with pytest.raises(DatasetDamaged, match="labels: images and maps .* alone: 0e"):
        Dsb2018(reduced)


@pytest.mark.parametrize("real_data", ["dsb2018_nuclei"], indirect=True)
def test_real_images(real_data):
    images = open_set("dsb2018", real_data)
    assert len(images) == 150 and set(images.stains.values()) >= {"fluorescence"}
    for case in map(images.case, images.ids[::10]):
        grey, inside = case.image.mean(0), case.mask > 0
        brighter = grey[inside].mean() > grey[~inside].mean()
        assert brighter == (case.metadata["stain"] == "fluorescence")  # stained ones are darker
        assert len(np.unique(case.mask)) == case.metadata["nuclei"] + 1
