"""One file from its address: resumed where it was cut, mirrors in turn, length and digest checked.

What has come stands in ``NAME.part`` with a note ``NAME.part.json`` beside it (address, ETag,
total). The next try asks for the rest (``Range``), on condition that the file is still the same one
(``If-Range``); a server that knows no ranges, or has another file by now, sends it whole, and the
part is written anew. ``NAME`` itself exists only when it is complete and right.
"""

from __future__ import annotations

import errno
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import urllib3
from tqdm.auto import tqdm

from medtutor.datasets.checksums import differs
from medtutor.datasets.registry import DataFile

BLOCK = 1 << 18
PAGE = b"<!doctype html", b"<html"


class FetchFailed(RuntimeError):
    """A data set could not be put in place; the message says why and what to do."""


class _Again(Exception):
    """This try failed; another may do better."""


class _NotHere(Exception):
    """This address will not do; a mirror may."""


@dataclass(frozen=True)
class Patience:
    """How long and how often to try.

    Attributes:
        tries: at one address. A try that brought something does not count.
        wait: seconds before the second try; doubles each time, at most a minute.
        connect: seconds until a server must answer.
        read: seconds of silence after which a connection counts as cut.
    """

    tries: int = 5
    wait: float = 1.0
    connect: float = 20.0
    read: float = 60.0


def download(
    file: DataFile,
    to: Path,
    patience: Patience = Patience(),  # noqa: B008  frozen
    tell: Callable[[str], None] = print,
) -> Path:
    """Fetch one file into a folder, or take it as it is where it is there, whole and right.

    Args:
        file: addresses, and size and digest where they are known.
        to: the folder; what is left of an earlier try is taken up.
        patience: tries, pauses and time limits.
        tell: is given a line for each try that failed.

    Returns:
        The path of the file.

    Raises:
        FetchFailed: no address gave it; says each one's reason and what is kept.
    """
    to.mkdir(parents=True, exist_ok=True)
    whole, part = to / file.name, to / f"{file.name}.part"
    if whole.exists():
        if not (file.digest and differs(whole, file.digest)):
            return whole
        whole.unlink()
    reasons = []
    for url in (file.url, *file.mirrors):
        try:
            _try_often(url, file, part, patience, tell)
        except _NotHere as reason:
            reasons.append(f"{url}: {reason}")
            tell(f"{url}: {reason}")
            continue
        _note(part).unlink(missing_ok=True)
        part.replace(whole)
        return whole
    raise FetchFailed(f"{file.name} could not be fetched:\n  " + "\n  ".join(reasons) + _kept(part))


def _try_often(
    url: str, file: DataFile, part: Path, patience: Patience, tell: Callable[[str], None]
) -> None:
    failed, pause, most = 0, patience.wait, _size(part)
    while True:
        try:
            resumed = _try_once(url, file, part, patience)
            if file.digest and (found := differs(part, file.digest)):
                _forget(part)
                text = f"checksum wanted {file.digest}, found {found}"
                if resumed:  # perhaps pieced together from two files: once more from the start
                    raise _Again(text)
                raise _NotHere(f"{text}: the owner has changed the file, or it is not the file")
            return
        except (_Again, requests.ConnectionError, requests.Timeout) as error:
            gained, most = _size(part) > most, max(most, _size(part))
            failed = 0 if gained else failed + 1
            pause = patience.wait if gained else min(2 * pause, 60.0)
            if failed >= patience.tries:
                raise _NotHere(f"{_short(error)} (tried {patience.tries} times)") from error
            tell(f"{file.name}: {_short(error)}; {_size(part)} bytes are here, trying again")
            time.sleep(pause)
        except requests.RequestException as error:
            raise _NotHere(_short(error)) from error


