"""derm7pt: one lesion seen twice, by dermoscope and by camera, with the seven-point checklist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from medtutor.datasets.case import Case
from medtutor.datasets.classified import ClassArrays, small
from medtutor.datasets.labelled_set import PARTS, LabelledSet
from medtutor.datasets.pictures import read_picture
from medtutor.datasets.seven_points import CRITERIA, DIAGNOSES, grouped, points
from medtutor.datasets.tables import known, read_table

FACTS = ("level_of_diagnostic_difficulty", "elevation", "location", "sex", "management")
NOTES = ("case_id", "notes")
COLUMNS = ("case_num", "diagnosis", "seven_point_score", *CRITERIA, *FACTS, "clinic", "derm")
SPLIT_SIZES = {"train": 413, "valid": 203, "test": 395}


@dataclass(frozen=True, eq=False)
class TwoViews:
    """One case.

    Attributes:
        id: its number in the table, as ``0001``.
        dermoscopic: (3, H, W) float32 in [0, 1]; None where the images are not here.
        clinical: the same by camera, of another size; None too where it was lost and its owner put
            the dermoscopic one in its place (9 cases).
        label: diagnosis, an index into the set's five ``classes``.
        criteria: the seven criteria, as the table says them.
        score: seven-point score, 0 to 10.
        metadata: diagnosis in words, elevation, location, sex, ...
        split: train, valid or test.
    """

    id: str
    dermoscopic: NDArray[np.float32] | None = field(repr=False)
    clinical: NDArray[np.float32] | None = field(repr=False)
    label: int
    criteria: Mapping[str, str]
    score: int
    metadata: Mapping[str, Any] = field(default_factory=dict)
    split: str | None = None

    def as_case(self) -> Case:
        """As every reader gives it: the dermoscopic view, without pixels where it is not here."""
        nothing = np.zeros((3, 0, 0), np.float32)
        return Case(
            id=self.id,
            image=nothing if self.dermoscopic is None else self.dermoscopic,
            label=self.label,
            metadata={**self.metadata, **self.criteria, "seven_point_score": self.score},
            split=self.split,
        )


class Derm7pt(LabelledSet[TwoViews]):
    """The 1,011 cases as a sequence, with the owner's train, valid and test parts.

    Knows release_v0 (``images/``, ``meta/meta.csv``, ``meta/train_indexes.csv``, ...) and the
    tables alone, in ``meta/`` or in the folder itself: without images ``table``, ``labels``,
    ``criteria_array`` and the splits work, a case has no views, and ``has_images`` is False. With
    ``images/`` there, every image that the table names is wanted; capitals do not matter.

    Cases are lesions; patients are not named. The pictures have a dark frame: the owner's program
    cuts 25 pixels from each side.
    """

    name = "derm7pt"
    classes = DIAGNOSES
    cases = 1011
    """How many rows the table has at its owner's."""
    split_sizes: Mapping[str, int] = SPLIT_SIZES

    table: list[dict[str, Any]]
    """A row a case, in the order of the owner's table: what the table says, id, label, split."""

    def _open(self) -> None:
        inside = self.root / "meta" if (self.root / "meta").is_dir() else self.root
        path = inside / "meta.csv"
        rows = read_table(path, COLUMNS, self.fix)
        if len(rows) != self.cases:
            self.damaged(path, f"{self.cases} rows wanted, found {len(rows)}")
        parts = self._parts(inside)
        self.table, self.labels, self.official = [], {}, {}
        for row, part in zip(rows, parts, strict=True):
            name = f"{int(row['case_num']):04d}" if row["case_num"].isdigit() else ""
            if not name or name in self.labels:
                self.damaged(path, f"case_num wants a number, once, found {row['case_num']!r}")
            self.table.append(self._checked(path, name, row, part))
            self.labels[name], self.official[name] = self.table[-1]["label"], part
        self.ids = sorted(self.labels)
        self._row = {row["id"]: row for row in self.table}
        self.has_images = (self.root / "images").is_dir()
        self._files = self._images() if self.has_images else {}

    def _parts(self, inside: Path) -> list[str]:
        """Part of each row; the owner's files hold positions in the table, from 0."""
        parts: list[str] = [""] * self.cases
        for part in PARTS:
            path = inside / f"{part}_indexes.csv"
            rows = [row["indexes"] for row in read_table(path, ("indexes",), self.fix)]
            if len(rows) != self.split_sizes[part]:
                self.damaged(path, f"{self.split_sizes[part]} rows wanted, found {len(rows)}")
            for said in rows:
                if not said.isdigit() or int(said) >= self.cases or parts[int(said)]:
                    self.damaged(
                        path,
                        f"0 to {self.cases - 1} wanted, each in one part, found {said!r}",
                    )
                parts[int(said)] = part
        return parts

    def _checked(self, path: Path, name: str, row: Mapping[str, str], part: str) -> dict[str, Any]:
        """A row of the table with its types; damaged where it says what no row should."""
        for column in ("diagnosis", *CRITERIA):
            if grouped(column, row[column]) is None:
                self.damaged(path, f"case {name}: no {column} known as {row[column]!r}")
        score = sum(points(column, row[column]) for column in CRITERIA)
        if row["seven_point_score"] != str(score):
            self.damaged(
                path,
                f"case {name}: criteria give {score} points, found {row['seven_point_score']!r}",
            )
        kept = {column: known(row[column]) for column in (*FACTS, *NOTES) if column in row}
        return {
            "id": name,
            "diagnosis": row["diagnosis"],
            "label": grouped("diagnosis", row["diagnosis"]),
            "seven_point_score": score,
            **{column: row[column] for column in CRITERIA},
            **kept,
            "dermoscopic": row["derm"],
            "clinical": row["clinic"] if row["clinic"] != row["derm"] else None,
            "split": part,
        }

    def _images(self) -> dict[str, Path]:
        """Name in the table, in small letters -> file."""
        where = self.root / "images"
        files = {p.relative_to(where).as_posix().lower(): p for p in where.glob("*/*")}
        views = ("dermoscopic", "clinical")
        named = [row[view] for row in self.table for view in views if row[view]]
        if missing := sorted(name for name in named if name.lower() not in files):
            self.damaged(
                where, f"{len(missing)} of {len(named)} images missing: {', '.join(missing[:5])}"
            )
        return files

    def criteria_array(self, ids: Iterable[str] | None = None) -> NDArray[np.int64]:
        """(N, 7) numbers of the criteria, grouped as in the paper; columns as ``CRITERIA``."""
        names = self.ids if ids is None else list(ids)
        rows = [[grouped(c, self._row[name][c]) for c in CRITERIA] for name in names]
        return np.array(rows, np.int64).reshape(len(names), len(CRITERIA))

    def labelled(
        self,
        size: int = 64,
        ids: Iterable[str] | None = None,
        view: Literal["dermoscopic", "clinical"] = "dermoscopic",
    ) -> ClassArrays:
        """One view as squares of one size, with the diagnoses.

        Args:
            size: side of the square in pixels.
            ids: which cases, in this order; all that have the view by default.
            view: ``dermoscopic`` or ``clinical``.

        Returns:
            images (N, 3, size, size) float32 in [0, 1], labels (N,) int64, ids.
        """
        if view not in ("dermoscopic", "clinical"):
            raise ValueError(f"view wants dermoscopic or clinical, given {view!r}")
        if not self.has_images:
            raise ValueError(
                f"{self.root}: the tables only, no images; ask for release_v0, then {self.fix}"
            )
        names = [n for n in self.ids if self._row[n][view]] if ids is None else list(ids)
        if lost := [name for name in names if not self._row[name][view]]:
            raise ValueError(f"{lost[0]} has no {view} view; leave it out of ids")
        images = np.stack([small(self._view(name, view), size) for name in names])
        return ClassArrays(images, np.array([self.labels[n] for n in names], np.int64), names)

    def _view(self, name: str, view: str) -> Any:
        said = self._row[name][view]
        if said is None or not self.has_images:
            return None
        return read_picture(self._files[said.lower()], self.fix)

    def _read(self, name: str) -> TwoViews:
        row = self._row[name]
        return TwoViews(
            id=name,
            dermoscopic=self._view(name, "dermoscopic"),
            clinical=self._view(name, "clinical"),
            label=row["label"],
            criteria={column: row[column] for column in CRITERIA},
            score=row["seven_point_score"],
            metadata={key: row[key] for key in ("diagnosis", *FACTS, *NOTES) if key in row},
            split=row["split"],
        )

    def __repr__(self) -> str:
        note = "" if self.has_images else "\n  the tables only: no images are here"
        return super().__repr__() + note
