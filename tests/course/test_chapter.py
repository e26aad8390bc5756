"""A chapter is found by any of its names, and a broken chapter.yml says what to mend."""

import textwrap

import pytest
import yaml

from medtutor.course.chapter import (
    ChapterError,
    UnknownChapter,
    check_profile,
    list_chapters,
    load_chapter,
)

GOOD = """\
number: 14
title: Combo loss
part: loss_functions
summary: One sentence.
paper: {cite: taghanaki2019combo, doi: 10.1016/j.compmedimag.2019.04.005}
needs: [unet]
method: [json.dumps]
data: {default: phantoms.organs, real: [busi]}
parameters:
  rate:  {type: float, quick: 1e-3, lesson: 1, full: 2.0, help: step size}
  seeds: {type: ints, quick: [0], lesson: [0, 1, 2, 3, 4], full: 10, help: a list or a count}
budget:
  quick:  {seconds: 60, memory_gb: 3}
  lesson: {seconds: 600, memory_gb: 6}
  full:   {seconds: 7200, memory_gb: 24, gpu: true}
claims:
  - id: small_structures
    says: better on small structures
    paper: {where: table 2, method: 0.9, baseline: unknown}
    measure: {metric: dice, method: combo, baseline: dice}
    kind: better_than
    data: [default, busi]
exercises: [dice_by_hand]
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").touch()
    folder = tmp_path / "notebooks/14_combo_loss"
    folder.mkdir(parents=True)
    (folder / "chapter.yml").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    return folder


def test_found_by_any_name(course, monkeypatch):
    names = [14, "14", "combo_loss", "14_combo_loss", course, course / "chapter.yml"]
    names += ["notebooks/14_combo_loss/"]
    assert {load_chapter(name).name for name in names} == {"14_combo_loss"}
    monkeypatch.chdir(course)
    assert load_chapter().folder == course
    assert load_chapter().notebook == course / "14_combo_loss.ipynb"
    assert load_chapter().solutions == course / "14_combo_loss_solutions.ipynb"


def test_values_of_each_profile(course):
    chapter = load_chapter(14)
    assert chapter.values("quick") == {
        "profile": "quick", "dataset": "default", "rate": 0.001, "seeds": [0]
    }
    assert chapter.values("lesson")["rate"] == 1.0
    assert isinstance(chapter.values("lesson")["rate"], float)
    assert chapter.values("full")["seeds"] == list(range(10))       # a count of ten
    with pytest.raises(ChapterError, match="wanted one of quick, lesson, full, given 'leson'"):
        chapter.values("leson")
    with pytest.raises(ChapterError, match="did you mean 'lesson'"):
        check_profile("leson")


@pytest.mark.parametrize("which", [15, "15", "combo_los", "nothing", "notebooks/16_x"])
def test_unknown_chapter(course, which):
    with pytest.raises(UnknownChapter, match="wanted .*given") as caught:
        load_chapter(which)
    assert "14_combo_loss" in str(caught.value) or "notebooks/16_x" in str(caught.value)
    if which == "combo_los":
        assert "did you mean 'combo_loss'?" in str(caught.value)


def test_no_chapter_here(course, tmp_path):
    with pytest.raises(UnknownChapter, match="is in no chapter's folder"):
        load_chapter()


def test_list_is_sorted_and_passes_by_leftovers(course):
    for name in ("03_deformations", "07_left_over", ".ipynb_checkpoints"):
        (course.parent / name).mkdir()
    (course.parent / "03_deformations/chapter.yml").write_text(
        GOOD.replace("number: 14", "number: 3")
    )
    assert [chapter.number for chapter in list_chapters()] == [3, 14]
    (course.parent / "07_left_over/07_left_over.ipynb").touch()
    with pytest.raises(ChapterError, match="07_left_over/chapter.yml: wanted this file"):
        list_chapters()


def test_number_taken_twice(course):
    (course.parent / "14_other").mkdir()
    (course.parent / "14_other/chapter.yml").write_text(GOOD)
    with pytest.raises(ChapterError, match="14_other: wanted a number of its own, given 14"):
        list_chapters()


BROKEN = {
    "wrong type": (
        ("seconds: 60,", "seconds: sixty,"),
        "budget.quick.seconds: wanted a number > 0, given 'sixty'",
    ),
    "out of range": (
        ("seconds: 60,", "seconds: -1,"),
        "budget.quick.seconds: wanted a number > 0, given -1",
    ),
    "text for a number, unasked": (
        ("memory_gb: 3}", "memory_gb: '3'}"),
        "budget.quick.memory_gb: wanted a number > 0, given '3'",
    ),
    "unknown key": (
        ("title:", "titel:"),
        "wanted one of the keys number, title, part, summary, paper, needs, method, data, "
        "parameters, budget, claims, exercises, draft, deterministic, given 'titel': "
        "did you mean 'title'?",
    ),
    "unknown key inside": (
        ("metric: dice,", "metrik: dice,"),
        "claims[small_structures].measure: wanted one of the keys metric, method, baseline, "
        "lower_is_better, given 'metrik': did you mean 'metric'?",
    ),
    "missing key": (("summary: One sentence.\n", ""), "summary: wanted a value, given nothing"),
    "empty text": (("summary: One sentence.", "summary: ''"), "summary: wanted text that is not"),
    "wrong part": (
        ("part: loss_functions", "part: loss_function"),
        "part: wanted one of start, opening, training_data, loss_functions, layers, architectures, "
        "input_data, given 'loss_function': did you mean 'loss_functions'?",
    ),
    "wrong profile": (
        ("  lesson: {sec", "  leson: {sec"),
        "budget: wanted one of the keys quick, lesson, full, given 'leson': did you mean 'lesson'?",
    ),
    "profile without budget": (
        ("  lesson: {seconds: 600, memory_gb: 6}\n", ""),
        "budget.lesson: wanted seconds and memory_gb, given nothing",
    ),
    "wrong kind": (
        ("kind: better_than", "kind: better"),
        "claims[small_structures].kind: wanted one of better_than, no_worse_than, close_to, "
        "monotone_in, exact, given 'better': did you mean 'better_than'?",
    ),
    "nothing to compare with": (
        (", baseline: dice}", "}"),
        "claims[small_structures].measure.baseline: wanted what better_than compares with",
    ),
    "monotone without direction": (
        ("kind: better_than", "kind: monotone_in"),
        "claims[small_structures].direction: wanted increasing or decreasing for monotone_in",
    ),
    "close to nothing": (
        ("kind: better_than", "kind: close_to"),
        "claims[small_structures].margin: wanted a number > 0: how close is close_to, given 0",
    ),
    "expected where nothing is": (
        ("kind: better_than", "kind: better_than\n    expected: 1.0"),
        "claims[small_structures].expected: wanted only for close_to and exact",
    ),
    "a number typed as words": (
        ("method: 0.9", "method: about 0.9"),
        "claims[small_structures].paper.method: wanted a number as the paper prints it, unknown, "
        "or nothing, given 'about 0.9'",
    ),
    "claim on data it lacks": (
        ("data: [default, busi]", "data: [bussi]"),
        "claims[small_structures].data: wanted some of default, busi, given 'bussi'",
    ),
    "exercise twice": (
        ("[dice_by_hand]", "[dice_by_hand, dice_by_hand]"),
        "exercises: wanted each name once, given 'dice_by_hand' 2 times",
    ),
    "parameter of another type": (
        ("lesson: 1,", "lesson: fast,"),
        "parameters.rate.lesson: wanted a number, given 'fast'",
    ),
    "unknown parameter type": (
        ("type: float", "type: flaot"),
        "parameters.rate.type: wanted one of int, float, str, bool, ints, floats, strs, "
        "given 'flaot': did you mean 'float'?",
    ),
    "parameter name that is none": (
        ("  rate: ", "  Rate: "),
        "parameters.Rate: wanted a name like small_structures, given 'Rate'",
    ),
    "reserved parameter": (
        ("  rate: ", "  dataset: "),
        "parameters: wanted another name, given 'dataset': every chapter has it already",
    ),
    "no seeds": (("  seeds:", "  seed:"), "parameters.seeds: wanted a parameter of type ints"),
    "a symbol that is none": (
        ("[json.dumps]", "[dumps]"),
        "method[0]: wanted a name like medtutor.methods.layers.rbf_layers.rbf, given 'dumps'",
    ),
    "list for a mapping": (
        ("data: {default: phantoms.organs, real: [busi]}", "data: [a]"),
        "data: wanted keys with values, given ['a']",
    ),
    "another number than the folder": (
        ("number: 14", "number: 15"),
        "number: wanted the number of the folder 14_combo_loss, given 15",
    ),
    "true is no number": (("number: 14", "number: true"), "number: wanted a whole number from"),
    "key twice": (
        ("title: Combo loss", "title: Combo loss\nnumber: 14"),
        "line 3: wanted YAML, given 'number: 14': the key 'number' stands twice, first in line 1",
    ),
    "no YAML": (("title: Combo loss", "title: Combo: loss"), "line 2: wanted YAML, given 'title:"),
    "open bracket": (("[busi]}", "[busi}"), "line 8: wanted YAML"),
    "nothing in it": ((GOOD, ""), "wanted keys with values (`number: 14`), given nothing"),
    "a list": ((GOOD, "- 1"), "wanted keys with values (`number: 14`), given list"),
    "a tag that runs code": (
        ("title: Combo loss", "title: !!python/object/apply:os.getcwd []"),
        "line 2: wanted YAML",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_file_says_what_to_mend(course, fault):
    (old, new), message = BROKEN[fault]
    assert old in GOOD
    (course / "chapter.yml").write_text(GOOD.replace(old, new, 1))
    with pytest.raises(ChapterError) as caught:
        load_chapter(14)
    assert f"notebooks/14_combo_loss/chapter.yml: {message}" in str(caught.value)
    assert "pydantic" not in str(caught.value) and "\n\n" not in str(caught.value)


def test_claim_named_twice(course):
    content = yaml.safe_load(GOOD)
    content["claims"] *= 2
    (course / "chapter.yml").write_text(yaml.safe_dump(content))
    with pytest.raises(ChapterError, match="claims: wanted each name once, given 'small_struct"):
        load_chapter(14)


def test_every_fault_is_named_at_once(course):
    broken = GOOD.replace("seconds: 60,", "seconds: sixty,").replace("title:", "titel:")
    (course / "chapter.yml").write_text(broken)
    with pytest.raises(ChapterError) as caught:
        load_chapter(14)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3      # seconds, the missing title, the unknown titel
    assert all(line.startswith("notebooks/14_combo_loss/chapter.yml: ") for line in lines)


def test_missing_and_unreadable_file(course):
    (course / "chapter.yml").write_bytes(b"title: \xff")
    with pytest.raises(ChapterError, match="chapter.yml: wanted UTF-8 text"):
        load_chapter(14)
    (course / "chapter.yml").unlink()
    (course / "14_combo_loss.ipynb").touch()
    with pytest.raises(ChapterError, match="chapter.yml: wanted this file, given nothing"):
        load_chapter(14)


def test_frozen(course):
    with pytest.raises(ValueError, match="frozen"):
        load_chapter(14).title = "Other"


def test_the_good_file_is_what_the_message_wants(course):
    assert textwrap.dedent(GOOD) == (course / "chapter.yml").read_text()
    assert load_chapter(14).claims[0].paper.baseline == "unknown"
