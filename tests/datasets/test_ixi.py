"""IXI reader: the tars' files, five sequences, people, the owner's sheet, and damaged copies."""

import numpy as np
import pandas as pd
import pytest

from medtutor.datasets import Case, DatasetDamaged, Ixi
from medtutor.datasets.labelled_set import open_set

from .conftest import write_volume

SCANS = ("IXI002-Guys-0828", "IXI012-HH-1211", "IXI035-IOP-0873")


@pytest.fixture
def ixi(tmp_path):
    for scan in SCANS:
        for number, sequence in enumerate(("T1", "T2", "PD", "MRA")):
            array = np.full((4, 5, 3 + number), 10 * number + 1, np.int16)
            write_volume(tmp_path / sequence / f"{scan}-{sequence}.nii.gz", array)
    (tmp_path / "PD" / f"{SCANS[2]}-PD.nii.gz").unlink()
    for number in range(3):
        array = np.full((4, 5, 2), number, np.int16)
        write_volume(tmp_path / "DTI" / f"{SCANS[0]}-DTI-{number:02}.nii.gz", array)
    (tmp_path / "T1" / "._IXI002-Guys-0828-T1.nii.gz").write_bytes(b"x")
    (tmp_path / "bvals.txt").write_text("0 1000 1000")
    return tmp_path


@pytest.fixture
def sheet():
    rows = [
        (2, 2, 164, 35.8), (2, 0, 0, 35.8), (12, 1, 175, 38.78), (12, 2, 175, 38.78), (999, 1, 1, 9)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["IXI_ID", "SEX_ID (1=m, 2=f)", "HEIGHT", "AGE"])


def test_every_scan_is_a_case(ixi):
    scans = open_set("ixi", ixi)
    assert len(scans) == 12
    assert scans.class_counts() == {"T1": 3, "T2": 3, "PD": 2, "MRA": 3, "DTI": 1}
    case = scans["IXI012-HH-1211-T2"]
    assert isinstance(case, Case) and case.image.shape == (1, 4, 5, 4) and case.mask is None
    assert case.image.dtype == np.float32 and (case.image == 11).all()
    assert scans.classes[case.label] == "T2" and case.spacing == (1, 1, 1)
    known = case.metadata
    assert known["site"] == "Hammersmith Hospital" and known["field_tesla"] == 3.0
    assert known["person"] == "IXI012" and known["age"] is None and known["sex"] is None


def test_diffusion_images_are_channels(ixi):
    case = Ixi(ixi)["IXI002-Guys-0828-DTI"]
    assert case.image.shape == (3, 2, 5, 4) and case.image[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert case.metadata["sequences"] == ("DTI",) * 3


def test_people(ixi):
    scans = Ixi(ixi)
    assert list(scans.people) == ["IXI002", "IXI012", "IXI035"]
    assert scans.people["IXI035"] == {s: f"{SCANS[2]}-{s}" for s in ("MRA", "T1", "T2")}
    parts = scans.split(0, (1 / 3, 1 / 3, 1 / 3))
    assert sorted({scans.groups[name] for name in part}.pop() for part in parts) == [
        "IXI002", "IXI012", "IXI035"
    ]  # fmt: skip
    assert sum(len({scans.groups[name] for name in part}) for part in parts) == 3


@pytest.mark.parametrize("folder", ["IXI-{}", "."])
def test_other_folders(tmp_path, folder):
    for sequence in ("T1", "PD"):
        place = tmp_path / folder.format(sequence)
        write_volume(place / f"{SCANS[0]}-{sequence}.nii.gz", np.ones((3, 3, 3), np.int16))
    assert Ixi(tmp_path).ids == [f"{SCANS[0]}-PD", f"{SCANS[0]}-T1"]


@pytest.mark.parametrize("kind", ["csv", "xls"])
def test_age_and_sex(ixi, sheet, kind, monkeypatch):
    if kind == "csv":
        sheet.to_csv(ixi / "IXI.csv", index=False)
    else:
        (ixi / "IXI.xls").write_bytes(b"sheet")
        monkeypatch.setattr(pd, "read_excel", lambda path: sheet)
    scans = Ixi(ixi)
    first, second = scans[f"{SCANS[0]}-T1"].metadata, scans[f"{SCANS[1]}-T1"].metadata
    assert (first["age"], first["sex"]) == (35.8, "female")  # a zero is no answer
    assert (second["age"], second["sex"]) == (38.78, None)  # the rows contradict each other
    assert scans[f"{SCANS[2]}-T1"].metadata["age"] is None  # without a row


def test_the_sheet_without_its_package(ixi, monkeypatch):
    def absent(path):
        raise ImportError("xlrd")

    (ixi / "IXI.xls").write_bytes(b"sheet")
    monkeypatch.setattr(pd, "read_excel", absent)
    with pytest.warns(UserWarning, match="IXI.xls is read with xlrd.*age and sex are left out"):
        assert Ixi(ixi)[0].metadata["age"] is None


def test_a_wrong_sheet(ixi):
    (ixi / "IXI.csv").write_text("id,age\n2,35\n")
    with pytest.raises(DatasetDamaged, match="IXI.csv: wanted columns IXI_ID.*found id, age"):
        Ixi(ixi)[0]


def test_damaged(ixi):
    path = ixi / "T2" / f"{SCANS[0]}-T2.nii.gz"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DatasetDamaged, match="T2.nii.gz: cannot be read as NIfTI") as caught:
        Ixi(ixi)[f"{SCANS[0]}-T2"]
    assert "medtutor data get ixi" in str(caught.value)
    write_volume(ixi / "DTI" / f"{SCANS[0]}-DTI-02.nii.gz", np.ones((4, 5, 9), np.int16))
    with pytest.raises(DatasetDamaged, match="DTI-02.nii.gz: its grid differs"):
        Ixi(ixi)[f"{SCANS[0]}-DTI"]
    (ixi / "DTI" / f"{SCANS[0]}-DTI-01.nii.gz").unlink()
    with pytest.raises(DatasetDamaged, match=r"DTI-02.nii.gz: .* missing: \[1\]"):
        Ixi(ixi)
    with pytest.raises(DatasetDamaged, match="no cases found"):
        Ixi(ixi / "T1" / "nothing")


def test_a_scan_twice_or_from_elsewhere(ixi):
    write_volume(ixi / f"{SCANS[0]}-T1.nii.gz", np.ones((3, 3, 3), np.int16))
    with pytest.raises(DatasetDamaged, match="T1.nii.gz: is here twice, also"):
        Ixi(ixi)
    (ixi / f"{SCANS[0]}-T1.nii.gz").rename(ixi / "IXI500-Leeds-0001-T1.nii.gz")
    with pytest.raises(DatasetDamaged, match="hospital wanted Guys, HH, IOP, found 'Leeds'"):
        Ixi(ixi)
