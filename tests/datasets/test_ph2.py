"""PH2 reader: the owner's layout as public programs describe it, and damaged files."""

import numpy as np
import pytest

from medtutor.datasets import DatasetDamaged, Ph2
from medtutor.datasets.ph2 import CLASSES

from .conftest import write_picture

HEADING = (
    "||   Name ||   Histological Diagnosis || Clinical Diagnosis || Asymmetry | Pigment Network | "
    "Dots/Globules | Streaks | Regression Areas | Blue-Whitish Veil ||  Colors   ||"
)
LEGEND = "\nLegends for Clinical Diagnosis:\n0 - Common Nevus;\n1 - Atypical Nevus;\n2 - Melanoma."


def row(k):
    histology = "Superficial spreading" if k % 3 == 2 else "                 "
    network = "AT" if k % 2 else "T"
    return (
        f"|| IMD{k + 2:03} || {histology} ||        {k % 3} ||      {k % 3} | {network} |"
        f" A | P | A | P || 3  {4 + k % 3}   ||"
    )


@pytest.fixture
def ph2(tmp_path, monkeypatch):
    monkeypatch.setattr(Ph2, "cases", 15)
    inside = tmp_path / "PH2Dataset" / "PH2 Dataset images"
    rng = np.random.default_rng(0)
    for k in range(15):
        name = f"IMD{k + 2:03}"
        mask = np.zeros((10 + k % 2, 14), bool)
        mask[3:6, 4:8] = True
        picture = rng.integers(0, 255, (*mask.shape, 3))
        write_picture(inside / name / f"{name}_Dermoscopic_Image/{name}.bmp", picture)
        write_picture(inside / name / f"{name}_lesion/{name}_lesion.bmp", mask * 255)
        write_picture(inside / name / f"{name}_roi/{name}_R1_Label4.bmp", mask * 255)
    table = "\n".join([HEADING, *map(row, range(15)), LEGEND])
    (tmp_path / "PH2Dataset" / "PH2_dataset.txt").write_text(table)
    return tmp_path / "PH2Dataset"


def test_sequence(ph2):
    images = Ph2(ph2)
    assert len(images) == 15 and images.class_counts() == dict.fromkeys(CLASSES, 5)
    case = images["IMD004"]
    assert case.image.shape == (3, 10, 14) and case.mask.sum() == 12 and case.label == 2
    assert case.metadata == {
        "histology": "Superficial spreading", "asymmetry": "in both axes",
        "pigment_network": "typical", "dots_globules": "absent", "streaks": "present",
        "regression_areas": "absent", "blue_whitish_veil": "present",
        "colours": ("light brown", "black"),
    }  # fmt: skip
    assert images[0].metadata["histology"] is None and case.spacing is None
    assert sum(map(len, images.split(0))) == 15


def test_folder_of_the_images_itself(ph2):
    assert len(Ph2(ph2 / "PH2 Dataset images")) == 15  # its table lies above
    (ph2 / "PH2 Dataset images").rename(ph2 / "PH2_Dataset_images")
    assert len(Ph2(ph2)) == 15


def test_arrays(ph2):
    images = Ph2(ph2)
    assert images.arrays(8).labels.shape == (15, 8, 8)
    assert images.labelled(8).labels.tolist() == [k % 3 for k in range(15)]


def test_missing_files(ph2):
    folder = ph2 / "PH2 Dataset images/IMD003"
    (folder / "IMD003_lesion/IMD003_lesion.bmp").unlink()
    with pytest.raises(DatasetDamaged, match="IMD003_lesion.bmp: the file is missing"):
        Ph2(ph2)
    folder.rename(ph2 / "IMD003")
    with pytest.raises(DatasetDamaged, match="15 folders IMD... wanted, found 14") as caught:
        Ph2(ph2)
    assert "medtutor data get ph2 --from" in str(caught.value)
    (ph2 / "PH2_dataset.txt").unlink()
    (ph2 / "IMD003").rename(folder)
    write_picture(folder / "IMD003_lesion/IMD003_lesion.bmp", np.zeros((2, 2)))
    with pytest.raises(DatasetDamaged, match="PH2_dataset.txt: the table of diagnoses is missing"):
        Ph2(ph2)
    with pytest.raises(DatasetDamaged, match="wanted one folder an image"):
        Ph2(folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("IMD003 ||", "IMD999 ||", "no row for IMD003"),
        ("|| 3  5   ||", "|| 9 ||", "IMD003: Colors wanted numbers 1 to 6, found .9."),
        ("|        1 ||      1 |", "|        3 ||      1 |", "IMD003: Clinical Diagnosis wanted 0"),
        ("||      1 | AT |", "||      1 | Y |", "IMD003: Pigment Network wanted A, .*found 'Y'"),
        ("||      1 | AT |", "||      7 | AT |", "IMD003: Asymmetry wanted 0 to 2, found '7'"),
        ("||      1 | AT |", "|| AT |", "IMD003: 10 columns wanted, found 9"),
    ],
)
def test_wrong_tables(ph2, old, new, message):
    table = ph2 / "PH2_dataset.txt"
    text = table.read_text()
    assert old in text
    table.write_text(text.replace(old, new, 1))
    with pytest.raises(DatasetDamaged, match=message):
        Ph2(ph2)


def test_mask_of_another_size(ph2):
    images = Ph2(ph2)
    path = ph2 / "PH2 Dataset images/IMD002/IMD002_lesion/IMD002_lesion.bmp"
    write_picture(path, np.zeros((5, 5)))
    with pytest.raises(DatasetDamaged, match=r"its size \(5, 5\) differs .* \(10, 14\)"):
        images[0]
