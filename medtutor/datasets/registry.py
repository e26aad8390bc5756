"""What is known about each outside data set: one table of facts, checked when it is read."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Facts(BaseModel):
    """Facts about one data set, as its owner states them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    owner: str
    landing_page: str
    licence: str
    citation: str
    doi: str
    counts: str
    cases: int
    """Labelled cases in the whole set, which a fetched archive must hold."""
    access: Literal["package", "download", "manual"]
    checksum: str
    folders: tuple[str, ...]
    """Names under which the set is looked for; the first is where our scripts put it."""
    holds: tuple[str, ...]
    """Folders that must be inside."""
    where_to_get: str
    next_command: str


@cache
def all_facts() -> dict[str, Facts]:
    """All data sets the kit can read, by name."""
    text = resources.files(__package__).joinpath("registry.toml").read_text(encoding="utf-8")
    return {name: Facts(name=name, **entry) for name, entry in tomllib.loads(text).items()}


def facts(name: str) -> Facts:
    """The facts about one data set; a ValueError that lists the known names for an unknown one."""
    known = all_facts()
    if name not in known:
        raise ValueError(f"data set wanted: one of {', '.join(known)}; given {name!r}")
    return known[name]
