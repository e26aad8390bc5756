"""Put a data set in its place: fetch or take over, verify, unpack beside, check, rename last.

Whatever goes wrong, and wherever it is interrupted, the set's folder is either complete or not
there. Downloads stand in ``.downloads/NAME`` until the set is finished, so that the same command
goes on where it stopped. A lock lets one process at a time work on a set; a second one waits, and
finds it done.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from medtutor.datasets.checksums import SUMS, checksum, write_sums
from medtutor.datasets.download import FetchFailed, Patience, download
from medtutor.datasets.finished import MARKER, read_marker, write_marker
from medtutor.datasets.labelled_set import LabelledSet
from medtutor.datasets.own_copy import copy_folder, layout, own_copy
from medtutor.datasets.places import DatasetDamaged, data_root, is_inside, layouts
from medtutor.datasets.registry import DataFile, Facts
from medtutor.datasets.unpack import Limits, unpack

__all__ = ["FetchFailed", "Means", "install", "manual_way"]


@dataclass(frozen=True)
class Means:
    """How to go about it: patience with servers, limits of archives, who is told."""

    patience: Patience = Patience()
    limits: Limits = Limits()
    tell: Callable[[str], None] = field(default_factory=lambda: print)


def install(
    about: Facts,
    *,
    given: Path | None = None,
    only: Collection[str] = (),
    link: bool = False,
    means: Means = Means(),  # noqa: B008  frozen
) -> Path:
    """Put one data set where :func:`medtutor.datasets.folder` finds it.

    Args:
        about: its facts.
        given: what a person has already, instead of the download: a folder with the set in it, a
            folder with the owner's files, or one archive. Copied, never moved.
        only: parts of the set, where it has parts; all by default. Parts can be added later.
        link: with a given folder: point to it instead of copying it.
        means: patience, limits, and what is told.

    Returns:
        The folder of the data set.

    Raises:
        FetchFailed: says what went wrong, what is kept, and the manual way. The set's folder is
            as it was before.
    """
    files = _chosen(about, only)
    target = data_root() / about.folders[0]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(about, means):
            _undo_half_a_replacement(target, about)
            if _is_there(target, about, files if about.parts else ()):
                return target
            if link:
                return _linked(target, about, given)
            staging = target.parent / f".{about.name}.unpacking"
            shutil.rmtree(staging, ignore_errors=True)  # of a process that was killed
            try:
                _fill(staging, about, files, given, target, means)
                _replace(staging, target, about)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
            shutil.rmtree(_downloads(about), ignore_errors=True)
    except (FetchFailed, DatasetDamaged, OSError) as error:
        raise FetchFailed(f"{error}\n{manual_way(about, files, target)}{_kept(about)}") from error
    return target


def manual_way(about: Facts, files: Collection[DataFile], target: Path) -> str:
    """Addresses, digests, folder and next command, for doing it by hand."""
    lines = ["by hand:"]
    for file in files if about.access == "download" else ():
        lines.append(f"    fetch in a browser:  {file.url}")
        lines.append(f"    its checksum:        {file.checksum}")
    if about.files and not about.address_checked:
        lines.append("    (these addresses are from memory; the landing page has the right ones)")
    lines += [
        f"    where to get it:     {about.where_to_get}",
        f"                         {about.landing_page}",
        f"    then:                medtutor data get {about.name} --from FOLDER_OR_ARCHIVE",
        f"    or unpack yourself:  so that {target} holds {layouts(about)}",
    ]
    return "\n".join(lines)


def _chosen(about: Facts, only: Collection[str]) -> tuple[DataFile, ...]:
    if unknown := sorted(set(only) - set(about.parts)):
        known = ", ".join(about.parts) or "none, it is one whole"
        raise FetchFailed(f"{about.name} has no part {', '.join(unknown)}; its parts: {known}")
    return tuple(file for file in about.files if not only or file.part in only)


@contextmanager
def _one_at_a_time(about: Facts, means: Means) -> Iterator[None]:
    """Hold the set's lock; say so when another process holds it, and wait."""
    place = data_root() / ".downloads"
    place.mkdir(parents=True, exist_ok=True)
    lock = FileLock(place / f"{about.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        means.tell(f"another process is putting {about.name} in place; waiting for it to end")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _is_there(target: Path, about: Facts, wanted: Collection[DataFile]) -> bool:
    """Whether the folder is the finished set, with the wanted parts where it was done in parts."""
    if not target.exists():
        return False
    if not is_inside(target, about):
        raise FetchFailed(
            f"{target} is there already and does not hold {layouts(about)}: move it away"
        )
    marker = read_marker(target)
    return marker is None or {file.name for file in wanted} <= set(marker["files"])


def _fill(
    staging: Path,
    about: Facts,
    files: Collection[DataFile],
    given: Path | None,
    target: Path,
    means: Means,
) -> None:
    """Make the whole set in the staging folder: content, checksums, and the marker last."""
    old = read_marker(target) or {"files": {}}
    if target.exists():  # parts are added to those that are there
        copy_folder(target, staging, linked=True)
        files = [file for file in files if file.name not in old["files"]]
    if given is None:
        if about.access != "download":
            raise FetchFailed(f"{about.name} is not downloaded by code: {about.where_to_get}")
        _room_for(about, files)
        found = [(f, download(f, _downloads(about), means.patience, means.tell)) for f in files]
        unpacked = None
    else:
        found, unpacked = own_copy(about, files, given)
    taken = {**old["files"], **{file.name: file.digest or checksum(p) for file, p in found}}
    if unpacked is not None:
        if staging.exists():
            raise FetchFailed(f"{target} is there already, with other parts: delete it first")
        means.tell(f"copying {unpacked}")
        copy_folder(unpacked, staging)
        found = []
    for file, path in found:
        means.tell(f"unpacking {path.name}" if file.is_archive else f"taking {path.name}")
        if file in about.files and not file.is_archive:
            (staging / file.into).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, staging / file.into / file.name)
        else:
            unpack(path, staging / file.into, means.limits)
    inner = layout(staging, about)
    if inner != staging:
        _lift(inner, staging)
    _finish(staging, about, taken, whole=set(taken) >= {file.name for file in about.files})


