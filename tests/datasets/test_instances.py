"""Masks of numbered objects: as stored, merged from a file an object, parted into pieces."""

import numpy as np
import pytest
from PIL import Image

from medtutor.datasets import DatasetDamaged
from medtutor.datasets.instances import merged, parted, read_instances

from .conftest import write_picture

FIX = "get it again"


def test_numbers_are_kept(tmp_path):
    numbers = np.arange(12).reshape(3, 4)
    found = read_instances(write_picture(tmp_path / "a.bmp", numbers), FIX, (3, 4))
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, numbers)
    large = (numbers * 5000).astype(np.uint16)  # 16 bits: up to 55,000
    Image.fromarray(large).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_instances(tmp_path / "b.png", FIX, (3, 4)), large)


def test_of_a_palette_the_place_not_the_colour(tmp_path):
    picture = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
    picture.putpalette([0, 0, 0, 200, 10, 10, 10, 10, 200])
    picture.save(tmp_path / "a.png")
    assert read_instances(tmp_path / "a.png", FIX, (2, 2)).tolist() == [[0, 1], [2, 1]]


def test_wrong_files(tmp_path):
    colour = write_picture(tmp_path / "colour.png", np.zeros((3, 4, 3)))
    with pytest.raises(DatasetDamaged, match="one number a pixel, found .* mode RGB; get it again"):
        read_instances(colour, FIX, (3, 4))
    small = write_picture(tmp_path / "small.png", np.zeros((3, 3)))
    with pytest.raises(DatasetDamaged, match=r"size \(3, 3\) differs .* \(3, 4\)"):
        read_instances(small, FIX, (3, 4))
    small.write_bytes(b"<html>")
    with pytest.raises(DatasetDamaged, match="small.png: cannot be read as a picture"):
        read_instances(small, FIX, (3, 4))


def test_merged(tmp_path):
    first, second = np.zeros((2, 4, 5))
    first[:2], second[1:3] = 255, 255  # both have row 1: it stays with the first
    paths = [write_picture(tmp_path / f"{k}.png", m) for k, m in enumerate((first, second))]
    found = merged(paths, FIX, (4, 5))
    assert found[:, 0].tolist() == [1, 1, 2, 0] and (found == found[:, :1]).all()
    empty = write_picture(tmp_path / "empty.png", np.zeros((4, 5)))
    with pytest.raises(DatasetDamaged, match="empty.png: wanted one object, found none"):
        merged([*paths, empty], FIX, (4, 5))


def test_parted():
    mask = np.array([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 1]])  # a corner connects
    assert parted(mask).tolist() == [[1, 0, 0, 2], [0, 1, 0, 0], [0, 0, 0, 3]]
    assert parted(mask, smallest=2).tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    assert parted(np.zeros((2, 2))).tolist() == [[0, 0], [0, 0]]
