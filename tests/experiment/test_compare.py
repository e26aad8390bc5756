import json

import numpy as np
import pandas as pd
import pytest
import torch

from medtutor.experiment.compare import ArmFailed, Comparison, UnequalBudget, compare
from medtutor.experiment.outcome import Outcome, load_outcome, save_outcome
from medtutor.experiment.training_state import History


def draws(shift):
    """An arm that draws from every global generator, to see whether order leaks into it."""

    def arm(seed):
        import random

        values = [torch.rand(1).item(), np.random.rand(), random.random()]  # noqa: NPY002
        return Outcome(
            {"dice": sum(values) + shift},
            cases={"dice": [v + shift for v in values]},
            parameters=10, steps=5, images_seen=80, seconds=0.5,
            extra={"picture": np.eye(2), "threads": torch.get_num_threads()},
        )  # fmt: skip

    return arm


ARMS = {"ours / new": draws(1), "theirs": draws(0)}


def same(a, b):
    assert a.seeds == b.seeds and a.arms == b.arms
    for arm in a.arms:
        for seed in a.seeds:
            one, two = a.outcome(arm, seed), b.outcome(arm, seed)
            assert (one.scores, one.cases) == (two.scores, two.cases)
            np.testing.assert_array_equal(one.extra["picture"], two.extra["picture"])


def test_serial_parallel_and_order_agree():
    serial = compare(ARMS, [3, 1, 2], workers=1)
    same(serial, compare(ARMS, [3, 1, 2], workers=2))
    assert serial.outcome("theirs", 1).extra["threads"] == 1
    backwards = compare(dict(reversed(ARMS.items())), [2, 1, 3], workers=1)
    for arm in ARMS:
        for seed in (1, 2, 3):
            assert serial.outcome(arm, seed).scores == backwards.outcome(arm, seed).scores
    # Arms are paired: the same seed gives them the same global draws.
    difference = np.subtract(serial.values("ours / new", "dice"), serial.values("theirs", "dice"))
    np.testing.assert_allclose(difference, 1)
    assert len(set(serial.values("theirs", "dice"))) == 3


def test_global_generators_are_left_alone():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    compare(ARMS, [0], workers=1)
    assert torch.equal(state, torch.get_rng_state())


def test_tables():
    outcomes = {
        "a": [Outcome({"dice": d}, {"dice": [d, d]}, 100, 10, 160, 1.5) for d in (0.5, 0.7)],
        "b": [Outcome({"dice": d, "x": 1}, {"dice": [d]}, 100, 10, 160, 2.5) for d in (0.6, 0.6)],
    }
    comparison = Comparison(outcomes, [0, 1])
    assert comparison.metrics == ["dice"]
    table = comparison.table("dice")
    assert isinstance(table, pd.DataFrame)
    # mean .6; sample deviation of .5 and .7: sqrt(2 * .01 / 1) = .141
    assert table.loc["a"].tolist() == [0.6, 0.141] and table.loc["b"].tolist() == [0.6, 0.0]
    assert comparison.cases("a", "dice").tolist() == [[0.5, 0.5], [0.7, 0.7]]
    budget = comparison.budget()
    assert budget.loc["a"].tolist() == [100, 10, 160, 1.5]
    assert budget["parameters"].dtype.kind == "i"
    for text in ("2 arms", "[0, 1]", "0.6", "images seen"):
        assert text in repr(comparison)
    assert comparison._repr_html_().count("<table") == 2
    assert np.isnan(Comparison({"a": outcomes["a"][:1]}, [0]).table().loc["a", ("dice", "sd")])
    for wrong in (
        lambda: comparison.values("c", "dice"),
        lambda: comparison.values("a", "hd95"),
        lambda: comparison.outcome("a", 9),
    ):
        with pytest.raises(KeyError, match="there are"):
            wrong()


