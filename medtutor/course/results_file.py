"""Writing a file of results so that nothing is lost: one writer at a time, whole or not at all."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PATIENCE = 60.0            # seconds to wait for another writer; a write takes milliseconds


class ResultsNotWritten(OSError):
    """The results could not be written; the file that stood there is unchanged."""


def write_whole(path: Path, text: str) -> None:
    """Write a file beside its place and rename it: readers see the old file or the new one.

    Raises:
        ResultsNotWritten: the disk is full, read-only, or the like; the old file is unchanged.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        state = "the file there is unchanged" if path.exists() else "no file was left there"
        raise ResultsNotWritten(
            f"{path}: the results were not written ({error.strerror or error}); {state}. Make room "
            "or choose another folder (--results), then run again"
        ) from error


@contextmanager
def one_writer(path: Path) -> Iterator[None]:
    """Hold the lock of a results file. The system frees it when the holder ends, however it ends.

    Raises:
        ResultsNotWritten: the lock cannot be made, or another writer holds it for a minute.
    """
    lock = path.with_name(f".{path.name}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = _locked(lock)
    except OSError as error:
        raise ResultsNotWritten(
            f"{path}: the results were not written, their lock {lock} could not be taken "
            f"({error.strerror or error}). Is another run writing the same chapter?"
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
