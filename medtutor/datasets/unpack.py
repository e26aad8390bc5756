"""Unpacking an archive without trust: nothing outside its folder, no links, no bombs.

Every name is looked at before the first byte is written; sizes are counted while writing, because
an archive's own words about them are not to be believed. Archives inside an archive stay files.
"""

from __future__ import annotations

import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from medtutor.datasets.download import FetchFailed

BLOCK = 1 << 18
LITTER = ("__MACOSX/", "._", ".DS_Store", "Thumbs.db")
BROKEN = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError,
    NotImplementedError, RuntimeError, UnicodeError,
)  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """What an archive may grow to.

    Attributes:
        files: number of files.
        bytes: all files together.
        ratio: bytes written for a byte of the archive; judged from ``ratio_from`` bytes on.
        ratio_from: below it, a small text may be as compressible as it likes.
    """

    files: int = 500_000
    bytes: int = 500_000_000_000
    ratio: float = 200
    ratio_from: int = 20_000_000


class _Written:
    """Counts what was written and stops at the limits."""

    def __init__(self, archive: Path, limits: Limits):
        self.archive, self.limits, self.bytes = archive, limits, 0
        self.packed = max(archive.stat().st_size, 1)

    def more(self, count: int) -> None:
        self.bytes += count
        if self.bytes > self.limits.bytes:
            self._stop(f"holds more than {self.limits.bytes} bytes")
        if self.bytes > max(self.limits.ratio_from, self.limits.ratio * self.packed):
            self._stop(f"grows to more than {self.limits.ratio:g} times its size")

    def _stop(self, text: str) -> None:
        raise FetchFailed(f"{self.archive.name}: refused, it {text} when unpacked")


def unpack(archive: Path, into: Path, limits: Limits = Limits()) -> int:  # noqa: B008
    """Unpack a zip or tar archive into a folder.

    Args:
        archive: the file.
        into: the folder; made where it is not there. Nothing in it is written over.
        limits: size and number of files; see :class:`Limits`.

    Returns:
        How many files were written.

    Raises:
        FetchFailed: broken, too large, or it names a place outside its folder, a link or a device.
    """
    try:
        if zipfile.is_zipfile(archive):
            members = _zip_members
        elif tarfile.is_tarfile(archive):
            members = _tar_members
        else:
            raise FetchFailed(f"{archive.name}: wanted a zip or tar archive, this is neither")
        written = _Written(archive, limits)
        files = 0
        for name, source in members(archive, into, limits):
            _write(source, into / name, written)
            files += 1
        return files
    except BROKEN as error:
        if isinstance(error, FetchFailed):
            raise
        raise FetchFailed(f"{archive.name}: broken, cannot be unpacked ({error})") from error


def _zip_members(archive: Path, into: Path, limits: Limits) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as zipped:
        infos = zipped.infolist()
        for info in infos:
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise FetchFailed(f"{archive.name}: holds a link or device, {info.filename}")
        files = [info for info in infos if not info.is_dir()]
        names = _checked(archive, [info.filename for info in infos], len(files), limits)
        _room_for(into, sum(info.file_size for info in files), archive)
        for info in files:
            if name := names[info.filename]:
                with zipped.open(info) as source:
                    yield name, source


def _tar_members(archive: Path, into: Path, limits: Limits) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(archive) as tarred:
        members = []
        announced = _Written(archive, limits)
        for member in tarred:  # headers; the first that would pass a limit ends it
            members.append(member)
            announced.more(member.size)
            if not (member.isfile() or member.isdir()) or member.issparse():
                raise FetchFailed(f"{archive.name}: holds a link or device, {member.name}")
            if len(members) > 2 * limits.files:
                break
        files = [member for member in members if member.isfile()]
        names = _checked(archive, [member.name for member in members], len(files), limits)
        _room_for(into, sum(member.size for member in files), archive)
        for member in files:
            source = tarred.extractfile(member)
            if source is not None and (name := names[member.name]):
                yield name, source


def _checked(archive: Path, names: list[str], files: int, limits: Limits) -> dict[str, str]:
    """Name in the archive -> name below the folder, "" for litter of file managers."""
    if files > limits.files:
        raise FetchFailed(f"{archive.name}: refused, it holds more than {limits.files} files")
    checked = {}
    for name in names:
        for path in (PurePosixPath(name), PureWindowsPath(name)):
            if path.is_absolute() or path.drive or path.root or ".." in path.parts:
                raise FetchFailed(
                    f"{archive.name}: refused, it would write outside its folder ({name})"
                )
        if "\0" in name or any(ord(sign) < 32 for sign in name):
            raise FetchFailed(f"{archive.name}: refused, a name holds control signs ({name!r})")
        plain = str(PurePosixPath(name.replace("\\", "/")))
        litter = plain.startswith(LITTER[0]) or PurePosixPath(plain).name.startswith(LITTER[1:])
        checked[name] = "" if litter else plain
    return checked


def _write(source: IO[bytes], to: Path, written: _Written) -> None:
    """Copy one file, never over another."""
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with to.open("xb") as out:
            while block := source.read(BLOCK):
                written.more(len(block))
                out.write(block)
    except (FileExistsError, NotADirectoryError) as error:
        raise FetchFailed(
            f"{written.archive.name}: refused, two files in it want the place {to.name}"
        ) from error


def _room_for(into: Path, wanted: int, archive: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(into).free
    if wanted > free:
        raise FetchFailed(
            f"{wanted / 1e9:.2f} GB wanted to unpack {archive.name}, {free / 1e9:.2f} GB are free "
            f"at {into}"
        )
