"""HRF and DRIVE: official folders, HRF's reduced copy, field of view, and damaged files."""

import numpy as np
import pytest
from PIL import Image

from medtutor.datasets import DatasetDamaged, Drive, Hrf, facts
from medtutor.datasets.labelled_set import open_set

from .conftest import write_picture


def drawn(shape, columns):
    mask = np.zeros(shape)
    mask[:, columns] = 255
    return mask


@pytest.fixture
def hrf(tmp_path, monkeypatch):
    monkeypatch.setattr(Hrf, "in_a_class", 5)
    for k in range(1, 6):
        for ending in Hrf.endings:
            name, shape = f"{k:02}_{ending}", (30, 44 + k)
            suffix = "JPG" if ending == "h" else "jpg"
            write_picture(tmp_path / f"images/{name}.{suffix}", np.full((*shape, 3), 90))
            write_picture(tmp_path / f"manual1/{name}.tif", drawn(shape, np.s_[10:12]))
            three = np.repeat(drawn(shape, np.s_[4:40])[..., None], 3, -1)
            write_picture(tmp_path / f"mask/{name}_mask.tif", three)
    return tmp_path


@pytest.fixture
def drive(tmp_path, monkeypatch):
    monkeypatch.setattr(Drive, "in_a_part", 4)
    for folder, first in (("test", 1), ("training", 21)):
        for k in range(first, first + 4):
            shape = (20, 22)
            write_picture(tmp_path / f"{folder}/images/{k:02}_{folder}.tif", np.zeros((*shape, 3)))
            for path, columns in (
                (f"{folder}/1st_manual/{k:02}_manual1.gif", np.s_[5:7]),
                (f"{folder}/2nd_manual/{k:02}_manual2.gif", np.s_[5:8]),
                (f"{folder}/mask/{k:02}_{folder}_mask.gif", np.s_[2:20]),
            ):
                if "training/2nd" not in path:
                    write_picture(tmp_path / path, drawn(shape, columns))
    return tmp_path


def test_counts_are_those_of_the_registry():
    assert len(Hrf.classes) * Hrf.in_a_class == facts("hrf").cases
    assert len(Drive.parts) * Drive.in_a_part == facts("drive").cases


def test_hrf(hrf):
    photographs = Hrf(hrf)
    assert photographs.class_counts() == {"healthy": 5, "diabetic retinopathy": 5, "glaucoma": 5}
    case = photographs["03_dr"]
    assert case.image.shape == (3, 30, 47) and case.label == 1 and case.spacing is None
    assert case.mask.sum() == 2 * 30
    field = case.metadata["field_of_view"]
    assert field.dtype == bool and field.shape == (30, 47) and field.sum() == 36 * 30
    parts = photographs.splits(seed=0)
    assert [len(part) for part in parts] == [9, 3, 3]  # classes in alike shares
    images, labels, ids = photographs.labelled(16, ["01_h", "01_g"])
    assert images.shape == (2, 3, 16, 16) and labels.tolist() == [0, 2] and len(ids) == 2


def test_hrf_one_class_alone(hrf):
    for path in [*hrf.glob("*/*_g.*"), *hrf.glob("*/*_g_mask.*"), *hrf.glob("mask/*")]:
        path.unlink(missing_ok=True)
    photographs = Hrf(hrf)
    assert photographs.class_counts() == {"healthy": 5, "diabetic retinopathy": 5}
    assert photographs[0].metadata["field_of_view"] is None


