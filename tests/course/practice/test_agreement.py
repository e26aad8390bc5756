"""Values agree within a tolerance, and a difference is said in one sentence."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medtutor.course.practice.agreement import brief, difference, kind

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("mine", "expected"),
    [
        (0.1 + 0.2, 0.3),
        (1, 1.0),
        (np.float32(0.5), 0.5),
        (torch.tensor(0.5), 0.5),
        (1e9 + 10, 1e9),                            # relative where the number exceeds one
        (True, np.bool_(True)),
        (NAN, NAN),
        (INF, INF),
        ("left", "left"),
        (None, None),
        ([1, 2], (1, 2)),
        ({"a": [1.0]}, {"a": (1,)}),
        (np.zeros((0, 2)), np.zeros((0, 2))),
        (np.array([1, 2]), np.array([1.0, 2.0])),
        (np.array([True, False]), np.array([1, 0])),
        (torch.tensor([1.0, NAN], requires_grad=True), torch.tensor([1.0, NAN])),
        (torch.tensor([1.0]), np.array([1.0])),
    ],
)
def test_agree(mine, expected):
    assert difference(mine, expected) is None


@pytest.mark.parametrize(
    ("mine", "expected", "says"),
    [
        (0.5, 0.25, "wanted 0.25, given 0.5"),
        (-INF, INF, "wanted inf, given -inf"),
        (1.0, INF, "wanted inf, given 1"),
        (NAN, 1.0, "it is NaN: a division by zero, or a logarithm of zero?"),
        (None, 1.0, "wanted a number, given None: is there a `return`?"),
        ("1", 1, "wanted a number, given a text, '1'"),
        (1, "1", "wanted a text, given a number, 1"),
        (abs, 1, "wanted a number, given a function"),
        ([1, 2], 1, "wanted a number, given a list, [1, 2]"),
        ([1.0], np.array([1.0]), "wanted an array of shape (1,), given a list, [1.0]"),
        (np.zeros((2, 3)), np.zeros((3, 2)),
         "wanted an array of shape (3, 2), given an array of shape (2, 3)"),
        (0.0, np.zeros(2), "wanted an array of shape (2,), given a number"),
        (np.zeros(2), torch.zeros(2), "wanted a tensor of shape (2,), given an array of"),
        (np.array([1, NAN, NAN]), np.ones(3), "2 of 3 values are NaN"),
        (np.array([1, 2, 4]), np.array([1, 3, 5]),
         "2 of 3 values differ; the first at [1]: wanted 3, given 2"),
        (torch.eye(2), torch.ones(2, 2), "the first at [0, 1]: wanted 1, given 0"),
        ((1, 2), (1, 3), "at position 1: wanted 3, given 2"),
        ((1,), (1, 3), "wanted 2 values, given 1"),
        ("ab", ["a", "b"], "wanted a list, given a text"),
        ((1, ...), (1, 2), "at position 1: a part is still `...`"),
        ({"a": 1}, {"a": 1, "b": 2}, "the dictionary lacks 'b'"),
        ({"a": 1, "c": 2}, {"a": 1}, "the dictionary has, beyond what is wanted, 'c'"),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "at 'a': at 'b': wanted 2, given 1"),
        (1, {"a": 1}, "wanted a dictionary, given a number"),
        ("left", "right", "wanted 'right', given 'left'"),
        ({1}, {1, 2}, "wanted {1, 2}, given {1}"),
    ],
)
def test_differ(mine, expected, says):
    assert says in difference(mine, expected)


def test_tolerance_is_obeyed():
    assert difference(1.0009, 1.0, tolerance=1e-3) is None
    assert difference(1.0011, 1.0, tolerance=1e-3)
    assert difference(0.0011, 0.0, tolerance=1e-3)      # absolute below one


def test_whole_numbers_beyond_the_tolerance_differ():
    assert difference(np.array([3]), np.array([4]))


def test_brief_is_brief():
    assert brief(1 / 3) == "0.333333333" and brief(np.int64(3)) == "3"
    assert "..." in brief(np.arange(1000)) and len(brief(np.arange(1000))) < 100
    assert len(brief("x" * 1000)) <= 240
    assert brief(torch.ones(2, requires_grad=True)) == "tensor([1., 1.])"


def test_kind():
    assert [kind(x) for x in (True, 2, np.zeros(2), (1,), None, len)] == [
        "True or False", "a number", "an array of shape (2,)", "a tuple", "None", "a function"]


numbers = st.floats(-1e6, 1e6) | st.integers(-1000, 1000)
values = st.recursive(numbers | st.text() | st.booleans(),
                      lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(values)
def test_everything_agrees_with_itself(value):
    assert difference(value, value) is None


@given(numbers, st.floats(1.1e-3, 1e3))
def test_a_gap_above_the_tolerance_is_seen(number, gap):
    assert difference(number + gap * max(1, abs(number)), number, tolerance=1e-3)
