"""Volumes: orientation, sequences, label maps held against their image, and another grid."""

import nibabel as nib
import numpy as np
import pytest

from medtutor.datasets import DatasetDamaged
from medtutor.datasets.volumes import (
    lies_apart,
    read_labels,
    read_sequences,
    resampled,
    spacing_of,
    turned,
    volume_files,
)

from .conftest import write_volume

FIX = "get it again"


def test_files_are_named_without_their_ending(tmp_path):
    for name in ("b.nii.gz", "a.nii", "W39_1998.09.19_Segm.nii", "._a.nii", "a.txt"):
        (tmp_path / name).write_bytes(b"")
    assert list(volume_files(tmp_path)) == ["W39_1998.09.19_Segm", "a", "b"]


def test_sequences_of_a_4d_file(tmp_path):
    stored = np.arange(2 * 3 * 4 * 2, dtype=np.int16).reshape(2, 3, 4, 2)
    path = write_volume(tmp_path / "a.nii.gz", stored, spacing=(1.0, 2.0, 3.0))
    image, affine = read_sequences(path, FIX, 2)
    assert image.shape == (2, 4, 3, 2) and image.dtype == np.float32
    np.testing.assert_array_equal(image[1], stored[..., 1].T[::-1, ::-1, ::-1])
    assert spacing_of(affine) == (3.0, 2.0, 1.0)
    # The first voxel is the last one of the file: right 1 mm, anterior 4 mm, superior 9 mm.
    np.testing.assert_allclose(affine @ [0, 0, 0, 1], [1, 4, 9, 1])


def test_one_sequence(tmp_path):
    path = write_volume(tmp_path / "a.nii", np.ones((2, 3, 4), np.float32))
    assert read_sequences(path, FIX)[0].shape == read_sequences(path, FIX, 1)[0].shape
    assert read_sequences(path, FIX)[0].shape == (1, 4, 3, 2)


def test_wrong_sequences(tmp_path):
    path = write_volume(tmp_path / "a.nii", np.ones((2, 3, 4, 3), np.float32))
    message = r"a.nii: wanted a volume of 4 sequences .*, found shape \(2, 3, 4, 3\); get it again"
    with pytest.raises(DatasetDamaged, match=message):
        read_sequences(path, FIX, 4)
    path = write_volume(tmp_path / "flat.nii", np.ones((2, 3), np.float32))
    with pytest.raises(DatasetDamaged, match=r"wanted a volume of sequences .* shape \(2, 3\)"):
        read_sequences(path, FIX)
    path = write_volume(tmp_path / "nan.nii", np.full((2, 3, 4), np.nan, np.float32))
    with pytest.raises(DatasetDamaged, match="24 voxels are NaN or infinite"):
        read_sequences(path, FIX)
    (tmp_path / "cut.nii.gz").write_bytes(b"<html>")
    with pytest.raises(DatasetDamaged, match="cut.nii.gz: cannot be read as NIfTI"):
        read_sequences(tmp_path / "cut.nii.gz", FIX)


def test_turned_is_what_nibabel_does():
    rng = np.random.default_rng(0)
    array = rng.normal(size=(3, 4, 5, 2)).astype(np.float32)
    affine = np.array([[0, 0, -2, 7], [1, 0, 0, -3], [0, 3, 0, 1], [0, 0, 0, 1]], float)
    image = nib.Nifti1Image(array, affine)
    codes = nib.orientations.axcodes2ornt(("I", "P", "L"))
    turn = nib.orientations.ornt_transform(nib.orientations.io_orientation(affine), codes)
    wanted = image.as_reoriented(turn)
    found, grid = turned(array, affine)
    np.testing.assert_array_equal(found, wanted.get_fdata(dtype=np.float32))
    np.testing.assert_allclose(grid, wanted.affine)


def test_labels(tmp_path):
    label = np.zeros((2, 3, 4), np.uint8)
    label[1, 2, 3] = 4
    path = write_volume(tmp_path / "seg.nii", label)
    _, affine = read_sequences(write_volume(tmp_path / "a.nii", label.astype("f4")), FIX)
    found = read_labels(path, FIX, (4, 3, 2), affine, (0, 4))
    assert found.dtype == np.int64 and found[0, 0, 0] == 4 and found.sum() == 4
    with pytest.raises(DatasetDamaged, match=r"labels wanted 0, 1, 2, found \[4\]; get it"):
        read_labels(path, FIX, (4, 3, 2), affine, range(3))
    with pytest.raises(DatasetDamaged, match=r"\(4, 3, 2\) differs .* \(4, 3, 9\) \(axes D, H, W"):
        read_labels(path, FIX, (4, 3, 9), affine, (0, 4))
    moved = affine + np.array([[0, 0, 0, 5], *[[0] * 4] * 3])
    with pytest.raises(DatasetDamaged, match="seg.nii: its voxels lie elsewhere"):
        read_labels(path, FIX, (4, 3, 2), moved, (0, 4))


def test_how_far_grids_may_differ():
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    assert not lies_apart(affine, affine, (100, 100, 100))
    for mm, apart in ((0.19, False), (0.21, True)):  # a tenth of 2 mm
        assert lies_apart(affine, affine + np.eye(4, k=3) * mm, (9, 9, 9)) is apart
    turn = affine.copy()
    turn[0, 1] = 0.01  # grows with the distance: 0.08 mm after 8 voxels, 0.99 after 99
    assert lies_apart(affine, turn, (100, 100, 100)) and not lies_apart(affine, turn, (9, 9, 9))


def test_another_grid():
    image = np.arange(5, dtype=np.float32)[:, None, None] * np.ones((5, 4, 4), np.float32)
    affine = np.diag([2.0, 1.0, 1.0, 1.0])
    same = resampled(image, affine, image.shape, affine)
    np.testing.assert_allclose(same, image)
    # Half the voxel along the first axis: values between two voxels lie between theirs.
    fine = resampled(image, affine, (9, 4, 4), np.eye(4))
    np.testing.assert_allclose(fine[:, 1, 1], np.arange(9) / 2, atol=1e-6)
    assert fine.dtype == np.float32
    # A grid that begins 2 mm further along the first axis: one voxel later; outside is 0.
    shifted = affine.copy()
    shifted[0, 3] = 2
    np.testing.assert_allclose(
        resampled(image, affine, image.shape, shifted)[:, 0, 0], [1, 2, 3, 4, 0]
    )
