import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtutor.experiment.split import split


def test_hand_value():
    train, valid, test = split(10, (0.6, 0.2, 0.2), seed=0)
    assert [len(train), len(valid), len(test)] == [6, 2, 2]
    assert sorted([*train, *valid, *test]) == list(range(10))
    assert len(split(10, (0.5,), seed=0)[0]) == 5  # the rest is not used
    assert [p.tolist() for p in split(10, seed=0)] == [p.tolist() for p in split(10, seed=0)]
    assert split(100, seed=0)[0].tolist() != split(100, seed=1)[0].tolist()


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=12, max_size=40),
    seed=st.integers(0, 1000),
    grouped=st.booleans(),
)
def test_disjoint_and_whole_groups(sizes, seed, grouped):
    groups = [name for name, size in enumerate(sizes) for _ in range(size)]
    parts = split(len(groups), (0.5, 0.25, 0.25), seed=seed, groups=groups if grouped else None)
    everyone = np.concatenate(parts)
    assert len(everyone) == len(set(everyone)) == len(groups)
    for part, share in zip(parts, (0.5, 0.25, 0.25), strict=True):
        assert abs(len(part) - share * len(groups)) <= (max(sizes) if grouped else 1)
        assert (np.diff(part) > 0).all()
    if grouped:
        patients = [{groups[i] for i in part} for part in parts]
        assert not (
            patients[0] & patients[1] | patients[0] & patients[2] | patients[1] & patients[2]
        )


def test_every_case_can_come_to_every_part():
    hits = np.zeros((3, 10))
    for seed in range(300):
        for row, part in zip(hits, split(10, seed=seed), strict=True):
            row[part] += 1
    # 300 draws at .6, .2, .2: within five standard deviations of 180, 60, 60.
    for row, expected, sd in zip(hits, (180, 60, 60), (8.5, 7, 7), strict=True):
        assert (abs(row - expected) < 5 * sd).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (dict(count=10, fractions=(0.8, 0.3)), "sum to at most 1"),
        (dict(count=10, fractions=(0.5, 0)), "above 0"),
        (dict(count=10, fractions=()), "above 0"),
        (dict(count=2), "would be empty"),
        (dict(count=10, groups=["a"] * 10), "1 groups do not fill 3 parts"),
        (dict(count=10, groups=["a", "b"]), "each of 10 cases; got 2"),
    ],
)
def test_errors(arguments, words):
    with pytest.raises(ValueError, match=words):
        split(**arguments)
