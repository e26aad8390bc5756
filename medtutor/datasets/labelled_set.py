"""What every reader is: a sequence of cases, checked when it is opened, read when asked for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

import numpy as np

from medtutor.datasets.case import Case
from medtutor.datasets.finished import read_marker
from medtutor.datasets.places import DatasetDamaged, folder
from medtutor.datasets.registry import Facts, facts
from medtutor.datasets.split import Split, divided_by_group, split_by_group

_Item = TypeVar("_Item")
PARTS = ("train", "valid", "test")


class LabelledSet(Sequence[_Item], Generic[_Item]):
    """A data set as a sequence, sorted by id, each item read when it is asked for.

    A reader sets ``name`` and ``classes``, fills ``ids`` (and ``labels``, ``official``,
    ``groups`` where they are known) in ``_open``, and gives an item in ``_read``. Opening reads
    tables and lists folders, no image.

    Args:
        root: the folder that holds the set; found through ``$MEDTUTOR_DATA`` by default.

    Raises:
        DatasetAbsent: it is not on this machine; the message says how to get it.
        DatasetDamaged: something is missing or wrong; the message names the file and what to do.
    """

    name: ClassVar[str]
    """Its name in the registry."""
    classes: ClassVar[tuple[str, ...]] = ()
    """What the class numbers mean; empty where an image has no class."""

    ids: list[str]
    labels: Mapping[str, int | None] = {}
    """Id -> class number, known without reading an image."""
    official: Mapping[str, str] = {}
    """Id -> train, valid or test, as the owner divided the set."""

    def __init__(self, root: str | Path | None = None):
        self.root = Path(root) if root is not None else folder(self.name)
        self._open()
        if not self.ids:
            self.damaged(self.root, "no cases found")
        self._as_many_as_announced()

    def _open(self) -> None:
        """Fill ``ids`` and the tables; raise DatasetDamaged where files do not fit together."""
        raise NotImplementedError

    def _read(self, name: str) -> _Item:
        """Read one item."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, which: int | str) -> _Item:  # type: ignore[override]
        """The item at a position, or of an id."""
        name = self.ids[which] if isinstance(which, (int, np.integer)) else which
        if name not in self._known:
            raise KeyError(f"no case {name!r}; ids run from {self.ids[0]} to {self.ids[-1]}")
        return self._read(name)

    def case(self, which: int | str) -> Case:
        """The item as a Case, whatever type this reader's own items have."""
        item: Any = self[which]
        return item if isinstance(item, Case) else item.as_case()

    @property
    def facts(self) -> Facts:
        """Owner, licence, citation and the rest, from the registry."""
        return facts(self.name)

    @property
    def groups(self) -> Mapping[str, Hashable]:
        """Id -> what stays together in a split (patient, lesion); each case alone by default."""
        return {name: name for name in self.ids}

    def class_counts(self) -> dict[str, int]:
        """How many cases each class has, and how many have none."""
        counts = Counter((self._class_names() or {}).values())
        return {name: counts[name] for name in (*self.classes, "no class") if counts[name]}

    def split(self, seed: int, fractions: Sequence[float] = (0.6, 0.2, 0.2)) -> Split:
        """Ids for train, valid and test: groups whole, alike shares of each class."""
        return split_by_group(
            self.groups, seed=seed, fractions=fractions, classes=self._class_names()
        )

    def splits(self, seed: int = 0) -> Split:
        """The owner's division where its train and test are here, else :meth:`split`.

        Where the owner divided off no valid part, a fifth of train is drawn for it, by group.
        """
        train, valid, test = (
            [n for n in self.ids if self.official.get(n) == part] for part in PARTS
        )
        if not train or not test:
            return self.split(seed)
        if not valid:
            groups = {name: self.groups[name] for name in train}
            train, valid = divided_by_group(groups, seed, (0.8, 0.2), self._class_names())
        return Split(train, valid, test)

    def damaged(self, where: Path, text: str) -> NoReturn:
        """Raise DatasetDamaged: the file, what is wrong with it, and what to do."""
        raise DatasetDamaged(f"{where}: {text}; {self.fix}")

    @property
    def fix(self) -> str:
        """What to do about a damaged file."""
        return f"delete the data set's folder and put it in place again: {self.facts.next_command}"

    @property
    def _known(self) -> set[str]:
        if len(self.__dict__.get("_known_ids", ())) != len(self.ids):
            self._known_ids = set(self.ids)
        return self._known_ids

    def _class_names(self) -> dict[str, str] | None:
        """Id -> name of its class; None where the set has no classes."""
        names = (*self.classes, "no class")
        numbers = {name: self.labels.get(name) for name in self.ids}
        named = {name: names[-1 if k is None else k] for name, k in numbers.items()}
        return named if self.classes else None

    def _as_many_as_announced(self) -> None:
        """Raise where the set was finished with another number of cases than are here now."""
        marker = read_marker(self.root)
        if marker and marker.get("cases") not in (None, len(self)):
            self.damaged(
                self.root,
                f"{marker['cases']} cases were put here on {marker['date']}, found {len(self)}",
            )

    def __repr__(self) -> str:
        about = self.facts
        doi = "" if about.doi == "not stated" else f", doi:{about.doi}"
        return (
            f"{type(self).__name__}({len(self)} cases of {about.counts}; {self.root})\n"
            f"  licence: {about.licence}\n  cite: {about.citation}{doi}"
        )


def open_set(name: str, root: str | Path | None = None) -> LabelledSet[Any]:
    """Open a data set by its name in the registry, with the reader named there."""
    return facts(name).open_reader()(root)


def natural(name: str) -> list[int | str]:
    """Sort key that puts ``benign (2)`` before ``benign (10)``."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
