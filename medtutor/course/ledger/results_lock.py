"""One writer at a time: the lock that a results file is written under."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from medtutor.course.writing import NotWritten

_PATIENCE = 60.0            # seconds to wait for another writer; a write takes milliseconds


@contextmanager
def one_writer(path: Path) -> Iterator[None]:
    """Hold the lock of a results file. The system frees it when the holder ends, however it ends.

    Raises:
        NotWritten: the lock cannot be made, or another writer holds it for a minute.
    """
    lock = path.with_name(f".{path.name}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = _locked(lock)
    except OSError as error:
        raise NotWritten(
            error.errno,
            f"wanted to write {path}, its lock {lock} could not be taken: "
            f"{error.strerror or error}; what was there before is untouched: wait until no other "
            "run writes this chapter, or change the folder, then run again",
        ) from error
    try:
        yield
    finally:
        with suppress(OSError):
            lock.unlink()               # while it is held, so that no two writers hold two files
        os.close(handle)


def _locked(lock: Path) -> int:
    """Open the lock file and hold it; start over if its holder has removed it meanwhile."""
    give_up = time.monotonic() + _PATIENCE
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _take(handle)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), lock.stat()):
                    return handle
        except BlockingIOError:
            if time.monotonic() > give_up:
                os.close(handle)
                raise TimeoutError(0, f"held by another writer for {_PATIENCE:g} s") from None
            time.sleep(0.01)
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _take(handle: int) -> None:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(error.errno, error.strerror) from None

else:
    import fcntl

    def _take(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
