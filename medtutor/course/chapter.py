"""Chapters: found by number, name or folder, read from ``chapter.yml``, refused when wrong."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr, ValidationError

from medtutor.course.declaration.explain import nearest, sentences
from medtutor.course.declaration.schema import (
    KINDS,
    PARTS,
    PROFILES,
    Budget,
    Claim,
    Declaration,
    Kind,
    Parameter,
    Part,
    Profile,
)
from medtutor.course.declaration.yaml_reader import YamlError, read_mapping
from medtutor.course.paths import notebooks_folder, shown

if TYPE_CHECKING:
    from medtutor.course.claims import Ledger

__all__ = [
    "KINDS",
    "PARTS",
    "PROFILES",
    "Budget",
    "Chapter",
    "ChapterError",
    "Claim",
    "Kind",
    "Parameter",
    "Part",
    "Profile",
    "UnknownChapter",
    "check_profile",
    "list_chapters",
    "load_chapter",
]
_FOLDER = re.compile(r"(\d\d)_([a-z][a-z0-9_]*)")


class ChapterError(ValueError):
    """A ``chapter.yml`` is wrong: the message names file, key, what was wanted, what was given."""


class UnknownChapter(ChapterError):
    """No chapter has this number, name or folder; the message lists those that exist."""


class Chapter(Declaration):
    """A chapter: what its ``chapter.yml`` declares, and where it lies."""

    _folder: Path = PrivateAttr()

    @property
    def folder(self) -> Path:
        """The chapter's folder, ``notebooks/14_combo_loss``."""
        return self._folder

    @property
    def name(self) -> str:
        """The folder's name, ``14_combo_loss``."""
        return self.folder.name

    @property
    def notebook(self) -> Path:
        """The notebook that the student reads and the runner executes."""
        return self.folder / f"{self.name}.ipynb"

    @property
    def solutions(self) -> Path:
        """The notebook with the worked exercises."""
        return self.folder / f"{self.name}_solutions.ipynb"

    def values(self, profile: str) -> dict[str, Any]:
        """Return every parameter's value in a profile, as the parameters cell has them."""
        chosen = check_profile(profile)
        declared = {name: item.value(chosen) for name, item in self.parameters.items()}
        return {"profile": chosen, "dataset": "default", **declared}

    def ledger(self, profile: str, dataset: str, seeds: Sequence[int]) -> "Ledger":
        """Return the ledger into which this chapter's notebook records its claims."""
        from medtutor.course.claims import Ledger

        return Ledger(self, profile, dataset, seeds)


def check_profile(profile: str) -> Profile:
    """Return the profile, or say which there are."""
    for known in PROFILES:
        if profile == known:
            return known
    hint = nearest(profile, PROFILES)
    raise ChapterError(f"profile: wanted one of {', '.join(PROFILES)}, given {profile!r}{hint}")


def load_chapter(which: int | str | Path | None = None) -> Chapter:
    """Read a chapter.

    Args:
        which: ``14``, ``"14"``, ``"combo_loss"``, ``"14_combo_loss"``, the path of its folder or of
            a file in it. Without it, the chapter in whose folder the program runs.

    Raises:
        UnknownChapter: there is none of that number, name or path.
        ChapterError: its ``chapter.yml`` is wrong; every fault has a line in the message.
    """
    return _read(_find(which))


def list_chapters() -> list[Chapter]:
    """Return all chapters by number. A folder without notebook and ``chapter.yml`` is passed by."""
    chapters = [_read(folder) for folder in _folders()]
    for one, other in zip(chapters, chapters[1:], strict=False):
        if one.number == other.number:
            raise ChapterError(
                f"{shown(other.folder)}: wanted a number of its own, given {other.number}, "
                f"which {one.name} has"
            )
    return chapters


def _folders() -> list[Path]:
    found = []
    for folder in sorted(notebooks_folder().iterdir()):
        if folder.is_dir() and _FOLDER.fullmatch(folder.name):
            if (folder / "chapter.yml").exists() or any(folder.glob("*.ipynb")):
                found.append(folder)
    return found


def _find(which: int | str | Path | None) -> Path:
    if which is None:
        here = Path.cwd()
        for folder in (here, *here.parents):
            if (folder / "chapter.yml").is_file():
                return folder
        raise UnknownChapter(f"wanted a chapter, given none and {here} is in no chapter's folder")
    if isinstance(which, Path) or (isinstance(which, str) and "/" in which):
        path = Path(which)
        folder = path if path.is_dir() else path.parent
        if path.exists() and _FOLDER.fullmatch(folder.resolve().name):
            return folder.resolve()
        raise UnknownChapter(f"wanted a chapter's folder (NN_name), given {which}")
    text = str(which)
    folders = _folders()
    for folder in folders:
        number, name = folder.name.split("_", 1)
        if text in (folder.name, name) or (text.isdecimal() and int(text) == int(number)):
            return folder
    known = [folder.name for folder in folders]
    names = [name.split("_", 1)[1] for name in known]
    hint = nearest(text, known if text[:1].isdigit() else names)
    raise UnknownChapter(
        f"wanted one of the chapters {', '.join(known) or '(there is none yet)'}, "
        f"given {text!r}{hint}"
    )


def _read(folder: Path) -> Chapter:
    file = folder / "chapter.yml"
    try:
        content = read_mapping(file)
        chapter = Chapter.model_validate(content)
    except YamlError as error:
        raise ChapterError(f"{shown(file)}: {error}") from None
    except ValidationError as error:
        faults = sentences(error, Chapter, content)
        raise ChapterError("\n".join(f"{shown(file)}: {fault}" for fault in faults)) from None
    match = _FOLDER.fullmatch(folder.name)
    if match is None or int(match[1]) != chapter.number:
        raise ChapterError(
            f"{shown(file)}: number: wanted the number of the folder {folder.name}, "
            f"given {chapter.number}"
        )
    chapter._folder = folder
    return chapter
