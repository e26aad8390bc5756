"""Made images kept on disk: made once, read afterwards, made anew when the code has changed.

    made = cached(dermoscopy, 2000, seed=1)          # as dermoscopy(2000, seed=1)

An entry is found by a hash of the function, all its arguments, the source of its module and of the
modules which that imports, and the versions of the packages below. Entries lie in the user's cache
folder (``$MEDTUTOR_CACHE`` overrides it). Those used longest ago go when together they hold more
than 2 GB (``$MEDTUTOR_CACHE_LIMIT``, as "500 MB"; 0 keeps nothing). ``medtutor data cache list``
lists them.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np

_P, _T = ParamSpec("_P"), TypeVar("_T")
LIMIT = "2 GB"
ABANDONED = 24 * 3600.0
"""Seconds after which a half-written file is taken for one whose program was ended."""
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@dataclass(frozen=True)
class Entry:
    """A file of the cache.

    Attributes:
        path: of the file.
        call: the call that made it, shortened; empty where the file is damaged.
        bytes: its size.
        used: when it was written or last read, seconds since 1970.
    """

    path: Path
    call: str
    bytes: int
    used: float

    @property
    def name(self) -> str:
        """The function's name."""
        return self.path.name.rpartition("-")[0]


def cached(function: Callable[_P, _T], /, *args: _P.args, **parameters: _P.kwargs) -> _T:
    """Call a function, or read what the same call gave before.

    What is returned is the caller's own: changing it changes no entry. An entry that is damaged, or
    whose code has changed, is made again. Where the cache cannot be written, or the source was
    edited after this program had started (so that what is on disk is not what runs), the call is
    made, nothing is kept, and a warning says why.

    Args:
        function: of a module, whose result depends on nothing but its arguments: a phantom's
            ``draw_...``, ``render_...`` or the two in one. It returns arrays, DataFrames and
            dataclasses of these.
        args: its arguments; numbers, text, arrays, tables, dataclasses of these.
        parameters: its keyword arguments.

    Raises:
        TypeError: a function, argument or result of a kind that cannot be kept.
        ValueError: ``MEDTUTOR_CACHE_LIMIT`` is no size.
    """
    from medtutor.phantoms.cache_entries import DAMAGE, read_entry
    from medtutor.phantoms.cache_key import arguments_of, code_of, key_of

    arguments = arguments_of(function, args, parameters)
    limit = limit_bytes()
    code = code_of(function)
    key = key_of(function, code, arguments)
    if limit == 0:
        return function(*args, **parameters)
    if edited := code.changed_after(_started()):
        _warn(f"{edited} was changed after this program started: {function.__name__} is made "
              "without the cache; start the program or kernel anew")  # fmt: skip
        return function(*args, **parameters)
    path = cache_folder() / f"{function.__name__}-{key[:32]}.npz"
    try:
        value = read_entry(path, key, code.dataclass_of)
    except FileNotFoundError:
        pass
    except DAMAGE:
        _remove(path)
    else:
        with contextlib.suppress(OSError):
            os.utime(path)
        return value
    value = function(*args, **parameters)
    about = {"key": key, "call": _shortened(function.__name__, args, parameters)}
    _keep(path, value, about, limit, code.dataclass_of)
    return value


def cache_folder() -> Path:
    """The folder of the entries: below ``$MEDTUTOR_CACHE``, else below the user's cache."""
    if chosen := os.environ.get("MEDTUTOR_CACHE"):
        return Path(chosen).expanduser() / "phantoms"
    import platformdirs

    return Path(platformdirs.user_cache_dir("medtutor", appauthor=False)) / "phantoms"


def limit_bytes() -> int:
    """How much the entries may hold together: ``$MEDTUTOR_CACHE_LIMIT``, else 2 GB.

    Raises:
        ValueError: it is no size.
    """
    given = os.environ.get("MEDTUTOR_CACHE_LIMIT") or LIMIT
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kMGT]?B?)\s*", given, re.IGNORECASE)
    unit = match[2].upper() if match else ""
    if match is None or unit not in _UNITS:
        raise ValueError(
            f"MEDTUTOR_CACHE_LIMIT wanted a size as 500 MB, 2 GB or 0, given {given!r}"
        )
    return round(float(match[1]) * _UNITS[unit])


def entries() -> list[Entry]:
    """All entries, the one used last first; none where there is no cache."""
    from medtutor.phantoms.cache_entries import read_about

    found = [
        Entry(path, str(read_about(path).get("call", "")), size, used)
        for path, size, used in _files()
    ]
    return sorted(found, key=lambda entry: -entry.used)


def clear(name: str | None = None) -> list[Entry]:
    """Remove all entries, or those of one function; returns what was removed."""
    chosen = [entry for entry in entries() if name in (None, entry.name)]
    for entry in chosen:
        _remove(entry.path)
    _remove_abandoned()
    return chosen


def _keep(
    path: Path, value: Any, about: dict[str, Any], limit: int, classes: Callable[[str, str], type]
) -> None:
    """Write an entry under a temporary name, rename it, and make room for it."""
    from medtutor.phantoms.cache_entries import pack, unpack, write_entry

    arrays: list[np.ndarray] = []
    unpack(pack(value, arrays), arrays, classes)  # refused now rather than when it is read
    if sum(array.nbytes for array in arrays) > limit:
        return
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        with os.fdopen(handle, "wb") as file:
            write_entry(file, value, about)
        os.chmod(temporary, 0o444)  # an entry is never written to again
        os.replace(temporary, path)
        temporary = ""
        _make_room(limit)
    except OSError as error:
        _warn(f"the cache {path.parent} cannot be written ({error.strerror or error}): images are "
              "made each time; make room, or point MEDTUTOR_CACHE elsewhere")  # fmt: skip
    finally:
        if temporary:
            _remove(Path(temporary))


def _make_room(limit: int) -> None:
    """Remove entries, those used longest ago first, until the rest is within the limit."""
    files = sorted(_files(), key=lambda file: file[2])
    total = sum(size for _, size, _ in files)
    for path, size, _ in files:
        if total <= limit:
            break
        _remove(path)
        total -= size
    _remove_abandoned()


def _files() -> Iterator[tuple[Path, int, float]]:
    """Path, size and time of last use of each entry; what vanishes meanwhile is passed over."""
    for path in cache_folder().glob("*-*.npz"):
        with contextlib.suppress(OSError):
            found = path.stat()
            yield path, found.st_size, found.st_mtime


def _remove_abandoned() -> None:
    """Remove files that a program which was ended has left half written."""
    for path in cache_folder().glob(".*.part"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED:
                _remove(path)


def _remove(path: Path) -> None:
    """Remove a file, if another program has not: on some systems only after it may be written."""
    with contextlib.suppress(OSError):
        if os.name == "nt":
            os.chmod(path, 0o666)
        path.unlink(missing_ok=True)


def _started() -> float:
    """When this program started, seconds since 1970."""
    import psutil

    return float(psutil.Process().create_time())


def _shortened(name: str, args: tuple[Any, ...], parameters: dict[str, Any]) -> str:
    """The call as text for people, 120 characters at most."""
    parts = [_word(value) for value in args]
    parts += [f"{key}={_word(value)}" for key, value in parameters.items()]
    text = f"{name}({', '.join(parts)})"
    return text if len(text) <= 120 else f"{text[:117]}..."


def _word(value: Any) -> str:
    plain = (bool, int, float, str, tuple, list, type(None))
    return repr(value) if isinstance(value, plain) else f"<{type(value).__name__}>"


def _warn(text: str) -> None:
    warnings.warn(text, RuntimeWarning, stacklevel=3)
