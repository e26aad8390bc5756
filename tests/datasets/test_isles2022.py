"""ISLES 2022 reader: both layouts, FLAIR on the grid of the diffusion, and damaged copies."""

import nibabel as nib
import numpy as np
import pytest

from medtutor.datasets import Case, DatasetDamaged, Isles2022
from medtutor.datasets.labelled_set import open_set

from .conftest import write_volume

SHAPE, SPACING = (6, 8, 5), (2.0, 2.0, 4.0)


def write_session(root, patient, session="ses-0001", *, top="", folders=True):
    case = f"{patient}_{session}"
    place = root / top / patient / session
    for kind, value, inside in (("dwi", 1, "dwi"), ("adc", 2, "dwi"), ("FLAIR", 3, "anat")):
        array = np.full(SHAPE, value, np.float32)
        if kind == "FLAIR":  # finer, as large
            array, spacing = np.full((12, 16, 20), value, np.float32), (1.0, 1.0, 1.0)
        else:
            spacing = SPACING
        write_volume(place / (inside if folders else "") / f"{case}_{kind}.nii.gz", array, spacing)
    mask = np.zeros(SHAPE, np.uint8)
    mask[2:4, 3, 1] = 1
    write_volume(root / "derivatives" / patient / session / f"{case}_msk.nii.gz", mask, SPACING)


@pytest.fixture(params=["", "rawdata"])
def isles(tmp_path, request):
    for number in (1, 12, 3):
        patient = f"sub-strokecase{number:04}"
        write_session(tmp_path, patient, top=request.param, folders=not request.param)
    return tmp_path


def test_both_layouts(isles):
    cases = open_set("isles2022", isles)
    assert cases.ids[0] == "sub-strokecase0001_ses-0001" and len(cases) == 3
    case = cases[0]
    assert isinstance(case, Case) and case.image.shape == (3, 5, 8, 6)
    assert case.image.dtype == np.float32 and case.mask.dtype == np.int64
    assert case.mask.shape == (5, 8, 6) and case.mask.sum() == 2
    assert case.spacing == (4.0, 2.0, 2.0) and case.metadata["sequences"] == ("dwi", "adc", "flair")
    assert case.image[:2].mean((1, 2, 3)).tolist() == [1, 2]
    assert (case.image[2] == 3).mean() > 0.9  # where both grids are
    assert case.metadata["flair_file"].name.endswith("_FLAIR.nii.gz")


def test_flair_lies_where_its_header_says(tmp_path):
    write_session(tmp_path, "sub-strokecase0001")
    path = next(tmp_path.glob("*/*/anat/*"))
    flair = np.zeros((12, 16, 20), np.float32)
    flair[6:8, 4:6, 8:12] = 50  # mm: right 6-7, anterior 4-5, superior 8-11
    nib.save(nib.Nifti1Image(flair, np.eye(4)), path)
    image = Isles2022(tmp_path)[0].image[2]  # voxels of 4 x 2 x 2 mm, all axes turned
    assert tuple(np.argwhere(image == 50)[0]) == (2, 5, 2)  # superior 8, anterior 4, right 6
    assert (image == 50).sum() == 1


def test_a_patient_stays_on_one_side(tmp_path):
    for number in range(1, 6):
        write_session(tmp_path, f"sub-strokecase{number:04}")
    write_session(tmp_path, "sub-strokecase0002", "ses-0002")
    cases = Isles2022(tmp_path)
    assert len(cases) == 6
    parts = cases.split(0)
    inside = [{cases.groups[name] for name in part} for part in parts]
    assert sum(map(len, inside)) == 5 == len(set().union(*inside))


def test_missing_files(isles):
    mask = next(isles.glob("derivatives/*3/*/*.nii.gz"))
    mask.unlink()
    message = "strokecase0003.ses-0001: wanted .*_msk.nii.gz"
    with pytest.raises(DatasetDamaged, match=message) as caught:
        Isles2022(isles)
    assert "medtutor data get isles2022" in str(caught.value)
    mask.parent.rmdir()
    with pytest.raises(DatasetDamaged, match="3 sessions and 2 with masks .* sub-strokecase0003"):
        Isles2022(isles)
    top = "rawdata" if (isles / "rawdata").exists() else ""
    write_session(isles, "sub-strokecase0003", top=top)
    next(isles.rglob("sub-strokecase0012_*_adc.nii.gz")).unlink()
    with pytest.raises(DatasetDamaged, match="0012.ses-0001: wanted adc, not found"):
        Isles2022(isles)


def test_wrong_volumes(isles):
    cases = Isles2022(isles)
    write_volume(next(isles.rglob("*0001_*_adc.nii.gz")), np.zeros((6, 8, 4), "f4"), SPACING)
    with pytest.raises(DatasetDamaged, match=r"adc.nii.gz: its grid \(4, 8, 6\) differs"):
        cases[0]
    write_volume(next(isles.rglob("*0003_*_msk.nii.gz")), np.full(SHAPE, 2, "u1"), SPACING)
    with pytest.raises(DatasetDamaged, match=r"labels wanted 0, 1, found \[2\]"):
        cases[1]
    with pytest.raises(DatasetDamaged, match="no cases found"):
        Isles2022(isles / "derivatives" / "sub-strokecase0001")
