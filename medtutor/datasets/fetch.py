"""Put a data set in its place: fetch, verify, unpack beside the target, check, rename last.

Whatever goes wrong, and wherever it is interrupted, the target folder is either complete or not
there. Archives that name a place outside their folder are refused before a byte is unpacked.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Sized
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from tqdm.auto import tqdm

from medtutor.datasets.places import DatasetDamaged, data_root
from medtutor.datasets.registry import Facts


class FetchFailed(RuntimeError):
    """The data set could not be put in place; the message holds the whole manual way."""


class Source(NamedTuple):
    """Where an archive is fetched from and what its digest must be."""

    url: str
    algorithm: str
    digest: str


def install(
    about: Facts,
    reader: Callable[[Path], Sized],
    *,
    source: Source | None = None,
    archive: Path | None = None,
) -> Path:
    """Put one data set where :func:`medtutor.datasets.folder` finds it.

    Args:
        about: its facts; ``about.cases`` is how many cases must be inside.
        reader: opens an unpacked folder and raises DatasetDamaged where it is not right.
        source: where to download from, and the digest the archive must have.
        archive: an archive already on this machine, instead of the download. Checked against the
            digest too, where there is one.

    Returns:
        The folder of the data set.

    Raises:
        FetchFailed: says what went wrong and the manual way. Nothing is left behind.
    """
    target = data_root() / about.folders[0]
    if target.exists():
        raise FetchFailed(f"{target} is there already: delete it first to have it made anew")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{about.name}-", dir=target.parent) as beside:
            if archive is None:
                if source is None:
                    raise FetchFailed("neither an archive nor a source was given")
                archive = Path(beside) / PurePosixPath(source.url).name
                download(source.url, archive)
            if source is not None:
                verify(archive, source)
            unpacked = Path(beside) / "unpacked"
            unpack(archive, unpacked)
            inner = _holding(unpacked, about.holds[0])
            cases = len(reader(inner))
            if cases != about.cases:
                raise FetchFailed(f"wanted {about.cases} cases in the archive, found {cases}")
            os.replace(inner, target)
    except (FetchFailed, DatasetDamaged, OSError) as error:
        raise FetchFailed(f"{error}\n{manual_way(about, source, target)}") from error
    return target


def manual_way(about: Facts, source: Source | None, target: Path) -> str:
    """Address, digest, folder and next command, for doing it by hand."""
    address = source.url if source else f"{about.where_to_get} ({about.landing_page})"
    digest = f"{source.algorithm}:{source.digest}" if source else "none published"
    command = f"python data_scripts/get_{about.name}.py ARCHIVE"
    return (
        "by hand:\n"
        f"    fetch in a browser:  {address}\n"
        f"    its checksum:        {digest}\n"
        f"    then:                {command}\n"
        f"    or unpack yourself:  so that {target} holds {', '.join(about.holds[0])}"
    )


def download(url: str, to: Path) -> None:
    """Fetch ``url`` into the file ``to``, with a progress bar."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, to.open("wb") as out:
            size = int(answer.headers.get("Content-Length") or 0) or None
            with tqdm(total=size, unit="B", unit_scale=True, desc=to.name, leave=False) as bar:
                while block := answer.read(1 << 20):
                    out.write(block)
                    bar.update(len(block))
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise FetchFailed(f"{url} could not be fetched: {error}") from error


def verify(archive: Path, source: Source) -> None:
    """Raise FetchFailed where the archive does not have the digest it must have."""
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, source.algorithm).hexdigest()
    if found != source.digest:
        raise FetchFailed(
            f"{archive.name}: {source.algorithm} wanted {source.digest}, found {found}: "
            "the download is incomplete, or the owner has changed the file"
        )


def unpack(archive: Path, into: Path) -> None:
    """Unpack a zip or tar archive; one that would write outside ``into`` is refused whole."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            _refuse_escapes(zipped.namelist(), archive)
            if broken := zipped.testzip():
                raise FetchFailed(f"{archive.name}: {broken} inside it is broken")
            zipped.extractall(into)
    elif tarfile.is_tarfile(archive):
        try:
            with tarfile.open(archive) as tarred:
                members = tarred.getmembers()
                _refuse_escapes([member.name for member in members], archive)
                if links := [m.name for m in members if not (m.isfile() or m.isdir())]:
                    raise FetchFailed(f"{archive.name}: holds a link or device, {links[0]}")
                tarred.extractall(into, filter="data")
        except (tarfile.TarError, EOFError) as error:
            raise FetchFailed(f"{archive.name}: cannot be unpacked ({error})") from error
    else:
        raise FetchFailed(f"{archive.name}: wanted a zip or tar archive, this is neither")


def _refuse_escapes(names: list[str], archive: Path) -> None:
    for name in names:
        for path in (PurePosixPath(name), PureWindowsPath(name)):
            if path.is_absolute() or path.drive or ".." in path.parts:
                raise FetchFailed(
                    f"{archive.name}: refused, it would write outside its folder ({name})"
                )


def _holding(unpacked: Path, wanted: tuple[str, ...]) -> Path:
    """The folder, at most two levels down, that holds the wanted ones."""
    for place in (unpacked, *sorted(unpacked.glob("*")), *sorted(unpacked.glob("*/*"))):
        if all((place / name).is_dir() for name in wanted):
            return place
    raise FetchFailed(f"the archive wants the folders {', '.join(wanted)} inside; they are not")
