"""Every check is proved: stub not attempted, solution passes, the typical mistakes fail.

The solutions notebook is run cell by cell in this process, so it has to be light: imports, then
one cell a solution. An exercise's function (or value) has the exercise's name.
"""

import linecache
import sys
import types

import nbformat
import pytest

from medtutor.course.chapter import list_chapters
from medtutor.course.exercises import exercises_of, judge_attempt
from medtutor.course.practice.stubs import TAG, stale_stubs, stubs

CHAPTERS = [chapter for chapter in list_chapters() if not chapter.draft]
EXERCISES = [(chapter, name) for chapter in CHAPTERS for name in chapter.exercises]
EACH = pytest.mark.parametrize(
    ("chapter", "name"), EXERCISES, ids=[f"{chapter.name}-{name}" for chapter, name in EXERCISES]
)
_spaces = {}


def cells(chapter):
    notebook = nbformat.read(chapter.solutions, 4)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell):
    return [tag.removeprefix(TAG) for tag in cell.metadata.get("tags", []) if tag.startswith(TAG)]


def run(cell_source, space, title):
    linecache.cache[title] = (len(cell_source), None, cell_source.splitlines(True), title)
    exec(compile(cell_source, title, "exec"), space)


def solved(chapter):
    """The names that the solutions notebook defines, run once."""
    if chapter.name not in _spaces:
        module = types.ModuleType(f"solutions_of_{chapter.name}")
        sys.modules[module.__name__] = module
        for number, cell in enumerate(cells(chapter)):
            run(cell.source, module.__dict__, f"<{chapter.name} solutions, cell {number}>")
        _spaces[chapter.name] = module.__dict__
    return _spaces[chapter.name]


@pytest.fixture(autouse=True)
def in_the_chapters_folder(chapter, monkeypatch):
    monkeypatch.chdir(chapter.folder)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_stubs_are_current(chapter):
    assert stale_stubs(chapter) == [], f"run: medtutor check {chapter.number} --write"
    assert set(stubs(chapter)) == set(chapter.exercises)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_solutions_are_stored_without_outputs(chapter):
    assert not any(cell.outputs or cell.execution_count for cell in cells(chapter))


@EACH
def test_solution_passes(chapter, name):
    result = judge_attempt(exercises_of(chapter)[name], solved(chapter)[name])
    assert result.passed, repr(result)


@EACH
def test_stub_is_not_attempted(chapter, name):
    space = dict(solved(chapter))
    run(stubs(chapter)[name], space, f"<{chapter.name} stub of {name}>")
    result = judge_attempt(exercises_of(chapter)[name], space[name])
    assert result.status == "not attempted", repr(result)


@EACH
def test_two_typical_mistakes_fail_with_a_hint(chapter, name):
    exercise = exercises_of(chapter)[name]
    assert len(exercise.mistakes) >= 2
    for number, mistake in enumerate(exercise.mistakes):
        result = judge_attempt(exercise, mistake)
        assert result.status == "differs", f"mistake {number}: {result!r}"
        assert result.hint and result.says, f"mistake {number}"


@EACH
def test_reference_passes_its_own_check(chapter, name):
    exercise = exercises_of(chapter)[name]
    attempt = exercise.reference if exercise.cases else exercise.reference()
    assert judge_attempt(exercise, attempt).passed


@EACH
def test_a_build_has_more_than_one_case(chapter, name):
    exercise = exercises_of(chapter)[name]
    assert exercise.kind != "build" or len(exercise.cases) >= 2
