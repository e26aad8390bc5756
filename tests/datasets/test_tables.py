"""Tables of data sets: separators, byte order marks, empty cells, and what is not a table."""

import pytest

from medtutor.datasets import DatasetDamaged
from medtutor.datasets.tables import known, number, read_table


@pytest.mark.parametrize("text", ["a,b\n1,x y\n", "a\tb\n1\tx y\n", '"a"\t"b"\r\n"1"\t"x y"\r\n'])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_comma_and_tab(tmp_path, text, mark):
    path = tmp_path / "table"
    path.write_text(mark + text, encoding="utf-8")
    assert read_table(path, ["b"], "look") == [{"a": "1", "b": "x y"}]


def test_wrong(tmp_path):
    path = tmp_path / "table.csv"
    with pytest.raises(DatasetDamaged, match="table.csv: cannot be read as a table .*; look"):
        read_table(path, ["a"], "look")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetDamaged, match="cannot be read as a table"):
        read_table(path, ["a"], "look")
    for text in ("", "b,c\n1,2"):
        path.write_text(text)
        with pytest.raises(DatasetDamaged, match="columns wanted a, b, missing a.*; look"):
            read_table(path, ["a", "b"], "look")
    path.write_text("a,b\n1,2\n3")
    with pytest.raises(DatasetDamaged, match="line 3 ends early: 2 columns wanted; look"):
        read_table(path, ["a"], "look")


def test_cells():
    assert number("3.5") == 3.5 and number("") is number("unknown") is number("nan") is None
    assert known(" back ") == "back" and known("") is known(None) is known("Unknown") is None