def _finish(place: Path, about: Facts, taken: dict[str, str], whole: bool) -> None:
    """Check the content with the set's reader and write checksums and marker."""
    for name in (MARKER, SUMS):  # of somebody's finished copy
        (place / name).unlink(missing_ok=True)
    cases, counts = None, {}
    if about.reader:
        opened: LabelledSet[Any] = about.open_reader()(place)
        cases, counts = len(opened), opened.class_counts()
        if about.cases not in (None, cases) and (whole or not about.parts):
            raise FetchFailed(f"wanted {about.cases} cases, found {cases}")
    paths = sorted(p for p in place.rglob("*") if p.is_file())
    sums = {p.relative_to(place).as_posix(): checksum(p).partition(":")[2] for p in paths}
    write_sums(place, sums)
    write_marker(place, about.name, cases=cases, counts=counts, files=taken)


def _replace(staging: Path, target: Path, about: Facts) -> None:
    """Give the finished folder its name; an older one with fewer parts goes."""
    if not target.exists():
        staging.rename(target)
        return
    old = target.with_name(f".{about.name}.old")
    target.rename(old)
    staging.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _undo_half_a_replacement(target: Path, about: Facts) -> None:
    """Killed between the two renames: the older folder gets its name back."""
    old = target.with_name(f".{about.name}.old")
    if old.exists() and not target.exists():
        old.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _linked(target: Path, about: Facts, given: Path | None) -> Path:
    if given is None or not given.is_dir():
        raise FetchFailed("--link wants --from with a folder that holds the unpacked set")
    inner = layout(given, about).resolve()
    if about.reader:
        about.open_reader()(inner)
    target.symlink_to(inner, target_is_directory=True)
    return target


def _lift(inner: Path, outer: Path) -> None:
    """Bring the content of a folder up to the folder that is to be the set."""
    aside = outer.with_name(outer.name + "-inner")
    shutil.rmtree(aside, ignore_errors=True)
    inner.rename(aside)
    shutil.rmtree(outer)
    aside.rename(outer)


def _room_for(about: Facts, files: Collection[DataFile]) -> None:
    """Free space for what is still to come, and about as much again for it unpacked."""
    here = _downloads(about)
    parts = [here / f"{file.name}.part" for file in files]
    there = sum(p.stat().st_size for p in parts if p.exists())
    there += sum((here / f.name).stat().st_size for f in files if (here / f.name).exists())
    wanted = 2 * sum(file.planned_bytes for file in files) - there
    free = shutil.disk_usage(data_root()).free
    if wanted > free:
        raise FetchFailed(
            f"about {wanted / 1e9:.1f} GB wanted, for the download and for it unpacked; "
            f"{free / 1e9:.1f} GB are free at {data_root()}"
        )


def _downloads(about: Facts) -> Path:
    return data_root() / ".downloads" / about.name


def _kept(about: Facts) -> str:
    here = _downloads(about)
    files = [p for p in sorted(here.glob("*")) if not p.name.endswith(".json")]
    if not files:
        return ""
    size = sum(p.stat().st_size for p in files) / 1e6
    return f"\n    kept to go on from:  {size:.1f} MB in {here} (delete it to start anew)"
