"""The table of sets at the widths of real terminals, short licences, and all of one set."""

import io
import re

import pytest
from rich.console import Console

from medtutor.datasets import all_facts, facts
from medtutor.datasets.listing import LEGEND, details, rows, short_licence, table


@pytest.fixture(autouse=True)
def nothing_here(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_DATA", str(tmp_path))


def printed(width):
    console = Console(width=width, file=io.StringIO())
    console.print(table(width))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_one_whole_line_a_set(width):
    heading, *lines = printed(width)
    assert max(map(len, [heading, *lines])) <= width
    assert [line.split()[0] for line in lines] == list(all_facts())
    starts = [heading.index(word) for word in ("here", "how", "licence", "pass on")]
    for line in lines:
        here, how, licence, pass_on = (line[start:].split()[0] for start in starts)
        assert here in ("found", "absent") and how in ("package", "download", "by")
        assert licence.rstrip("?,") in ("CC", "CC0", "own", "not")
        assert pass_on in ("yes", "no", "?")
        assert "…" not in line  # nothing was cut by the terminal
    assert ("what it is" in heading) == (width > 100)
    assert max(map(len, LEGEND.splitlines())) <= 80


def test_titles_end_between_words():
    _, *lines = printed(120)
    for line, about in zip(lines, all_facts().values(), strict=True):
        shown = re.split(r"\s{2,}", line)[-1].removesuffix(" ...")
        assert re.search(rf"(?:^|[:,] ){re.escape(shown)}(?: |$|,|;)", about.title), line


@pytest.mark.parametrize(
    ("licence", "short"),
    [
        ("CC BY-SA 4.0 (share-alike: derived volumes carry the same licence)", "CC BY-SA 4.0"),
        ("CC BY-SA 3.0", "CC BY-SA 3.0"),
        ("CC0 1.0 as recalled from the challenge's page", "CC0 1.0?"),
        ("CC0 (as the set's page at paperswithcode states); cite", "CC0?"),
        ("CC BY-NC 4.0 (quoted elsewhere as CC BY-NC-SA 4.0)", "CC BY-NC 4.0?"),
        ("CC BY 4.0; DermaMNIST CC BY-NC 4.0", "CC BY 4.0, ..."),
        ("CC BY 4.0; cite the article", "CC BY 4.0"),
        ("none stated on the data page; cite the article", "not stated"),
        ("not stated for the volumes; the software is CC BY", "not stated"),
        ("research only, no commercial use", "own terms"),
    ],
)
def test_short_licence(licence, short):
    assert short_licence(licence) == short


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", all_facts())
def test_all_of_one_set(name, width):
    about, text = facts(name), details(facts(name), width)
    lines = text.splitlines()
    assert max(len(line) for line in lines if "/" not in line) <= width  # addresses stay whole
    whole = " ".join(text.split())
    for wanted in (about.title, about.counts, about.splits, about.licence, about.citation,
                   about.landing_page, about.where_to_get, about.next_command):  # fmt: skip
        assert " ".join(wanted.split()) in whole
    assert "here: no " in whole or about.access == "package"


def test_of_one_set_found(busi, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_DATA", str(busi.parent))
    text = details(facts("busi"), 200)
    assert f"here:          {busi}" in text and "reader:        medtutor.datasets.Busi" in text
    assert "250 MB, 1 file, 1 with a checksum" in text
    (row,) = rows(["busi"])
    assert row["folder"] == str(busi) and row["cases"] == 780
    assert row == next(r for r in rows() if r["name"] == "busi")
