"""Files appear whole or not at all."""

import contextlib
import os
import tempfile
from pathlib import Path


class NotWritten(OSError):
    """A file could not be written; what stood there before still stands."""


def replace_text(path: Path, text: str) -> None:
    """Write a text file through a temporary one beside it, so that no reader sees half of it.

    Raises:
        NotWritten: no space, no right, no folder. The old file, if there was one, is untouched.
    """
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise not_written(path, error) from error
        raise


def not_written(path: Path, error: OSError) -> NotWritten:
    """Return the error that says what was not written, why, and that nothing was lost."""
    return NotWritten(
        f"wanted to write {path}: {error.strerror or error}; what was there before is untouched: "
        "make room or change the folder, then run again",
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
