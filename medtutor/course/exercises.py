"""Exercises: `check` runs an attempt on cases of growing size and answers at once.

A chapter's ``exercises.py`` holds ``EXERCISES``, a list of `Exercise`. The answer to an attempt is
"passed", "not attempted", or the smallest case that differs, with mine, expected and a hint.
"""

from __future__ import annotations

import importlib.util
import inspect
import linecache
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from medtutor.course.chapter import Chapter, load_chapter
from medtutor.course.practice.agreement import brief, difference, kind
from medtutor.course.practice.answer import CheckResult

__all__ = ["CheckResult", "Exercise", "ExerciseError", "check", "exercises_of", "judge_attempt"]

# Arguments by position, by name, or a function that makes either anew (for what cannot be copied).
Case = tuple[Any, ...] | Mapping[str, Any] | Callable[[], Any]


class ExerciseError(ValueError):
    """An exercise is not there, or a chapter's ``exercises.py`` is wrong; the message says how."""


@dataclass(frozen=True)
class Exercise:
    """One exercise and how an attempt at it is judged.

    Attributes:
        name: also the name of the function (or value) that the student writes.
        kind: read (predict a value), change (turn a knob), build (rewrite the method).
        reference: a function that is right; called without arguments where the attempt is a value.
        hint: what to think about, shown with the first difference.
        mistakes: two or more typical wrong attempts, which the tests hold must fail.
        cases: the inputs; empty where the attempt is a value, not a function.
        tolerance: how far numbers may be off, relative where they exceed one.
    """

    name: str
    kind: Literal["read", "change", "build"]
    reference: Callable[..., Any]
    hint: str
    mistakes: Sequence[Any]
    cases: Sequence[Case] = ()
    tolerance: float = 1e-6


def check(
    name: str, attempt: Any, chapter: Chapter | int | str | Path | None = None
) -> CheckResult:
    """Judge an attempt at an exercise.

    Args:
        name: the exercise's name, as in the notebook.
        attempt: the student's function, or value where one is asked for.
        chapter: number, name or folder; by default the notebook's ``chapter``, as its Setup cell
            loads it, else the chapter in whose folder we work.
    """
    if chapter is None:
        chapter = getattr(sys.modules["__main__"], "chapter", None)
    home = chapter if isinstance(chapter, Chapter) else load_chapter(chapter)
    known = exercises_of(home)
    if name not in known:
        raise ExerciseError(f"{home.name} has no exercise {name!r}; it has {', '.join(known)}")
    return judge_attempt(known[name], attempt)


