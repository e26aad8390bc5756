"""BraTS reader: the layout of 2020, HGG/LGG folders, DeepMedic's example, and damaged copies."""

import numpy as np
import pytest

from medtutor.datasets import Brats, Case, DatasetDamaged
from medtutor.datasets.labelled_set import open_set

from .conftest import write_volume

SHAPE = (6, 7, 5)


def write_case(place, ending=".nii", values=(0, 1, 2, 4)):
    rng = np.random.default_rng(len(place.name))
    for number, kind in enumerate(("t1", "t1ce", "t2", "flair")):
        write_volume(place / f"{place.name}_{kind}{ending}", np.full(SHAPE, number, np.int16))
    seg = rng.choice(values, SHAPE).astype(np.uint8)
    write_volume(place / f"{place.name}_seg{ending}", seg)
    return place


@pytest.fixture
def brats2020(tmp_path):
    root = tmp_path / "MICCAI_BraTS2020_TrainingData"
    names = [f"BraTS20_Training_{k:03}" for k in (1, 2, 3, 355)]
    for name in names:
        write_case(root / name)
    odd = root / "BraTS20_Training_355"
    (odd / "BraTS20_Training_355_seg.nii").rename(odd / "W39_1998.09.19_Segm.nii")
    older = ("Brats17_CBICA_AAB_1", "Brats17_CBICA_AAB_2", "NA", "Brats17_TCIA01_9_1")
    rows = ["Grade,BraTS_2017_subject_ID,BraTS_2018_subject_ID,TCGA_TCIA_subject_ID,"
            "BraTS_2019_subject_ID,BraTS_2020_subject_ID"]
    for name, old, grade in zip(names, older, ("HGG", "HGG", "LGG", "LGG"), strict=True):
        rows.append(f"{grade},{old},NA,NA,{old.replace('ats17', 'aTS19')},{name}")
    (root / "name_mapping.csv").write_text("\n".join(rows))
    (root / "survival_info.csv").write_text(
        "Brats20ID,Age,Survival_days,Extent_of_Resection\n"
        "BraTS20_Training_001,60.463,289,GTR\n"
        "BraTS20_Training_002,52.2,ALIVE (361 days later),NA\n"
    )
    (root / "BraTS20_Validation_001").mkdir()
    return root


@pytest.fixture
def deepmedic(tmp_path):
    for number in (1, 3):
        place = tmp_path / f"brats_2013_pat{number:04}_1"
        for name, value in (("Flair", 1), ("T1c", 2)):
            array = np.full(SHAPE, value, np.float32)
            write_volume(place / f"{name}_subtrMeanDivStd.nii.gz", array)
        write_volume(place / "brainmask.nii.gz", np.ones(SHAPE, np.uint8))
        labels = np.zeros(SHAPE, np.uint8)
        labels[1, 1, 1:5] = [1, 2, 3, 4]
        write_volume(place / "OTMultiClass.nii.gz", labels)
    return tmp_path


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_2020(brats2020, ending):
    write_case(brats2020 / "BraTS20_Training_002", ending)
    cases = Brats(brats2020)
    assert cases.ids[0] == "BraTS20_Training_001" and len(cases) == 4
    assert cases.sequences == ("t1", "t1ce", "t2", "flair")
    assert cases.class_counts() == {"LGG": 2, "HGG": 2}
    case = cases[1]
    assert isinstance(case, Case) and case.image.shape == (4, 5, 7, 6)
    assert case.image.dtype == np.float32 and case.image.mean((1, 2, 3)).tolist() == [0, 1, 2, 3]
    assert set(np.unique(case.mask)) == {0, 1, 2, 4} and case.mask.dtype == np.int64
    assert case.label == 1 and case.spacing == (1, 1, 1)
    assert case.metadata["age"] == 52.2 and case.metadata["resection"] is None
    assert case.metadata["survival"] == "ALIVE (361 days later)"
    assert cases[0].metadata["survival"] == 289 and "age" not in cases[2].metadata


def test_the_case_with_another_file_name(brats2020):
    assert Brats(brats2020)["BraTS20_Training_355"].mask.any()


def test_a_folder_above(brats2020):
    cases = Brats(brats2020.parent)
    assert len(cases) == 4 and cases.class_counts() == {"LGG": 2, "HGG": 2}


