"""Do something in a copy of this process: what was prepared is there, what it does is not kept."""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
import warnings
from collections.abc import Callable
from typing import Any

CAN_FORK = sys.platform == "linux"


class ChildFailed(RuntimeError):
    """The copy raised, was killed or took too long; the message says which."""


def in_a_copy(work: Callable[[], Any], most_seconds: float) -> Any:
    """Return what `work` returns, plain data, from a forked process.

    Raises:
        ChildFailed: it did not answer within `most_seconds`, or died.
    """
    read, write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    gc.collect()
    gc.freeze()         # the copy's own collections need not look at what is here: much faster
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)     # idle threads are known to be there
        child = os.fork()
    if child == 0:
        _answer(work, write)
    gc.unfreeze()
    os.close(write)
    try:
        told = _read(read, most_seconds)
    except ChildFailed:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        os.close(read)
        _, status = os.waitpid(child, 0)
    if not told:
        raise ChildFailed(f"died with exit code {os.waitstatus_to_exitcode(status)}")
    answer = json.loads(told)
    if "error" in answer:
        raise ChildFailed(answer["error"])
    return answer["value"]


def _answer(work: Callable[[], Any], pipe: int) -> None:
    """Run in the child: tell the answer and end, past everything that a normal end would run."""
    try:
        try:
            told = json.dumps({"value": work()})
        except BaseException as error:
            told = json.dumps({"error": f"{type(error).__name__}: {error}"[:10_000]})
        os.write(pipe, told.encode())
    finally:
        os._exit(0)


def _read(pipe: int, most_seconds: float) -> bytes:
    ready, _, _ = select.select([pipe], [], [], most_seconds)
    if not ready:
        raise ChildFailed(f"took longer than {most_seconds:.0f} s")
    return os.read(pipe, 1 << 16)       # a pipe holds as much, and gives what was written at once
