"""Peak memory is that of one call: not what was there, not what compiling or earlier calls took."""

import os
import time

import numpy as np
import pytest

from benchmarks.measuring.forked import CAN_FORK, ChildFailed, in_a_copy
from benchmarks.measuring.memory import peak_mb

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="not run: memory is measured on Linux only")


def test_a_call_that_makes_and_drops_arrays():
    held = np.ones(4_000_000)                   # 32 MB that were there before

    def call():
        first = held + 1                        # 32 MB
        second = first + held                   # 32 MB beside it: the peak
        del first
        return second[:10].copy()               # 80 bytes are returned

    call()                                      # what this freed must not hide what is measured
    assert peak_mb(call, "cpu", 0.1) == pytest.approx(64, abs=3)


def test_a_call_that_needs_nothing():
    held = np.ones(4_000_000)
    assert peak_mb(lambda: held.__iadd__(1), "cpu", 0.1) < 2


def test_what_a_first_call_takes_does_not_count():
    kept = []

    def call():
        if not kept:
            kept.append(np.ones(4_000_000))     # as compiling would

    assert peak_mb(call, "cpu", 0.1) < 2


def test_a_copy_answers_and_leaves_no_trace():
    here = []
    assert in_a_copy(lambda: here.append(1) or [os.getpid(), 2.5], 10)[1] == 2.5
    assert here == []


@pytest.mark.parametrize(("work", "said"), [
    (lambda: 1 / 0, "ZeroDivisionError: division by zero"),
    (lambda: time.sleep(60), "took longer than 0 s"),
    (lambda: os._exit(7), "died with exit code 7"),
    (lambda: object(), "TypeError"),
])
def test_a_copy_that_fails_says_how(work, said):
    with pytest.raises(ChildFailed, match=said):
        in_a_copy(work, 0.3)
