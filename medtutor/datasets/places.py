"""Where outside data lies on this machine, and what to do where it does not."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import platformdirs

from medtutor.datasets.registry import Facts, all_facts, facts


class DatasetAbsent(FileNotFoundError):
    """The data set is not on this machine; the message says how to get it."""


class DatasetDamaged(ValueError):
    """A file of the data set is not what it should be; the message names it and what to do."""


def data_root() -> Path:
    """The folder that holds the data sets: ``$MEDTUTOR_DATA``, else the user's cache."""
    if chosen := os.environ.get("MEDTUTOR_DATA"):
        return Path(chosen).expanduser()
    return Path(platformdirs.user_cache_dir("medtutor", appauthor=False)) / "data"


def found() -> dict[str, Path | None]:
    """Each data set of the registry with the folder it lies in, None where it is absent."""
    return {name: look(about) for name, about in all_facts().items()}


def folder(name: str) -> Path:
    """The folder of a data set.

    Args:
        name: a name of the registry, for example ``"busi"``.

    Returns:
        The folder that holds it.

    Raises:
        DatasetAbsent: it is not here; says licence, source, target folder and next command.
        ValueError: no such name.
    """
    about = facts(name)
    place = look(about)
    if place is None:
        raise DatasetAbsent(how_to_get(about))
    return place


def how_to_get(about: Facts) -> str:
    """The full instructions for a data set that is absent."""
    if about.access == "package":
        place = "    where to put it:  nowhere, it is read from the package"
    else:
        target = data_root() / about.folders[0]
        place = (
            f"    where to put it:  {target} (to hold {layouts(about)})\n"
            "                      another place: set MEDTUTOR_DATA to the folder above it"
        )
    doi = "" if about.doi == "not stated" else f", doi:{about.doi}"
    return (
        f"the data set {about.name} is not on this machine ({about.title})\n"
        f"    licence:          {about.licence}\n"
        f"    cite:             {about.citation}{doi}\n"
        f"    where to get it:  {about.where_to_get}\n"
        f"                      {about.landing_page}\n"
        f"{place}\n"
        f"    next command:     {about.next_command}"
    )


def layouts(about: Facts) -> str:
    """What must be inside the folder, in words."""
    return "; or ".join(", ".join(row) for row in about.holds)


def is_inside(place: Path, about: Facts) -> bool:
    """Whether the folder holds everything that one of the set's layouts names."""
    return any(all(any(place.glob(name)) for name in row) for row in about.holds)


def look(about: Facts) -> Path | None:
    """The folder of a data set, None where it is absent."""
    if about.access == "package":
        package = find_spec(about.package)  # does not import it
        if package is None or not package.submodule_search_locations:
            return None
        files = Path(package.submodule_search_locations[0]) / about.package_files
        return files.parent if any(files.parent.glob(files.name)) else None
    for name in about.folders:
        place = data_root() / name
        if is_inside(place, about):
            return place
    return None