def _try_once(url: str, file: DataFile, part: Path, patience: Patience) -> bool:
    """One request; True where it went on with an earlier part. Returns when all is there."""
    have, note = _size(part), _read_note(part)
    ask = {"Accept-Encoding": "identity"}
    if have and _may_resume(url, note, file):
        ask["Range"] = f"bytes={have}-"
        if url == note.get("url") and note.get("validator"):
            ask["If-Range"] = note["validator"]
    with requests.get(
        url, headers=ask, stream=True, timeout=(patience.connect, patience.read)
    ) as answer:
        total = _total(answer)
        resumed = answer.status_code == 206
        if answer.status_code == 416:
            if have and have == total:
                return True
            _forget(part)
            raise _Again("the server has another file than before")
        if answer.status_code in (408, 425, 429) or answer.status_code >= 500:
            raise _Again(f"the server answered {answer.status_code} {answer.reason}")
        if answer.status_code not in (200, 206):
            raise _NotHere(f"the server answered {answer.status_code} {answer.reason}")
        if resumed and not _goes_on(answer, have, note.get("total")):
            _forget(part)
            raise _Again("the server sent another piece than was asked for")
        if file.bytes is not None and total not in (None, file.bytes):
            raise _NotHere(f"{file.bytes} bytes wanted, the server has {total}")
        start = have if resumed else 0
        _room_for(part.parent, (total or start) - start)
        if not resumed:
            _write_note(part, url, answer.headers, total)
        try:
            _receive(answer, part, start, total, file.name)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise _Again("the server fell silent") from error
        except urllib3.exceptions.HTTPError as error:
            raise _Again(f"the connection was cut at {_size(part)} of {total} bytes") from error
    have = _size(part)
    if total is not None and have < total:
        raise _Again(f"the connection was cut at {have} of {total} bytes")
    if (wanted := total if total is not None else file.bytes) is not None and have != wanted:
        _forget(part)
        raise _Again(f"{wanted} bytes wanted, {have} came")
    _refuse_page(part, file.name)
    return resumed


def _receive(
    answer: requests.Response, part: Path, start: int, total: int | None, name: str
) -> None:
    with (
        part.open("r+b" if start else "wb") as out,
        tqdm(
            total=total, initial=start, unit="B", unit_scale=True, desc=name,
            leave=False, disable=None,  # no bar where nobody watches
        ) as bar,  # fmt: skip
    ):
        out.seek(start)
        out.truncate()
        try:
            while block := answer.raw.read(BLOCK):  # as it is: nothing decompressed on the way
                out.write(block)
                bar.update(len(block))
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise FetchFailed(f"the disk is full: {error}{_kept(part)}") from error
            raise


def _may_resume(url: str, note: Mapping[str, Any], file: DataFile) -> bool:
    """A part is gone on with where the server can tell, or a digest will tell, that it fits."""
    return bool(file.digest or (url == note.get("url") and note.get("validator")))


def _goes_on(answer: requests.Response, have: int, total: int | None) -> bool:
    """Whether a 206 begins where the part ends, and is of a file as long as before."""
    said = answer.headers.get("Content-Range", "")
    return said.startswith(f"bytes {have}-") and total in (None, _total(answer))


def _total(answer: requests.Response) -> int | None:
    if said := answer.headers.get("Content-Range"):
        length = said.rpartition("/")[2]
    else:
        length = answer.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


def _room_for(place: Path, wanted: int) -> None:
    free = shutil.disk_usage(place).free
    if wanted > free:
        raise FetchFailed(
            f"{wanted / 1e9:.2f} GB wanted for the download, {free / 1e9:.2f} GB free at {place}"
        )


def _refuse_page(part: Path, name: str) -> None:
    """A page for people in place of the file: a login, or a notice that it has moved."""
    with part.open("rb") as file:
        begin = file.read(64).lstrip().lower()
    if begin.startswith(PAGE) and not name.endswith((".html", ".htm")):
        _forget(part)
        raise _NotHere("a web page came instead of the file: it may want a login, or have moved")


def _note(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _write_note(part: Path, url: str, headers: Mapping[str, str], total: int | None) -> None:
    etag = headers.get("ETag", "")
    validator = etag if etag and not etag.startswith("W/") else headers.get("Last-Modified", "")
    note = {"url": url, "validator": validator, "total": total}
    part.unlink(missing_ok=True)  # the note must never speak of an older part
    _note(part).write_text(json.dumps(note), encoding="utf-8")


def _read_note(part: Path) -> dict[str, Any]:
    try:
        note = json.loads(_note(part).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _kept(part: Path) -> str:
    if have := _size(part):
        return f"\n  {have} bytes are kept in {part}; the same command goes on from there"
    return ""


def _short(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "the server did not answer in time"
    if isinstance(error, requests.ConnectionError):
        return f"no connection ({str(error)[:150]})"
    return str(error)
