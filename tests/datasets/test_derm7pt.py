"""derm7pt reader: two views, seven criteria, the tables alone, the owner's parts, damaged files."""

import numpy as np
import pytest

from medtutor.datasets import DatasetDamaged, Derm7pt, facts
from medtutor.datasets.labelled_set import open_set
from medtutor.datasets.seven_points import CRITERIA, DIAGNOSES, LABELS, POINTS, grouped, points
from medtutor.datasets.sheet import write_sheet
from medtutor.datasets.verify import examine

from .conftest import write_picture

HEADING = (
    "case_num,diagnosis,seven_point_score,pigment_network,streaks,pigmentation,"
    "regression_structures,dots_and_globules,blue_whitish_veil,vascular_structures,"
    "level_of_diagnostic_difficulty,elevation,location,sex,management,clinic,derm,case_id,notes"
)
KINDS = ("clark nevus", "melanoma (in situ)", "lentigo", "seborrheic keratosis",
         "basal cell carcinoma")  # fmt: skip


def row(k):
    """Case k + 1: atypical network scores 2, irregular streaks 1."""
    network, streaks = ("atypical", "irregular") if k % 2 else ("typical", "absent")
    derm = f"NEL/Nel{k:03}.jpg"
    clinic = derm if k == 4 else f"NEL/NEL9{k:02}.JPG"
    return (
        f"{k + 1},{KINDS[k % 5]},{3 if k % 2 else 0},{network},{streaks},diffuse regular,absent,"
        f"regular,absent,arborizing,low,flat,back,female,excision,{clinic},{derm},,"
    )


@pytest.fixture
def tables(tmp_path, monkeypatch):
    monkeypatch.setattr(Derm7pt, "cases", 20)
    monkeypatch.setattr(Derm7pt, "split_sizes", {"train": 10, "valid": 5, "test": 5})
    meta = tmp_path / "meta"
    meta.mkdir()
    (meta / "meta.csv").write_text("\n".join([HEADING, *map(row, range(20))]))
    for part, rows in (("train", range(5, 15)), ("valid", range(5)), ("test", range(15, 20))):
        (meta / f"{part}_indexes.csv").write_text("\n".join(["indexes", *map(str, rows)]))
    return tmp_path


@pytest.fixture
def release(tables):
    for k in range(20):
        write_picture(tables / f"images/NEL/Nel{k:03}.jpg", np.full((12, 16, 3), k))
        if k != 4:
            write_picture(tables / f"images/NEL/nel9{k:02}.jpg", np.full((10, 14, 3), 100 + k))
    return tables


def test_two_views(release):
    cases = Derm7pt(release)
    assert len(cases) == 20 and cases.has_images
    case = cases["0002"]
    assert case.dermoscopic.shape == (3, 12, 16) and case.clinical.shape == (3, 10, 14)
    assert case.dermoscopic.dtype == np.float32 and case.clinical.mean() > case.dermoscopic.mean()
    assert DIAGNOSES[case.label] == "melanoma" and case.metadata["diagnosis"] == KINDS[1]
    assert case.score == 3 and case.criteria["pigment_network"] == "atypical"
    assert case.metadata["location"] == "back" and case.metadata["notes"] is None
    assert cases["0005"].clinical is None and cases["0005"].dermoscopic is not None
    plain = cases.case("0002")
    assert plain.image is not None and plain.label == case.label and plain.split == "valid"
    assert plain.metadata["streaks"] == "irregular" and plain.metadata["seven_point_score"] == 3


def test_official_parts(release):
    parts = Derm7pt(release).splits()
    assert [len(part) for part in parts] == [10, 5, 5]
    assert parts.valid == ["0001", "0002", "0003", "0004", "0005"]  # positions from 0, cases from 1


def test_tables_alone(tables):
    cases = Derm7pt(tables)
    assert len(cases) == 20 and not cases.has_images
    assert cases.class_counts() == dict.fromkeys(DIAGNOSES, 4)
    assert cases.table[3]["id"] == "0004" and cases.table[3]["seven_point_score"] == 3
    assert cases.table[4]["clinical"] is None
    case = cases[3]
    assert case.dermoscopic is None and case.clinical is None and case.score == 3
    assert cases.case(3).image.shape == (3, 0, 0)
    assert "the tables only" in repr(cases)
    with pytest.raises(ValueError, match="the tables only, no images; ask for release_v0"):
        cases.labelled(8)
    flat = tables / "meta"
    assert Derm7pt(flat).ids == cases.ids  # the tables in the folder itself


def test_criteria_array(tables):
    cases = Derm7pt(tables)
    array = cases.criteria_array()
    assert array.shape == (20, 7) and array.dtype == np.int64
    # columns: network, veil, vessels, pigmentation, streaks, dots, regression
    assert array[0].tolist() == [1, 0, 1, 1, 0, 1, 0]
    assert array[1].tolist() == [2, 0, 1, 1, 2, 1, 0]
    assert cases.criteria_array([]).shape == (0, 7)


