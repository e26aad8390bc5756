"""What a person has already: the owner's files, one archive, or the unpacked set; never moved.

Copied rather than linked, so that a finished set stays whole when the original goes; who has no
room for two names the folder above the original in ``$MEDTUTOR_DATA``, or uses ``--link``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from medtutor.datasets.checksums import differs
from medtutor.datasets.download import FetchFailed
from medtutor.datasets.places import is_inside, layouts
from medtutor.datasets.registry import DataFile, Facts


class Own(NamedTuple):
    """What was found."""

    files: list[tuple[DataFile, Path]]
    """The owner's files, checked against their digests."""
    unpacked: Path | None
    """The unpacked set, where it is that."""


def own_copy(about: Facts, files: Collection[DataFile], given: Path) -> Own:
    """Find in a file or folder what the set can be made from.

    Raises:
        FetchFailed: it holds neither the owner's files nor the set, or a digest is wrong.
    """
    if not given.exists():
        raise FetchFailed(f"{given}: no such file or folder")
    if given.is_dir():
        found = [(file, given / file.name) for file in files if (given / file.name).is_file()]
        unpacked = None if found and len(found) == len(files) else find_layout(given, about)
        if len(found) < len(files) and unpacked is None:
            absent = [file.name for file in files if not (given / file.name).is_file()]
            raise FetchFailed(
                f"{given} holds neither the unpacked set ({layouts(about)}) nor all of the owner's "
                f"files; absent: {', '.join(absent)}"
            )
        if not found and unpacked is None:
            raise FetchFailed(f"{given}: wanted inside {layouts(about)}; found {listed(given)}")
    else:
        found, unpacked = [(_file_for(about, files, given), given)], None
    for file, path in found:
        if file.digest and (other := differs(path, file.digest)):
            raise FetchFailed(
                f"{path.name}: checksum wanted {file.digest}, found {other}: the download is "
                "incomplete, or the owner has changed the file"
            )
    return Own(found, unpacked)


def _file_for(about: Facts, files: Collection[DataFile], given: Path) -> DataFile:
    """The entry of the registry that a single file stands for."""
    known = {file.name: file for file in files}
    if given.name in known:
        return known[given.name]
    if len(files) == 1:  # under another name, packed by somebody else: its content is checked
        unsigned = {"name": given.name, "checksum": "none published", "bytes": None}
        return next(iter(files)).model_copy(update=unsigned)
    return DataFile(url=given.name, name=given.name)


def find_layout(place: Path, about: Facts) -> Path | None:
    """The folder, at most two levels down, that holds one of the set's layouts."""
    below = [p for p in (*sorted(place.glob("*")), *sorted(place.glob("*/*"))) if p.is_dir()]
    return next((p for p in (place, *below) if is_inside(p, about)), None)


def layout(place: Path, about: Facts) -> Path:
    """As :func:`find_layout`; FetchFailed says what was wanted and what is there."""
    if inner := find_layout(place, about):
        return inner
    raise FetchFailed(f"wanted inside: {layouts(about)}; found {listed(place)}")


def listed(place: Path) -> str:
    """The first names in a folder."""
    names = sorted(p.name for p in place.iterdir()) if place.is_dir() else []
    return (", ".join(names[:8]) + (", ..." if len(names) > 8 else "")) or "nothing"


def copy_folder(place: Path, to: Path, linked: bool = False) -> None:
    """Copy a folder, after a look at the free space; ``linked``: without taking any."""
    wanted = sum(p.stat().st_size for p in place.rglob("*") if p.is_file())
    free = shutil.disk_usage(to.parent).free
    if wanted > free and not linked:
        raise FetchFailed(
            f"{wanted / 1e9:.2f} GB wanted to copy {place}, {free / 1e9:.2f} GB are free; "
            "--link points to it instead"
        )

    def hard_link(source: str, copy: str) -> None:
        try:
            os.link(source, copy)
        except OSError:
            shutil.copy2(source, copy)

    shutil.copytree(place, to, copy_function=hard_link if linked else shutil.copy2)
