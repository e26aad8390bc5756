"""No process of a run outlives it: neither when it ends, nor when its runner is killed."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator

import psutil

_GRACE = 3.0        # seconds for joblib's resource tracker to remove its temporary files

# Waits for its standard input to end. "done" on it: all is well. Nothing on it: the runner is gone,
# by whatever signal, and the kernel's process group goes too.
_WATCH = """
import os, signal, sys
if not sys.stdin.readline():
    try:
        os.killpg(int(sys.argv[1]), signal.SIGKILL)
    except OSError:
        pass
"""


@contextlib.contextmanager
def ends_with_this_process(group: int) -> Iterator[None]:
    """See to it that a process group ends when this process does, even by SIGKILL.

    ipykernel looks for its parent by itself, but the workers that a kernel started do not; a pipe
    held open by this process tells a watching one the moment it is gone.
    """
    if os.name != "posix":
        yield
        return
    watcher = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _WATCH, str(group)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        assert watcher.stdin is not None
        with contextlib.suppress(OSError):
            watcher.stdin.write(b"done\n")
            watcher.stdin.close()
        watcher.wait()


def end_tree(processes: Iterable[psutil.Process]) -> None:
    """End a kernel and its workers: first those asked, in a moment those that did not listen."""
    left = _asked(processes, "terminate")
    _, left = psutil.wait_procs(left, timeout=_GRACE)
    _, left = psutil.wait_procs(_asked(left, "kill"), timeout=_GRACE)


@contextlib.contextmanager
def termination_is_an_exit() -> Iterator[None]:
    """Turn SIGTERM into ``SystemExit(143)``, so that what must be cleaned up is.

    Only in the main thread, where Python lets signal handlers be set; elsewhere nothing changes.
    """

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    try:
        before = signal.signal(signal.SIGTERM, leave)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _asked(processes: Iterable[psutil.Process], how: str) -> list[psutil.Process]:
    asked = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            getattr(process, how)()
            asked.append(process)
    return asked