def test_equal_budget():
    def comparison(**more):
        same = dict(parameters=1000, steps=10, images_seen=160)
        return Comparison({"a": [Outcome({}, **same)], "b": [Outcome({}, **{**same, **more})]}, [7])

    comparison().require_equal_budget()
    comparison(seconds=99).require_equal_budget("a", "b")  # time depends on the machine
    with pytest.raises(UnequalBudget, match="parameters differ at seed 7: a 1,000, b 1,050"):
        comparison(parameters=1050).require_equal_budget()
    comparison(parameters=1050).require_equal_budget(within=0.05)
    with pytest.raises(UnequalBudget, match="images seen differ at seed 7: a 160, b 320"):
        comparison(images_seen=320).require_equal_budget("a", "b")


def failing(seed):
    if seed == 2:
        raise ZeroDivisionError("no voxels")
    return Outcome({"dice": 1.0})


@pytest.mark.parametrize("workers", [1, 2])
def test_an_arm_that_raises_is_named(workers, tmp_path):
    with pytest.raises(ArmFailed, match=r"(?s)arm 'bad' failed at seed 2.*no voxels"):
        compare({"good": draws(0), "bad": failing}, [1, 2], workers=workers, cache=tmp_path)
    if workers == 1:
        assert (tmp_path / "bad/seed_1.npz").exists()  # what was finished is kept
    with pytest.raises(ArmFailed, match="must return an Outcome; got float"):
        compare({"odd": lambda seed: 0.5}, [0], workers=1)


def test_cache_resumes(tmp_path):
    calls = []

    def counted(seed):
        calls.append(seed)
        return ARMS["theirs"](seed)

    first = compare({"a": counted}, [0, 1], workers=1, cache=tmp_path)
    again = compare({"a": counted}, [0, 1, 2], workers=1, cache=tmp_path)
    assert calls == [0, 1, 2]
    assert again.values("a", "dice")[:2] == first.values("a", "dice")
    same(again, compare({"a": counted}, [0, 1, 2], workers=1))
    compare({"a": counted}, [0], workers=1, cache=tmp_path, cache_key="other parameters")
    assert calls == [0, 1, 2, 0, 1, 2, 0]
    (tmp_path / "a/seed_1.npz").write_bytes(b"PK half a file")
    with pytest.warns(UserWarning, match=r"seed_1\.npz cannot be read .*running it again"):
        compare({"a": counted}, [1], workers=1, cache=tmp_path)
    assert calls[-1] == 1 and not list(tmp_path.glob("**/.*"))


def test_outcomes_travel_without_pickle(tmp_path):
    outcome = Outcome(
        {"dice": np.float32(0.5)},
        cases={"dice": np.array([0.25, 0.75])},
        extra={
            "history": History(3, 48, 0.5, [1.0, 0.5], [(3, 0.9)], 3),
            "picture": torch.ones(2, 2, dtype=torch.bfloat16),
            "nested": [{"mask": np.array([True, False])}, None, "text", float("inf")],
        },
    )
    save_outcome(tmp_path / "x.npz", outcome, {"arm": "a"})
    back, about = load_outcome(tmp_path / "x.npz")
    assert about == {"arm": "a"} and back.scores == {"dice": 0.5}
    assert back.extra["history"]["train_loss"] == [1.0, 0.5]
    assert back.extra["picture"].dtype == np.float32
    assert back.extra["nested"][0]["mask"].tolist() == [True, False]
    assert back.extra["nested"][1:] == [None, "text", float("inf")]
    with np.load(tmp_path / "x.npz", allow_pickle=False) as stored:
        assert json.loads(str(stored["json"]))["outcome"]["scores"] == {"dice": 0.5}
    with pytest.raises(TypeError, match=r"outcome\.extra\.net must be a number"):
        Outcome({}, extra={"net": torch.nn.Linear(1, 1)}).plain()


def test_errors():
    with pytest.raises(ValueError, match="different seeds"):
        compare(ARMS, [1, 1])
    with pytest.raises(ValueError, match="wanted arms"):
        compare({}, [1])
    with pytest.raises(ValueError, match="workers must be 1 or more; got 0"):
        compare(ARMS, [1], workers=0)

    import threading

    lock = threading.Lock()
    with pytest.raises(TypeError, match="'locked' cannot be sent .*workers=1"):
        compare({"locked": lambda seed: lock}, [0, 1], workers=2)
