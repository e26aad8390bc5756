"""What is known about each outside data set: one table of facts, checked when it is read."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import import_module, resources
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urljoin, urlsplit

from pydantic import BaseModel, ConfigDict, model_validator

if TYPE_CHECKING:
    from medtutor.datasets.labelled_set import LabelledSet

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
DIGEST = re.compile(r"(md5|sha1|sha256|sha512):[0-9a-f]+")


class DataFile(BaseModel):
    """One file at its owner's: an archive that is unpacked, or a file that is taken as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    name: str = ""
    """What it is called here; the last part of the address by default."""
    mirrors: tuple[str, ...] = ()
    bytes: int | None = None
    """Exact size, where somebody stated it."""
    about_mb: float | None = None
    """Size in 10^6 bytes as people tell it, for the plan; never used as a check."""
    checksum: str = "none published"
    """``md5:...`` or ``sha256:...``; ``none published``; ``not seen`` where there may be one."""
    checksum_from: str = ""
    """Who gives the checksum: the owner, or the program that carries it."""
    into: str = ""
    """Folder, inside the set's, that it is put or unpacked into."""
    part: str = ""
    """The part of the set it belongs to, for ``--only``."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, entry: Any) -> Any:
        if isinstance(entry, dict) and not entry.get("name") and "url" in entry:
            entry = {**entry, "name": PurePosixPath(urlsplit(entry["url"]).path).name}
        return entry

    @model_validator(mode="after")
    def _right(self) -> DataFile:
        if self.checksum not in ("none published", "not seen"):
            if not DIGEST.fullmatch(self.checksum):
                raise ValueError(f"checksum wants md5:... or sha256:..., given {self.checksum!r}")
            if not self.checksum_from:
                raise ValueError(f"{self.name}: checksum_from must say who gives the checksum")
        return self

    @property
    def digest(self) -> str | None:
        """``algorithm:digest``, or None where none is known."""
        return self.checksum if ":" in self.checksum else None

    @property
    def is_archive(self) -> bool:
        """Whether it is unpacked."""
        return self.name.lower().endswith(ARCHIVES)

    @property
    def planned_bytes(self) -> int:
        """Its size as far as anybody stated it, 0 where nobody did."""
        return self.bytes or round((self.about_mb or 0) * 1e6)


class Facts(BaseModel):
    """Facts about one data set, as its owner states them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    owner: str
    landing_page: str
    licence: str
    """Licence and terms, in words."""
    redistribution: Literal["yes", "no", "not stated"]
    people: bool
    """Whether it was made from people: patients or volunteers."""
    citation: str
    doi: str
    counts: str
    cases: int | None = None
    """Labelled cases in the whole set, which a fetched copy must hold; None: not checked."""
    splits: str
    """The official division, or that there is none and what ours goes by."""
    access: Literal["package", "download", "form"]
    """``package``: comes with an installed package. ``download``: plain, no registration.
    ``form``: registration, agreement, or a page for people; never downloaded by code."""
    package: str = ""
    package_files: str = ""
    """Where in the package the files are, as a pattern."""
    base: str = ""
    """What the addresses of the files begin with."""
    address_checked: bool = False
    """Whether the addresses were read in a page or a maintained program; else from memory."""
    files: tuple[DataFile, ...] = ()
    folders: tuple[str, ...] = ()
    """Names under which the set is looked for; the first is where our commands put it."""
    holds: tuple[tuple[str, ...], ...] = ()
    """Layouts: what must be inside (files, folders or patterns), any one of the rows."""
    where_to_get: str
    reader: str = ""
    """``module:Class`` of the reader; empty where none is written yet."""

    @model_validator(mode="before")
    @classmethod
    def _whole_addresses(cls, entry: Any) -> Any:
        base = entry.get("base", "")
        if base and all(isinstance(file, dict) for file in entry.get("files", ())):
            files = [{**file, "url": urljoin(base, file["url"])} for file in entry["files"]]
            return {**entry, "files": files}
        return entry

    @model_validator(mode="after")
    def _right(self) -> Facts:
        wrong = {
            "a form set has no addresses to download": self.access == "form" and self.files,
            "a download wants files": self.access == "download" and not self.files,
            "package wants its name": self.access == "package" and not self.package,
            "folders and holds are wanted": self.access != "package"
            and not (self.folders and self.holds),
            "two files have one name": len({f.name for f in self.files}) < len(self.files),
        }
        if said := [text for text, is_so in wrong.items() if is_so]:
            raise ValueError(f"{self.name}: {'; '.join(said)}")
        return self

    @property
    def parts(self) -> tuple[str, ...]:
        """What ``--only`` can name."""
        return tuple(dict.fromkeys(file.part for file in self.files if file.part))

    @property
    def next_command(self) -> str:
        """The command that puts the set in its place."""
        if self.access == "package":
            return f"python -m pip install {self.package}"
        given = " --from FOLDER_OR_ARCHIVE" if self.access == "form" else ""
        return f"medtutor data get {self.name}{given}"

    def open_reader(self) -> type[LabelledSet]:
        """The reader's class, imported now."""
        if not self.reader:
            raise NotImplementedError(f"there is no reader for {self.name} yet")
        module, _, name = self.reader.partition(":")
        reader: type[LabelledSet] = getattr(import_module(module), name)
        return reader


@cache
def all_facts() -> dict[str, Facts]:
    """All data sets of the registry, by name."""
    text = resources.files(__package__).joinpath("registry.toml").read_text(encoding="utf-8")
    return {name: Facts(**{"name": name, **entry}) for name, entry in tomllib.loads(text).items()}


def facts(name: str) -> Facts:
    """The facts about one data set; a ValueError that lists the known names for an unknown one."""
    known = all_facts()
    if name not in known:
        raise ValueError(f"data set wanted: one of {', '.join(known)}; given {name!r}")
    return known[name]