def test_seven_points():
    assert sum(POINTS.values()) == 10 and len(CRITERIA) == 7
    assert sum(map(len, LABELS.values())) + len(DIAGNOSES) == 24  # the 24 labels of the paper
    assert points("vascular_structures", "dotted") == 2
    assert points("vascular_structures", "wreath") == 0
    assert points("regression_structures", "white areas") == 1
    assert grouped("diagnosis", "blue nevus") == DIAGNOSES.index("nevus")
    assert grouped("streaks", "sometimes") is None


def test_labelled(release):
    cases = Derm7pt(release)
    images, labels, ids = cases.labelled(8)
    assert images.shape == (20, 3, 8, 8) and labels[1] == DIAGNOSES.index("melanoma")
    assert "0005" not in cases.labelled(8, view="clinical").ids
    with pytest.raises(ValueError, match="0005 has no clinical view"):
        cases.labelled(8, ["0005"], view="clinical")
    with pytest.raises(ValueError, match="view wants dermoscopic or clinical"):
        cases.labelled(8, view="both")


def test_missing_image(release):
    (release / "images/NEL/nel907.jpg").unlink()
    with pytest.raises(DatasetDamaged, match="images: 1 of 39 images missing: NEL/NEL907.JPG"):
        Derm7pt(release)
    write_picture(release / "images/NEL/nel907.jpg", np.zeros((4, 4, 3)))
    cases = Derm7pt(release)
    (release / "images/NEL/nel907.jpg").write_bytes(b"")
    with pytest.raises(DatasetDamaged, match="nel907.jpg: cannot be read as a picture"):
        cases["0008"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2,melanoma (in situ)", "2,melanom", "case 0002: no diagnosis known as 'melanom'"),
        ("atypical,irregular", "atypical,wavy", "case 0002: no streaks known as 'wavy'"),
        ("(in situ),3", "(in situ),4", "case 0002: criteria give 3 points, found '4'"),
        ("\n2,melanoma", "\n1,melanoma", "case_num wants a number, once, found '1'"),
        ("\n20,", "\n21,x\n20,", "meta.csv: line 21 ends early"),
        ("case_num,", "case_no,", "missing case_num"),
    ],
)
def test_wrong_table(tables, old, new, message):
    path = tables / "meta/meta.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DatasetDamaged, match=message) as caught:
        Derm7pt(tables)
    assert "medtutor data get derm7pt --from" in str(caught.value)


def test_too_few_rows(tables):
    path = tables / "meta/meta.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    with pytest.raises(DatasetDamaged, match="20 rows wanted, found 19"):
        Derm7pt(tables)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("0 1 2 3", "valid_indexes.csv: 5 rows wanted, found 4"),
        ("0 1 2 3 3", "valid_indexes.csv: 0 to 19 wanted, each in one part, found '3'"),
        ("0 1 2 3 20", "found '20'"),
        ("0 1 2 3 x", "found 'x'"),
        ("0 1 2 3 7", "found '7'"),  # in train already
    ],
)
def test_wrong_parts(tables, rows, message):
    (tables / "meta/valid_indexes.csv").write_text("\n".join(["indexes", *rows.split()]))
    with pytest.raises(DatasetDamaged, match=message):
        Derm7pt(tables)


@pytest.mark.parametrize("real_data", ["derm7pt_meta"], indirect=True)
def test_real_tables(real_data):
    cases = open_set("derm7pt", real_data)
    assert len(cases) == len(cases.table) == 1011
    assert [len(part) for part in cases.splits()] == [413, 203, 395]
    # counts of the paper's groups, as public programs give them
    assert cases.class_counts() == {
        "basal cell carcinoma": 42, "nevus": 575, "melanoma": 252, "miscellaneous": 97,
        "seborrheic keratosis": 45,
    }  # fmt: skip
    scoring = (cases.criteria_array() == [2, 1, 2, 2, 2, 2, 1]).sum(0)
    assert scoring.tolist() == [230, 195, 71, 305, 251, 448, 253]
    assert sum(row["clinical"] is None for row in cases.table) == 9
    assert cases.facts.licence in repr(cases) and cases.facts.citation in repr(cases)


def test_verify_and_show_say_what_is_absent(tables, monkeypatch, tmp_path):
    monkeypatch.setattr("medtutor.datasets.verify.folder", lambda name: tables)
    monkeypatch.setattr("medtutor.datasets.labelled_set.folder", lambda name: tables)
    said = [f"{line.state}: {line.text}" for line in examine(facts("derm7pt"))]
    assert "note: 20 of 20 cases have no image here" in said
    assert not [line for line in said if line.startswith("wrong")]
    assert write_sheet(Derm7pt(tables), tmp_path / "sheet.png").stat().st_size > 1000
