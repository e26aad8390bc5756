"""Slabs cover the loop once, threads and forks do no harm, errors come through."""

import os
import threading

import numba
import numpy as np
import pytest
import torch

from medtutor.kernels.threads import in_slabs


@numba.njit(nogil=True)
def _count(first, last, seen):
    for i in range(first, last):
        seen[i] += 1
    return last - first


@pytest.fixture(params=[1, 2, 3])
def torch_threads(request):
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(1)


@pytest.mark.parametrize("length", [0, 1, 2, 7, 100])
def test_each_index_is_visited_once(torch_threads, length):
    seen = np.zeros(length, np.int64)
    done = in_slabs(_count, length, seen, work=1 << 20)
    assert (seen == 1).all()
    assert sum(done) == length
    assert len(done) == max(1, min(torch_threads, length))


def test_little_work_takes_one_call(torch_threads):
    assert len(in_slabs(_count, 10, np.zeros(10, np.int64), work=10)) == 1


def test_several_callers_at_once(torch_threads):
    totals = np.zeros((4, 1000), np.int64)
    callers = [threading.Thread(target=in_slabs, args=(_count, 1000, row), kwargs={"work": 1 << 20})
               for row in totals]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert (totals == 1).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="not run: this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_its_own_threads():
    torch.set_num_threads(2)
    try:
        in_slabs(_count, 100, np.zeros(100, np.int64), work=1 << 20)
        child = os.fork()
        if child == 0:
            seen = np.zeros(100, np.int64)
            in_slabs(_count, 100, seen, work=1 << 20)
            os._exit(0 if (seen == 1).all() else 1)
        assert os.waitpid(child, 0)[1] == 0
    finally:
        torch.set_num_threads(1)


def test_an_error_in_a_slab_is_raised(torch_threads):
    def fails(first, last):
        if last == 100:
            raise ZeroDivisionError("in the last slab")

    with pytest.raises(ZeroDivisionError, match="last slab"):
        in_slabs(fails, 100, work=1 << 20)
