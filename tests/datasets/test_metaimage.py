"""MetaImage: header and voxels, orientation, byte order, compression, and damaged files."""

import zlib

import numpy as np
import pytest

from medtutor.datasets import DatasetDamaged
from medtutor.datasets.metaimage import read_mhd

HEADER = {
    "ObjectType": "Image",
    "NDims": "3",
    "BinaryData": "True",
    "BinaryDataByteOrderMSB": "False",
    "CompressedData": "False",
    "TransformMatrix": "1 0 0 0 1 0 0 0 1",
    "Offset": "0 0 0",
    "ElementSpacing": "1 1 1",
    "DimSize": "2 3 4",
    "ElementType": "MET_UCHAR",
    "ElementDataFile": "a.raw",
}


def write_mhd(path, content, **said):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {**HEADER, "ElementDataFile": f"{path.stem}.raw", **said}
    path.write_text("".join(f"{k} = {v}\n" for k, v in header.items() if v is not None))
    path.with_suffix(".raw").write_bytes(content)
    return path


def test_axes(tmp_path):
    path = write_mhd(tmp_path / "a.mhd", bytes(range(24)))
    array, affine = read_mhd(path, "get it again")
    assert array.shape == (2, 3, 4) and array.dtype == np.uint8
    assert (array[1, 0, 0], array[0, 1, 0], array[0, 0, 1]) == (1, 2, 6)  # x runs fastest
    np.testing.assert_array_equal(affine, np.diag([-1, -1, 1, 1]))  # files count left, posterior


def test_affine(tmp_path):
    path = write_mhd(
        tmp_path / "a.mhd", bytes(24), ElementSpacing="2 3 4", Offset="10 20 30",
        TransformMatrix="0 1 0 0 0 1 1 0 0",  # x of the voxels runs posterior, y up, z left
    )  # fmt: skip
    _, affine = read_mhd(path, "")
    for voxel, wanted in (((0, 0, 0), (-10, -20, 30)), ((1, 0, 0), (-10, -22, 30)),
                          ((0, 1, 0), (-10, -20, 33)), ((0, 0, 1), (-14, -20, 30))):
        np.testing.assert_allclose(affine @ [*voxel, 1], [*wanted, 1])


def test_other_names_and_defaults(tmp_path):
    path = write_mhd(
        tmp_path / "a.mhd", bytes(24), ElementSpacing=None, ElementSize="5 5 5", Offset=None,
        Position="1 0 0", TransformMatrix=None,
    )  # fmt: skip
    _, affine = read_mhd(path, "")
    wanted = [[-5, 0, 0, -1], [0, -5, 0, 0], [0, 0, 5, 0], [0, 0, 0, 1]]
    np.testing.assert_array_equal(affine, wanted)


def test_numbers(tmp_path):
    values = np.arange(-12, 12, dtype=np.int16)
    path = write_mhd(tmp_path / "a.mhd", values.astype("<i2").tobytes(), ElementType="MET_SHORT")
    assert read_mhd(path, "")[0].ravel(order="F").tolist() == values.tolist()
    big = {"ElementType": "MET_SHORT", "BinaryDataByteOrderMSB": "True"}
    path = write_mhd(tmp_path / "b.mhd", values.astype(">i2").tobytes(), **big)
    array = read_mhd(path, "")[0]
    assert array.dtype == np.int16 and array.ravel(order="F").tolist() == values.tolist()


def test_deflated(tmp_path):
    path = write_mhd(tmp_path / "a.mhd", zlib.compress(bytes(range(24))), CompressedData="True")
    assert read_mhd(path, "")[0].sum() == 276
    path = write_mhd(tmp_path / "b.mhd", b"x", CompressedData="True")
    with pytest.raises(DatasetDamaged, match="b.raw: cannot be read"):
        read_mhd(path, "")


def test_only_beside_the_header(tmp_path):
    path = write_mhd(tmp_path / "set/a.mhd", bytes(24), ElementDataFile="../../else/a.raw")
    assert read_mhd(path, "")[0].shape == (2, 3, 4)
    path = write_mhd(tmp_path / "set/b.mhd", bytes(24), ElementDataFile="C:\\data\\b.raw")
    assert read_mhd(path, "")[0].shape == (2, 3, 4)


def test_damaged(tmp_path):
    path = write_mhd(tmp_path / "a.mhd", bytes(23))
    with pytest.raises(DatasetDamaged, match="a.raw: 24 bytes wanted by a.mhd, found 23; again"):
        read_mhd(path, "again")
    path.with_suffix(".raw").unlink()
    with pytest.raises(DatasetDamaged, match="a.raw: cannot be read"):
        read_mhd(path, "again")
    for said in ({"DimSize": "2 3 x"}, {"ElementType": "MET_OTHER"}, {"ElementSpacing": "1 1"}):
        path = write_mhd(tmp_path / "a.mhd", bytes(24), **said)
        with pytest.raises(DatasetDamaged, match="a.mhd: cannot be read as a MetaImage"):
            read_mhd(path, "")
    for said in ({"DimSize": "2 3"}, {"ElementNumberOfChannels": "3"}):
        path = write_mhd(tmp_path / "a.mhd", bytes(6), **said)
        with pytest.raises(DatasetDamaged, match="wanted a 3D volume"):
            read_mhd(path, "")
    path.write_bytes(b"\xff\xfe\0")
    with pytest.raises(DatasetDamaged, match="cannot be read as a MetaImage"):
        read_mhd(path, "")


def test_as_simpleitk_writes_and_reads(tmp_path):
    sitk = pytest.importorskip("SimpleITK", reason="not run: SimpleITK is not installed")
    stored = np.random.default_rng(0).normal(size=(4, 3, 2)).astype(np.float32)  # (Z, Y, X)
    image = sitk.GetImageFromArray(stored)
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((-12.0, 30.0, -400.0))
    turn, lean = np.cos(0.3), np.sin(0.3)
    image.SetDirection((turn, -lean, 0, lean, turn, 0, 0, 0, 1))
    sitk.WriteImage(image, str(tmp_path / "a.mhd"), True)  # deflated
    array, affine = read_mhd(tmp_path / "a.mhd", "")
    np.testing.assert_array_equal(array, stored.T)
    for voxel in ((0, 0, 0), (1, 2, 3)):
        left, posterior, up = image.TransformIndexToPhysicalPoint(voxel)
        np.testing.assert_allclose(affine @ [*voxel, 1], [-left, -posterior, up, 1], atol=1e-6)