def exercises_of(chapter: Chapter) -> dict[str, Exercise]:
    """Return the exercises of a chapter by name, read afresh from its ``exercises.py``."""
    file = chapter.folder / "exercises.py"
    if not file.is_file():
        raise ExerciseError(f"{chapter.name} has no exercises: there is no {file}")
    spec = importlib.util.spec_from_file_location(f"exercises_of_{chapter.name}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    listed = getattr(module, "EXERCISES", None)
    if not isinstance(listed, list) or not all(isinstance(one, Exercise) for one in listed):
        raise ExerciseError(f"{file}: wanted EXERCISES, a list of Exercise, given {brief(listed)}")
    names = [one.name for one in listed]
    if sorted(names) != sorted(chapter.exercises):
        raise ExerciseError(
            f"{file}: wanted the exercises that chapter.yml lists, {', '.join(chapter.exercises)}; "
            f"given {', '.join(names)}"
        )
    return {one.name: one for one in listed}


def judge_attempt(exercise: Exercise, attempt: Any) -> CheckResult:
    """Judge an attempt: every case is run on copies, the smallest that differs is reported."""
    if attempt is Ellipsis:
        return CheckResult(exercise.name, "not attempted")
    if not exercise.cases:
        return _judge_value(exercise, attempt)
    if not callable(attempt):
        return CheckResult(
            exercise.name,
            "differs",
            says=f"wanted a function, given {brief(attempt)}: pass {exercise.name} without ( )",
        )
    made = [_arguments(case) for case in exercise.cases]
    order = sorted(range(len(made)), key=lambda i: _size(made[i]))
    for number in order:
        result = _judge_case(exercise, attempt, exercise.cases[number])
        if result is not None:
            return result
    return CheckResult(exercise.name, "passed", cases=len(made))


def _judge_value(exercise: Exercise, attempt: Any) -> CheckResult:
    expected = exercise.reference()
    if difference(attempt, expected, exercise.tolerance) is None:
        return CheckResult(exercise.name, "passed", cases=1)
    said = "not this value"     # which one stays unsaid: the exercise is to predict it
    if kind(attempt) != kind(expected):
        said = f"wanted {kind(expected)}, given {kind(attempt)}"
    return CheckResult(
        exercise.name, "differs", mine=brief(attempt), says=said, hint=exercise.hint
    )


def _judge_case(exercise: Exercise, attempt: Any, case: Case) -> CheckResult | None:
    given, shown = _arguments(case), _arguments(case)
    if (complaint := _cannot_take(attempt, given)) is not None:
        return CheckResult(exercise.name, "differs", says=complaint, hint=exercise.hint)
    case_text = _call_text(exercise.name, shown)
    reference = _arguments(case)
    expected = exercise.reference(*reference[0], **reference[1])
    try:
        mine = attempt(*given[0], **given[1])
    except Exception as error:
        return CheckResult(
            exercise.name,
            "error",
            case=case_text,
            expected=brief(expected),
            says=_where(error, attempt),
            hint=exercise.hint,
        )
    if mine is Ellipsis:
        return CheckResult(exercise.name, "not attempted")
    said = difference(mine, expected, exercise.tolerance)
    if said is None:
        return None
    return CheckResult(
        exercise.name,
        "differs",
        case=case_text,
        mine=brief(mine),
        expected=brief(expected),
        says=said,
        hint=exercise.hint,
    )


def _arguments(case: Case) -> tuple[tuple[Any, ...], dict[str, Any]]:
    made: Any = case() if callable(case) else _copied(case)
    return ((), dict(made)) if isinstance(made, Mapping) else (tuple(made), {})


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_copied(item) for item in value)
    if hasattr(value, "detach") and hasattr(value, "clone"):     # a tensor, perhaps not a leaf
        return value.detach().clone().requires_grad_(value.requires_grad)
    return deepcopy(value)


def _size(arguments: Any) -> int:
    if isinstance(arguments, Mapping):
        return sum(_size(item) for item in arguments.values())
    if isinstance(arguments, tuple | list):
        return sum(_size(item) for item in arguments)
    shape = getattr(arguments, "shape", None)
    return int(np.prod(shape)) if isinstance(shape, tuple) else 1


def _cannot_take(attempt: Any, given: tuple[tuple[Any, ...], dict[str, Any]]) -> str | None:
    try:
        signature = inspect.signature(attempt)
    except (TypeError, ValueError):     # some built-in functions do not tell theirs
        return None
    try:
        signature.bind(*given[0], **given[1])
    except TypeError as error:
        count = len(given[0]) + len(given[1])
        return f"it is called with {count} argument{'s' * (count != 1)}, but {error}"
    return None


def _call_text(name: str, arguments: tuple[tuple[Any, ...], dict[str, Any]]) -> str:
    parts = [brief(value) for value in arguments[0]]
    parts += [f"{key}={brief(value)}" for key, value in arguments[1].items()]
    return f"{name}({', '.join(parts)})"


def _where(error: Exception, attempt: Any) -> str:
    """What was raised, and the deepest line of the student's own file that led there."""
    said = traceback.format_exception_only(error)[-1].strip()
    code = getattr(inspect.unwrap(attempt), "__code__", None)
    if code is None:
        return f"it raised {said}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == code.co_filename and frame.lineno is not None:
            line = linecache.getline(frame.filename, frame.lineno).strip()
            number = frame.lineno - code.co_firstlineno + 1
            return f"it raised {said}, in line {number} from its `def`: {line}".rstrip(": ")
    return f"it raised {said}"
