"""Dermofit reader: the unpacked archives as public programs describe them, and damaged files."""

import numpy as np
import pytest

from medtutor.datasets import DatasetDamaged, Dermofit
from medtutor.datasets.dermofit import CLASSES

from .conftest import write_picture


@pytest.fixture
def dermofit(tmp_path, monkeypatch):
    """Ten classes of five lesions, and the list of all."""
    monkeypatch.setattr(Dermofit, "cases", 50)
    monkeypatch.setattr(Dermofit, "counts", {"AK": 5})
    lines = []
    for number in range(50):
        kind, name = CLASSES[number % 10], f"{'ABDP'[number % 4]}{number + 3}"
        mask = np.zeros((8, 9 + number % 3))
        mask[2:4, 3:6] = 255
        write_picture(tmp_path / kind / name / f"{name}.png", np.full((*mask.shape, 3), number))
        write_picture(tmp_path / kind / name / f"{name}mask.png", mask)
        lines.append(f"  {number}   {name}   {kind}")
    (tmp_path / "lesionlist.txt").write_text("\n".join([*lines, ""]))
    return tmp_path


def test_sequence(dermofit):
    images = Dermofit(dermofit)
    assert len(images) == 50 and images.class_counts() == dict.fromkeys(CLASSES, 5)
    assert images.ids[0] == "AK/A3" and images.ids[1] == "AK/A23"  # 3 before 23
    case = images["AK/A3"]
    assert case.image.shape == (3, 8, 9) and case.mask.sum() == 6 and case.label == 0
    assert case.metadata == {"diagnosis": "actinic keratosis"} and case.spacing is None
    assert [len(part) for part in images.split(0)] == [30, 10, 10]
    assert images.arrays(8).images.shape == (50, 3, 8, 8)
    assert images.labelled(8).labels.shape == (50,)


def test_small_letters_and_absent_classes(dermofit):
    for kind in CLASSES:
        (dermofit / kind).rename(dermofit / kind.lower())
    assert len(Dermofit(dermofit)) == 50
    (dermofit / "pyo").rename(dermofit / "later")
    images = Dermofit(dermofit)
    assert len(images) == 45 and "PYO" not in images.class_counts()


def test_still_packed(dermofit):
    (dermofit / "AK").rename(dermofit / "x")
    (dermofit / "AK.zip").write_bytes(b"PK")
    with pytest.raises(DatasetDamaged, match="AK.zip: still packed: unpack the ten archives here"):
        Dermofit(dermofit)


def test_missing_files(dermofit):
    (dermofit / "MEL/A7/A7mask.png").unlink()
    with pytest.raises(DatasetDamaged, match="MEL/A7: A7mask.png missing") as caught:
        Dermofit(dermofit)
    assert "medtutor data get dermofit --from" in str(caught.value)
    (dermofit / "MEL/A7").rename(dermofit / "A7")
    with pytest.raises(DatasetDamaged, match="50 lesions wanted, found 49"):
        Dermofit(dermofit)
    (dermofit / "AK/A3").rename(dermofit / "A3")
    with pytest.raises(DatasetDamaged, match="AK: 5 lesions wanted, found 4"):
        Dermofit(dermofit)


def test_list_that_differs(dermofit):
    path = dermofit / "lesionlist.txt"
    text = path.read_text()
    path.write_text(text.replace("A3   AK", "A3   BCC"))
    with pytest.raises(DatasetDamaged, match="list and the folders differ: AK/A3, BCC/A3"):
        Dermofit(dermofit)
    path.write_text(text.replace("A3   AK", "A3   XYZ"))
    with pytest.raises(DatasetDamaged, match="number, lesion, class wanted in a line, found '  0"):
        Dermofit(dermofit)


def test_mask_of_another_size(dermofit):
    images = Dermofit(dermofit)
    write_picture(dermofit / "AK/A3/A3mask.png", np.zeros((4, 4)))
    with pytest.raises(DatasetDamaged, match=r"its size \(4, 4\) differs"):
        images["AK/A3"]


def test_nothing_there(tmp_path):
    with pytest.raises(DatasetDamaged, match="no cases found"):
        Dermofit(tmp_path)
