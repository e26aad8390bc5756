"""A new chapter keeps the contract from its first minute, and is made whole or not at all."""

import pytest

from medtutor.course import new
from medtutor.course.chapter import load_chapter
from medtutor.course.contract import violations
from medtutor.course.exercises import exercises_of, judge_attempt
from medtutor.course.new import NotPossible, make_chapter


def test_a_new_chapter_keeps_the_contract(tiny):
    folder = make_chapter(25, "heat_maps", "architectures")
    assert sorted(path.name for path in folder.iterdir()) == [
        "25_heat_maps.ipynb",
        "25_heat_maps_solutions.ipynb",
        "chapter.yml",
        "exercises.py",
    ]
    chapter = load_chapter(25)
    assert (chapter.title, chapter.part, chapter.draft) == ("Heat maps", "architectures", True)
    assert violations(chapter) == []


def test_its_exercise_is_a_working_example(tiny):
    make_chapter(25, "heat_maps")
    (exercise,) = exercises_of(load_chapter(25)).values()
    assert judge_attempt(exercise, ...).status == "not attempted"
    assert judge_attempt(exercise, 1.0).status == "passed"
    assert [judge_attempt(exercise, wrong).status for wrong in exercise.mistakes] == ["differs"] * 2


def test_part_of_the_chapter_before(tiny):
    tiny.chapter(number=9, name="nine")                 # its part is layers
    assert load_chapter(make_chapter(8, "eight")).part == "opening"
    assert load_chapter(make_chapter(25, "heat_maps")).part == "layers"


@pytest.mark.parametrize(
    ("number", "topic", "part", "message"),
    [
        (14, "other", None, "wanted number and name not taken, given 14_tiny's"),
        (15, "tiny", None, "wanted number and name not taken, given 14_tiny's"),
        (16, "other", None, "given that of the folder 16_left_over"),
        (100, "other", None, "number: wanted one from 0 to 99, given 100"),
        (-1, "other", None, "number: wanted one from 0 to 99, given -1"),
        (15, "Heat Maps", None, "given 'Heat Maps': did you mean 'heat_maps'"),
        (15, "../heat", None, "name: wanted one like combo_loss"),
        (15, "", None, "name: wanted one like combo_loss"),
        (15, "heat__maps", None, "did you mean 'heat_maps'"),
        (15, "heat", "layer", "part: wanted one of opening.* did you mean 'layers'"),
        (15, "heat", "start", "part: wanted one of opening"),
    ],
)
def test_refused(tiny, number, topic, part, message):
    tiny.chapter()
    (tiny.root / "notebooks/16_left_over").mkdir()
    with pytest.raises(NotPossible, match=message):
        make_chapter(number, topic, part)
    assert sorted(path.name for path in (tiny.root / "notebooks").iterdir()) == [
        "14_tiny", "16_left_over"
    ]


def test_nothing_half_made(tiny, monkeypatch):
    def full(path, text):
        if path.name.endswith("_solutions.ipynb"):
            raise OSError("no space left")
        path.write_text(text)

    monkeypatch.setattr(new, "replace_text", full)
    with pytest.raises(OSError, match="no space"):
        make_chapter(25, "heat_maps")
    assert list((tiny.root / "notebooks").iterdir()) == []
