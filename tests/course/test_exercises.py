"""`check`: passed, not attempted, or the smallest case that differs; errors told kindly."""

import sys
import types

import numpy as np
import pytest
import torch

from medtutor.course.chapter import load_chapter
from medtutor.course.exercises import (
    Exercise,
    ExerciseError,
    check,
    exercises_of,
    judge_attempt,
)
from medtutor.course.practice.answer import CheckResult


def exercise(reference, cases, **more):
    given = {"name": "mean_of", "kind": "build", "hint": "add, then divide", "mistakes": []}
    return Exercise(reference=reference, cases=cases, **{**given, **more})


MEAN = exercise(np.mean, [(np.arange(6.0),), (np.array([2.0]),), (np.array([1.0, 3.0]),)])


def test_passed():
    result = judge_attempt(MEAN, lambda x: x.sum() / x.size)
    assert result.passed and result and result.status == "passed" and result.cases == 3
    assert result.headline.startswith("✓ mean_of: passed on 3 cases. ")
    assert repr(result) == result.headline


def test_smallest_case_that_differs():
    result = judge_attempt(MEAN, lambda x: x.sum())
    assert result.status == "differs" and not result
    assert result.case == "mean_of(array([1., 3.]))"
    assert (result.mine, result.expected) == ("4", "2")
    assert result.says == "wanted 2, given 4" and result.hint == "add, then divide"
    assert "expected  2" in repr(result) and "hint      add, then" in repr(result)


@pytest.mark.parametrize("attempt", [..., lambda x: ...])
def test_not_attempted(attempt):
    result = judge_attempt(MEAN, attempt)
    assert result.status == "not attempted" and not result.passed
    assert "not attempted. Replace the ..." in result.headline and not result.rows


def test_a_value_is_asked_for_and_not_given_away():
    predict = exercise(lambda: 0.4, [], tolerance=0.01)
    assert judge_attempt(predict, 0.4).passed
    assert judge_attempt(predict, ...).status == "not attempted"
    wrong = judge_attempt(predict, 0.25)
    assert wrong.status == "differs" and wrong.says == "not this value"
    assert "0.4" not in repr(wrong) and wrong.hint
    assert judge_attempt(predict, "0.4").says == "wanted a number, given a text"


def test_an_error_is_told_with_its_line():
    def attempt(x):
        total = 0
        for value in x:
            total += value
        return total / zero  # noqa: F821

    result = judge_attempt(MEAN, attempt)
    assert result.status == "error" and result.expected == "2"
    assert result.says == ("it raised NameError: name 'zero' is not defined, in line 5 from its "
                           "`def`: return total / zero  # noqa: F821")
    assert result.case == "mean_of(array([2.]))"


def test_an_error_deep_in_a_library_names_the_students_line():
    def attempt(x):
        return np.reshape(x, (7, 7))

    assert "in line 2 from its `def`: return np.reshape" in judge_attempt(MEAN, attempt).says


def test_wrong_arguments_are_told_before_anything_runs():
    result = judge_attempt(MEAN, lambda: 1)
    assert result.says.startswith("it is called with 1 argument, but too many positional")
    assert judge_attempt(MEAN, 2.0).says.startswith("wanted a function, given 2")


def test_an_attempt_cannot_change_the_cases():
    def vandal(x):
        x *= 0
        return x.sum()

    original = np.array([1.0, 3.0])
    one = exercise(np.mean, [(original,)])
    assert not judge_attempt(one, vandal).passed
    assert original.tolist() == [1.0, 3.0]
    result = judge_attempt(one, vandal)
    assert result.case == "mean_of(array([1., 3.]))" and result.expected == "2"


def test_cases_by_name_nested_and_made_anew():
    drawn = exercise(
        lambda x, weights: (x * weights["w"]).sum(),
        [{"x": torch.ones(2, requires_grad=True) * 2, "weights": {"w": 3}},
         lambda: (torch.randn(3, generator=torch.Generator().manual_seed(0)), {"w": 1})],
    )
    assert judge_attempt(drawn, lambda x, weights: (weights["w"] * x).sum()).cases == 2
    wrong = judge_attempt(drawn, lambda x, weights: x.sum())
    assert wrong.case == "mean_of(x=tensor([2., 2.]), weights={'w': 3})"


def test_keyboard_interrupt_is_the_students_own():
    def stop(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge_attempt(MEAN, stop)


def test_pages_are_escaped():
    result = CheckResult("name", "differs", case="f('<b>')", mine="<i>", hint="a < b & c")
    page = result._repr_mimebundle_()["text/html"]
    assert "<b>" not in page and "&lt;i&gt;" in page and "a &lt; b &amp; c" in page
    assert result._repr_mimebundle_()["text/plain"] == repr(result)


@pytest.fixture
def chapter(tmp_path, monkeypatch, repository):
    """A copy of chapter 00 whose exercises may be broken."""
    folder = tmp_path / "notebooks/00_start_here"
    folder.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("")
    for name in ("chapter.yml", "exercises.py", "00_start_here.ipynb"):
        (folder / name).write_text((repository / "notebooks/00_start_here" / name).read_text())
    monkeypatch.chdir(folder)
    return load_chapter(folder)


def test_check_finds_the_chapter(chapter, monkeypatch):
    assert check("predict_dice", 0.4).passed                    # by the folder we work in
    assert check("predict_dice", 0.4, chapter=0).passed
    assert check("predict_dice", 0.4, chapter=chapter).passed
    monkeypatch.chdir("/")
    monkeypatch.setitem(sys.modules, "__main__", types.SimpleNamespace(chapter=chapter))
    assert check("predict_dice", 0.4).passed                    # by the notebook's variable


def test_unknown_exercise_lists_known_ones(chapter):
    with pytest.raises(ExerciseError, match="no exercise 'dise'; it has predict_dice, best_thres"):
        check("dise", 1)


def test_broken_exercises_are_told(chapter):
    file = chapter.folder / "exercises.py"
    text = file.read_text()
    file.write_text(text.replace('name="predict_dice"', 'name="guess"'))
    with pytest.raises(ExerciseError, match="that chapter.yml lists, predict_dice.*given guess"):
        exercises_of(chapter)
    file.write_text("EXERCISES = 3")
    with pytest.raises(ExerciseError, match="wanted EXERCISES, a list of Exercise, given 3"):
        exercises_of(chapter)
    file.unlink()
    with pytest.raises(ExerciseError, match="has no exercises: there is no "):
        exercises_of(chapter)
