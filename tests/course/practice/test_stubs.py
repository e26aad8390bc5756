"""Stubs are generated from solutions; nothing else in the notebook changes, by a byte."""

import json
import os

import pytest

from medtutor.course.chapter import load_chapter
from medtutor.course.practice.stubs import StubError, stale_stubs, stub_of, stubs, write_stubs

FUNCTION = '''def f(a,
      b):
    """What f does."""
    start = a       # given
    ### BEGIN SOLUTION
    if b:
        return start
    return b
    ### END SOLUTION

f(1, 2)'''

STUB = '''def f(a,
      b):
    """What f does."""
    start = a       # given
    return ...  # your code here

f(1, 2)'''


def test_answer_in_a_function_becomes_a_return():
    assert stub_of(FUNCTION) == STUB


def test_answer_that_ends_the_function_without_a_return():
    source = "def f(a):\n    ### BEGIN SOLUTION\n    a = 2 * a\n    ### END SOLUTION\n    return a"
    assert stub_of(source) == "def f(a):\n    return ...  # your code here\n    return a"


def test_answer_in_a_method():
    source = ("class Net:\n    def forward(self, x):\n        ### BEGIN SOLUTION\n"
              "        return x\n        ### END SOLUTION\n    def more(self):\n        return 1")
    assert "        return ...  # your code here\n    def more" in stub_of(source)


def test_answer_outside_a_function_names_what_is_assigned():
    source = "### BEGIN SOLUTION\na = 1\nb, c = a, 2\na = 3\n### END SOLUTION\nprint(a)"
    assert stub_of(source) == ("a = ...  # your code here\nb = ...  # your code here\n"
                               "c = ...  # your code here\nprint(a)")


def test_answer_below_a_function_is_outside_it():
    source = "def f():\n    return 1\n\n### BEGIN SOLUTION\nx = f()\n### END SOLUTION"
    assert stub_of(source) == "def f():\n    return 1\n\nx = ...  # your code here"


def test_two_answers():
    source = FUNCTION + "\n### BEGIN SOLUTION\nx = 1\n### END SOLUTION"
    assert stub_of(source) == STUB + "\nx = ...  # your code here"


def test_a_stub_runs_and_says_not_attempted():
    space = {}
    exec(stub_of(FUNCTION), space)
    assert space["f"](1, 2) is ...


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("x = 1", "wanted an answer between '### BEGIN SOLUTION' and"),
        ("### BEGIN SOLUTION\nx = 1", "line 1: '### BEGIN SOLUTION' without '### END SOLUTION'"),
        ("x = 1\n### END SOLUTION", "line 2: '### END SOLUTION' without its partner"),
        ("### BEGIN SOLUTION\n### BEGIN SOLUTION", "line 2: '### BEGIN SOLUTION' without its part"),
        ("### BEGIN SOLUTION\nprint(1)\n### END SOLUTION", "neither returns nor assigns a name"),
        ("### BEGIN SOLUTION\ndef f():\n    return 1\n### END SOLUTION", "the whole of f: put the"),
        ("def f(:", "the solution does not parse"),
    ],
)
def test_errors(source, says):
    with pytest.raises(StubError, match=says):
        stub_of(source)


@pytest.fixture
def chapter(tmp_path, repository):
    """A copy of chapter 00 to write into."""
    folder = tmp_path / "00_start_here"
    folder.mkdir()
    for file in (repository / "notebooks/00_start_here").glob("*.*"):
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    return load_chapter(folder)


def edit(file, change):
    text = file.read_text()
    assert change[0] in text
    file.write_text(text.replace(*change))


def test_all_current(chapter):
    assert stale_stubs(chapter) == []
    assert set(stubs(chapter)) == set(chapter.exercises)
    before = chapter.notebook.stat().st_mtime_ns
    assert write_stubs(chapter) == []
    assert chapter.notebook.stat().st_mtime_ns == before, "an unchanged file is left alone"


def test_changed_solution_is_stale_until_written(chapter):
    before = chapter.notebook.read_text()
    edit(chapter.solutions, ("Dice overlap of two boolean masks", "Dice of two masks, é ∩ ü"))
    assert stale_stubs(chapter) == ["dice_by_hand"]
    assert write_stubs(chapter) == ["dice_by_hand"]
    assert stale_stubs(chapter) == [] and write_stubs(chapter) == []
    after = chapter.notebook.read_text()
    assert after == before.replace("Dice overlap of two boolean masks", "Dice of two masks, é ∩ ü")


def test_a_students_answer_is_replaced_and_the_rest_kept(chapter):
    before = chapter.notebook.read_bytes()
    edit(chapter.notebook, ("predict_dice = ...  # your code here", "predict_dice = 0.4"))
    assert write_stubs(chapter) == ["predict_dice"]
    assert chapter.notebook.read_bytes() == before


@pytest.mark.parametrize(("indent", "ascii_only", "ending"), [(1, True, ""), (2, False, "\n")])
def test_the_way_it_is_written_stays(chapter, indent, ascii_only, ending):
    notebook = json.loads(chapter.notebook.read_text())
    text = json.dumps(notebook, indent=indent, ensure_ascii=ascii_only) + ending
    chapter.notebook.write_text(text.replace("return ...  # your", "return 1  # your"))
    assert len(write_stubs(chapter)) == 2
    assert chapter.notebook.read_text() == text


def test_nothing_is_lost_when_writing_fails(chapter, monkeypatch):
    edit(chapter.notebook, ("predict_dice = ...  # your code here", "predict_dice = 0.4"))
    before = chapter.notebook.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_stubs(chapter)
    assert chapter.notebook.read_bytes() == before
    assert not [file for file in chapter.folder.iterdir() if file.name.startswith(".")]


def test_notebook_errors(chapter):
    edit(chapter.notebook, ("exercise-predict_dice", "exercise-guess"))
    assert stale_stubs(chapter) == ["predict_dice", "guess"]
    with pytest.raises(StubError, match="00_start_here.ipynb has no code cell tagged exercise-pre"):
        write_stubs(chapter)
    edit(chapter.notebook, ("exercise-guess", "exercise-dice_by_hand"))
    with pytest.raises(StubError, match="two cells are tagged exercise-dice_by_hand"):
        stale_stubs(chapter)
    chapter.notebook.write_text("{ ")
    with pytest.raises(StubError, match="is not a notebook"):
        stale_stubs(chapter)
    chapter.notebook.write_text('{"cells":[]}')
    with pytest.raises(StubError, match="is not written as Jupyter writes it"):
        stale_stubs(chapter)
    edit(chapter.solutions, ("### END SOLUTION", "### END"))
    with pytest.raises(StubError, match="_solutions.ipynb, cell exercise-predict_dice: line 1"):
        stubs(chapter)
    chapter.solutions.unlink()
    with pytest.raises(StubError, match="there is no .*_solutions.ipynb"):
        stubs(chapter)