def test_hrf_reduced_copy(hrf):
    (hrf / "images/01_h.JPG").unlink()
    for path in ("manual1/01_h.tif", "mask/01_h_mask.tif"):
        (hrf / path).unlink()
    with pytest.raises(DatasetDamaged, match="images: 5 photographs healthy wanted, found 4"):
        Hrf(hrf)
    groups = {"h": "healthy", "dr": "diabetic_retinopathy", "g": "glaucoma"}
    names = sorted(path.stem for path in (hrf / "images").iterdir())
    rows = ["id,group,original_width", *(f"{n},{groups[n.split('_')[1]]},3504" for n in names)]
    (hrf / "index.csv").write_text("\n".join(rows))
    assert len(Hrf(hrf)) == 14
    (hrf / "index.csv").write_text("\n".join(rows).replace("02_g,glaucoma", "02_g,healthy"))
    with pytest.raises(DatasetDamaged, match="02_g: glaucoma wanted by its name, found 'healthy'"):
        Hrf(hrf)
    (hrf / "index.csv").write_text("\n".join(rows[:-1]))
    with pytest.raises(DatasetDamaged, match="index.csv: rows and photographs .* alone: 05_h"):
        Hrf(hrf)


def test_hrf_damaged(hrf):
    (hrf / "mask/02_g_mask.tif").unlink()
    with pytest.raises(DatasetDamaged, match="mask: photographs and drawings .* alone: 02_g"):
        Hrf(hrf)
    (hrf / "manual1/01_dr.tif").unlink()
    with pytest.raises(DatasetDamaged, match="manual1: .* alone: 01_dr; .*data get hrf"):
        Hrf(hrf)
    (hrf / "images/01_dr.jpg").rename(hrf / "images/01_xx.jpg")
    write_picture(hrf / "manual1/01_xx.tif", np.zeros((30, 45)))
    write_picture(hrf / "mask/01_xx_mask.tif", np.zeros((30, 45)))
    for path in ("images/02_g.jpg", "manual1/02_g.tif", "mask/01_dr_mask.tif"):
        (hrf / path).unlink()
    with pytest.raises(DatasetDamaged, match="01_xx.jpg: a name that ends in _h, _dr, _g wanted"):
        Hrf(hrf)


def test_drive(drive):
    photographs = Drive(drive)
    assert photographs.ids == ["01", "02", "03", "04", "21", "22", "23", "24"]
    test, train = photographs["01"], photographs["21"]
    assert (test.split, train.split, test.label) == ("test", "train", None)
    assert test.mask.sum() == 2 * 20 and test.metadata["second_observer"].sum() == 3 * 20
    assert test.metadata["field_of_view"].sum() == 18 * 20
    assert train.mask.sum() == 2 * 20 and train.metadata["second_observer"] is None
    parts = photographs.splits(seed=0)
    assert parts.test == ["01", "02", "03", "04"] and len(parts.train + parts.valid) == 4


def test_drive_without_the_drawings_of_the_test_part(drive):
    for kind in ("1st_manual", "2nd_manual"):
        (drive / "test" / kind).rename(drive / kind)
    photographs = Drive(drive)
    assert photographs["01"].mask is None and photographs["21"].mask is not None
    assert photographs.arrays(16).ids == ["21", "22", "23", "24"]


def test_drive_damaged(drive):
    Image.new("L", (5, 5)).save(drive / "training/1st_manual/21_manual1.gif")
    with pytest.raises(DatasetDamaged, match=r"21_manual1.gif: its size \(5, 5\) .* \(20, 22\)"):
        Drive(drive)["21"]
    (drive / "test/mask/02_test_mask.gif").unlink()
    with pytest.raises(DatasetDamaged, match="test/mask: .* alone: 02; .*--from FOLDER"):
        Drive(drive)
    (drive / "test/images/02_test.tif").unlink()
    with pytest.raises(DatasetDamaged, match="4 photographs NN_test.tif wanted, found 3"):
        Drive(drive)


@pytest.mark.parametrize("real_data", ["hrf_quarter"], indirect=True)
def test_real_photographs(real_data):
    photographs = open_set("hrf", real_data)
    assert sum(photographs.class_counts().values()) == len(photographs) == 20
    for case in photographs:
        assert case.image.shape == (3, 584, 876) and 0.04 < case.mask.mean() < 0.12
        green, vessel = case.image[1], case.mask > 0
        assert green[vessel].mean() < green[~vessel & (green > 0.08)].mean()  # vessels are darker
