"""EXACT09 reader: DICOM folders, converted volumes, own airway masks, and damaged copies."""

import locale
import sys

import nibabel as nib
import numpy as np
import pytest

from medtutor.datasets import Case, DatasetDamaged, Exact09
from medtutor.datasets.labelled_set import open_set

from .conftest import write_volume
from .test_metaimage import write_mhd

SHAPE = (5, 6, 4)


def ct(number=0):
    """(X, Y, Z), another value in every voxel; X to the left, Y posterior, Z up, as DICOM does."""
    return (np.arange(5 * 6 * 4).reshape(SHAPE) - 1000 + number).astype(np.int16)


def write_nifti(path, array, spacing=(0.7, 0.7, 1.5)):
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1])
    nib.save(nib.Nifti1Image(array, affine), path)
    return path


def write_dicom(folder, array, spacing=(0.7, 0.7, 1.5)):
    sitk = pytest.importorskip("SimpleITK", reason="not run: SimpleITK is not installed")
    folder.mkdir(parents=True)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    planes = array.transpose(2, 1, 0)
    for k, plane in enumerate(planes):
        image = sitk.GetImageFromArray(plane[None])
        image.SetSpacing(spacing)
        tags = {
            "0008|0016": "1.2.840.10008.5.1.4.1.1.2", "0008|0018": f"1.2.3.4.{k + 1}",
            "0008|0060": "CT", "0020|000d": "1.2.3", "0020|000e": "1.2.3.4",
            "0020|0013": str(len(planes) - k), "0020|0037": "1\\0\\0\\0\\1\\0",
            "0020|0032": f"0\\0\\{k * spacing[2]}", "0028|1052": "0", "0028|1053": "1",
        }  # fmt: skip
        for tag, said in tags.items():
            image.SetMetaData(tag, said)
        writer.SetFileName(str(folder / f"{(7 * k) % 11:03}.dcm"))  # names are in another order
        writer.Execute(image)
    return folder


@pytest.fixture
def converted(tmp_path):
    for number in range(1, 21):
        write_nifti(tmp_path / f"CASE{number:02}.nii.gz", ct(number))
    return tmp_path


def check(case, number):
    assert isinstance(case, Case) and case.image.shape == (1, 4, 6, 5)
    assert case.image.dtype == np.float32 and case.spacing == pytest.approx((1.5, 0.7, 0.7))
    # D runs down, H posterior, W to the left: only the planes change their order.
    np.testing.assert_array_equal(case.image[0], ct(number).T[::-1])


def test_converted(converted):
    scans = open_set("exact09", converted)
    assert len(scans) == 20 and set(scans.official[name] for name in scans.ids) == {"train"}
    check(scans["CASE07"], 7)
    assert scans[0].mask is None and scans[0].split == "train" and scans.class_counts() == {}


def test_metaimage_and_folders(tmp_path):
    for number in range(1, 21):
        header = {
            "DimSize": "5 6 4", "ElementSpacing": "0.7 0.7 1.5", "ElementType": "MET_SHORT",
        }  # fmt: skip
        place = tmp_path / "Training"
        if number % 2:
            place /= f"CASE{number:02}"
        write_mhd(place / f"CASE{number:02}.mhd", ct(number).tobytes("F"), **header)
    for number in range(21, 41):
        write_nifti(tmp_path / "Testing" / f"CASE{number:02}" / "ct.nii", ct(number))
    scans = Exact09(tmp_path)
    assert len(scans) == 40
    for number in (1, 2, 40):
        check(scans[f"CASE{number:02}"], number)
    assert [len(part) for part in scans.splits()] == [16, 4, 20]


def test_the_owners_folders_decide_the_part(converted):
    (converted / "Testing").mkdir()
    for path in converted.glob("CASE*"):
        path.rename(converted / "Testing" / path.name)
    scans = Exact09(converted)
    assert len(scans) == 20 and {scans[name].split for name in scans.ids[::7]} == {"test"}


def test_dicom(converted):
    (converted / "CASE03.nii.gz").unlink()
    before = locale.setlocale(locale.LC_ALL)
    try:
        write_dicom(converted / "CASE03", ct(3))
    finally:
        locale.setlocale(locale.LC_ALL, before)  # SimpleITK leaves the program's at "C"
    scans = Exact09(converted)
    assert len(scans) == 20
    check(scans["CASE03"], 3)
    assert locale.setlocale(locale.LC_ALL) == before


def test_dicom_without_its_package(converted, monkeypatch):
    (converted / "CASE03.nii.gz").unlink()
    (converted / "CASE03").mkdir()
    (converted / "CASE03" / "1.dcm").write_bytes(b"x")
    scans = Exact09(converted)
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    message = "CASE03: DICOM slices are read with SimpleITK.*pip install SimpleITK, or convert"
    with pytest.raises(DatasetDamaged, match=message):
        scans["CASE03"]


def test_damaged_dicom(converted):
    pytest.importorskip("SimpleITK", reason="not run: SimpleITK is not installed")
    (converted / "CASE03.nii.gz").unlink()
    (converted / "CASE03").mkdir()
    (converted / "CASE03" / "1.dcm").write_bytes(b"<html>")
    with pytest.raises(DatasetDamaged, match="CASE03: one series of DICOM slices .* found 0"):
        Exact09(converted)["CASE03"]


def test_own_masks(converted):
    airway = np.zeros(SHAPE, np.uint8)
    airway[1, 2, 3] = 1
    write_nifti(converted / "airways" / "CASE02.nii.gz", airway)
    scans = Exact09(converted)
    assert scans["CASE01"].mask is None
    case = scans["CASE02"]
    assert case.mask.dtype == np.int64 and case.mask.sum() == 1 and case.mask[0, 2, 1] == 1
    write_volume(converted / "airways" / "CASE02.nii.gz", airway)  # on another grid
    with pytest.raises(DatasetDamaged, match="airways.CASE02.nii.gz: its voxels lie elsewhere"):
        scans["CASE02"]
    write_volume(converted / "airways" / "CASE99.nii.gz", airway)
    with pytest.raises(DatasetDamaged, match="airways: masks without a scan: CASE99"):
        Exact09(converted)


def test_a_part_must_be_whole(converted):
    write_nifti(converted / "CASE21.nii.gz", ct())
    with pytest.raises(DatasetDamaged, match="20 cases wanted for test, found 1") as caught:
        Exact09(converted)
    assert "medtutor data get exact09 --from" in str(caught.value)
    (converted / "CASE21.nii.gz").unlink()
    write_nifti(converted / "Training" / "CASE01.nii", ct())
    with pytest.raises(DatasetDamaged, match="CASE01.nii: is here twice, also"):
        Exact09(converted)
    with pytest.raises(DatasetDamaged, match="no cases found"):
        Exact09(converted / "Training" / "none")


def test_damaged_volumes(converted):
    (converted / "CASE01.nii.gz").write_bytes(b"<html>")
    with pytest.raises(DatasetDamaged, match="CASE01.nii.gz: cannot be read as NIfTI"):
        Exact09(converted)[0]
    (converted / "CASE02.nii.gz").unlink()
    for name in ("a.nii", "b.mhd"):
        write_nifti(converted / "CASE02" / "a.nii", ct())
        (converted / "CASE02" / name).touch()
    with pytest.raises(DatasetDamaged, match="CASE02: one volume wanted, found a, b"):
        Exact09(converted)[1]