def test_a_patient_stays_on_one_side(brats2020):
    cases = Brats(brats2020)
    first, second, third, _ = cases.ids
    assert cases.groups[first] == cases.groups[second] == "CBICA_AAB"  # two visits
    assert cases.groups[third] == third  # without an older name
    (brats2020 / "name_mapping.csv").unlink()
    assert set(Brats(brats2020).groups.values()) == set(cases.ids)


def test_grade_folders(tmp_path):
    for grade, name in (("HGG", "Brats18_2013_2_1"), ("LGG", "Brats18_TCIA09_141_1")):
        write_case(tmp_path / grade / name, ".nii.gz")
    cases = Brats(tmp_path)
    assert [cases.classes[cases.labels[name]] for name in cases.ids] == ["HGG", "LGG"]
    assert cases.groups["Brats18_2013_2_1"] == "Brats18_2013_2"


def test_deepmedic(deepmedic):
    cases = Brats(deepmedic)
    assert cases.sequences == ("t1ce", "flair") and cases.class_counts() == {"no class": 2}
    case = cases["brats_2013_pat0001_1"]
    assert case.image.shape == (2, 5, 7, 6) and case.image[:, 0, 0, 0].tolist() == [2, 1]
    assert set(np.unique(case.mask)) == {0, 1, 2, 3, 4} and case.label is None
    assert cases.groups["brats_2013_pat0001_1"] == "brats_2013_pat0001"


def test_missing_files(brats2020):
    (brats2020 / "BraTS20_Training_002/BraTS20_Training_002_t1ce.nii").unlink()
    with pytest.raises(DatasetDamaged, match="_002: wanted BraTS20_Training_002_t1ce") as caught:
        Brats(brats2020)
    assert "medtutor data get brats --from" in str(caught.value)
    place = brats2020 / "BraTS20_Training_002"
    for path in place.iterdir():
        path.unlink()
    with pytest.raises(DatasetDamaged, match="names 4 cases, 1 of them are not here: .*_002"):
        Brats(brats2020)


def test_wrong_table(brats2020):
    table = brats2020 / "name_mapping.csv"
    text = table.read_text()
    table.write_text(text.replace("LGG", "III"))
    with pytest.raises(DatasetDamaged, match="LGG or HGG wanted, found 'III'"):
        Brats(brats2020)
    table.write_text(text.replace("BraTS_2020_subject_ID", "id"))
    with pytest.raises(DatasetDamaged, match="name_mapping.csv: .*BraTS_2020_subject_ID"):
        Brats(brats2020)


def test_wrong_volumes(brats2020):
    name = "BraTS20_Training_001"
    write_volume(brats2020 / name / f"{name}_flair.nii", np.zeros(SHAPE, "i2"), (1.0, 1.0, 2.0))
    with pytest.raises(DatasetDamaged, match="_flair.nii: its grid .* lies elsewhere"):
        Brats(brats2020)[0]
    write_case(brats2020 / "BraTS20_Training_002", values=(0, 5))
    with pytest.raises(DatasetDamaged, match=r"labels wanted 0, 1, 2, 3, 4, found \[5\]"):
        Brats(brats2020)[1]


def test_mixed_sequences(brats2020, deepmedic):
    with pytest.raises(DatasetDamaged, match="differing sequences"):
        Brats(deepmedic)  # 2020 lies in the same folder
    with pytest.raises(DatasetDamaged, match="no cases found"):
        Brats(brats2020 / "BraTS20_Training_001")


@pytest.mark.parametrize("real_data", ["brats2015_deepmedic"], indirect=True)
def test_real_cases(real_data):
    cases = open_set("brats", real_data)
    assert len(cases) == len(set(cases.groups.values())) == 3
    case = cases.case(0)
    assert case.image.shape == (2, 155, 240, 240) and case.spacing == (1, 1, 1)
    brain = case.image[0] != 0
    tumour = case.mask > 0
    assert 0 < tumour.mean() < 0.1 and brain[tumour].mean() > 0.99
    t1ce, flair = case.image
    assert t1ce[case.mask == 4].mean() > t1ce[brain & ~tumour].mean()  # takes up contrast
    assert flair[case.mask == 2].mean() > flair[brain & ~tumour].mean()  # oedema is bright
