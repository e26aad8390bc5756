"""The bibliography: it parses, has every paper of the lecture and every key that is cited."""

import json
import re

import pytest
import yaml

from medtutor.course.chapter import list_chapters

# The lecture's papers by chapter, the main one first.
DECK = {
    1: ["esteva2017dermatologist", "zhang2019pathologist", "rajpurkar2017chexnet"],
    2: ["hamarneh2010vascusynth", "jassi2011vascusynth"],
    3: ["hamarneh2008deformit", "booth2014dtideformit"],
    4: ["abhishek2019mask2lesion"],
    5: ["top2011active", "top2010spotlight"],
    6: ["huang2017swiftree"],
    7: ["mirikharaji2019learning"],
    8: ["asgari2019infomask"],
    9: ["afshari2019weakly"],
    10: ["bentaieb2016topology"],
    11: ["mirikharaji2018star"],
    12: ["bentaieb2016multiloss"],
    13: ["asgari2017pareto"],
    14: ["asgari2019combo"],
    15: ["lecture_layers_figure"],
    16: ["asgari2019kernelized", "finlayson2019adversarial", "xiao2018characterizing"],
    17: ["mirikharaji2018autocontext"],
    18: ["izadi2018generative"],
    19: ["kawahara2019seven"],
    20: ["asgari2019select"],
    21: ["asgari2019improved"],
    22: ["yoon2019generalizable", "motiian2017unified"],
    23: ["bentaieb2018adversarial"],
    24: ["sharma2020missing"],
}
_CITATION = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")


@pytest.fixture(scope="module")
def bibliography(repository):
    database = pytest.importorskip("pybtex.database", reason="not run: pybtex is not installed")
    return database.parse_file(str(repository / "book/references.bib")).entries


def test_every_paper_of_the_lecture_is_there(bibliography):
    wanted = {key for keys in DECK.values() for key in keys}
    assert sorted(DECK) == list(range(1, 25))
    assert wanted - set(bibliography) == set()


def test_every_entry_says_what_it_is(bibliography):
    for key, entry in bibliography.items():
        assert "title" in entry.fields, key
        if key != "lecture_layers_figure":
            assert entry.persons.get("author"), key
            assert re.fullmatch(r"\d{4}", entry.fields["year"]), key
        doi = entry.fields.get("doi", "10.1/x")
        assert re.fullmatch(r"10\.\d+/\S+", doi), f"{key}: wanted a DOI, not an address: {doi}"


def test_every_key_that_is_cited_exists(bibliography, repository):
    cited = {}
    for page in [*(repository / "book").rglob("*.md")]:
        for keys in _CITATION.findall(page.read_text(encoding="utf-8")):
            cited.update({key.strip(): page.name for key in keys.split(",")})
    for chapter in list_chapters():
        for notebook in chapter.folder.glob("*.ipynb"):
            cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
            text = "\n".join("".join(x["source"]) for x in cells if x["cell_type"] == "markdown")
            for keys in _CITATION.findall(text):
                cited.update({key.strip(): notebook.name for key in keys.split(",")})
        if chapter.paper:
            cited[chapter.paper.cite] = f"{chapter.name}/chapter.yml"
    missing = {key: where for key, where in cited.items() if key not in bibliography}
    assert missing == {}


def test_chapters_of_the_plan_are_the_lecture(repository):
    plan = yaml.safe_load((repository / "book/plan.yml").read_text(encoding="utf-8"))
    assert [item["number"] for item in plan] == list(range(25))
    for chapter in list_chapters():
        planned = next((item for item in plan if item["number"] == chapter.number), None)
        if planned:
            assert (planned["name"], planned["part"]) == (chapter.name[3:], chapter.part)
