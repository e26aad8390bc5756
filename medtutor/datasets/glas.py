"""GlaS: colon glands in H&E, each gland numbered; benign or malignant, grade and patient."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, NamedTuple

from medtutor.datasets.case import Case
from medtutor.datasets.classified import ClassifiedSet
from medtutor.datasets.instances import parted, read_instances
from medtutor.datasets.labelled_set import natural
from medtutor.datasets.pictures import files_by_stem, read_mask, read_picture

MICRONS = 0.62005  # a pixel's side, as glas.grand-challenge.org/Dataset states it
SPECK = 100  # pixels; pieces of JPEG masks have 25 at most or 668 at least in the copy seen


class Row(NamedTuple):
    """What Grade.csv says of an image."""

    patient: str
    diagnosis: str
    grade: str
    """Healthy, adenomatous, or how well a tumour is differentiated."""


class Glas(ClassifiedSet):
    """Images with their glands numbered: the official folder of BMP files, or a reduced copy.

    The owner divides into train, test A and test B, which ``splits()`` follows (A and B together
    are the test part; ``metadata["part"]`` tells them apart). That division is by image: most
    patients of the test parts have images in train too. ``split(seed)`` goes by patient.

    The reduced copy (``images/``, ``masks/``, JPEG) has black and white masks, without numbers:
    there a piece that hangs together is one gland, so that touching glands count as one.
    """

    name = "glas"
    classes = ("benign", "malignant")
    parts: ClassVar[Mapping[str, int]] = {"train": 85, "testA": 60, "testB": 20}
    """Part -> how many images it has at its owner's."""

    def _open(self) -> None:
        self._rows = self._table(self.root / "Grade.csv")
        self._numbered = not (self.root / "images").is_dir()
        if self._numbered:
            self._masks = files_by_stem(self.root, (".bmp",), cut="_anno")
            files = files_by_stem(self.root, (".bmp",))
            self._images = {n: p for n, p in files.items() if not n.lower().endswith("_anno")}
        else:
            self._images = files_by_stem(self.root / "images", (".jpg", ".png", ".bmp"))
            self._masks = files_by_stem(self.root / "masks", (".jpg", ".png", ".bmp"))
        where = self.root if self._numbered else self.root / "masks"
        if alone := sorted(set(self._images) ^ set(self._masks)):
            self.damaged(where, f"images and masks do not pair; alone: {', '.join(alone[:5])}")
        if without := sorted(set(self._images) - set(self._rows)):
            self.damaged(self.root / "Grade.csv", f"no row for {', '.join(without[:5])}")
        self._count_parts()
        self.ids = sorted(self._images, key=natural)
        self.labels = {n: self.classes.index(self._rows[n].diagnosis) for n in self.ids}
        self.official = {n: "train" if self._part(n) == "train" else "test" for n in self.ids}

    def _count_parts(self) -> None:
        """A part that is there must be whole in the official folder; an absent one is passed."""
        found = dict.fromkeys(self.parts, 0)
        for name in self._images:
            if self._part(name) not in found:
                wanted = " or ".join(f"{part}_1" for part in self.parts)
                self.damaged(self._images[name], f"a name as {wanted} wanted")
            found[self._part(name)] += 1
        for part, count in self.parts.items():
            if self._numbered and found[part] not in (0, count):
                self.damaged(
                    self.root, f"{count} images {part}_1, ... wanted, found {found[part]}"
                )

    def _table(self, path: Path) -> dict[str, Row]:
        if not path.is_file():
            self.damaged(path, "the table of patients and grades wanted, found no such file")
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [[cell.strip() for cell in line] for line in csv.reader(file) if line]
        rows = {line[0]: Row(*line[1:4]) for line in lines[1:] if len(line) == 4}
        for name, row in rows.items():
            if row.diagnosis not in self.classes:
                self.damaged(path, f"{name}: benign or malignant wanted, found {row.diagnosis!r}")
        return rows

    @staticmethod
    def _part(name: str) -> str:
        return name.partition("_")[0]

    @property
    def groups(self) -> dict[str, str]:
        """Id -> patient."""
        return {name: self._rows[name].patient for name in self.ids}

    def _read(self, name: str) -> Case:
        image = read_picture(self._images[name], self.fix)
        path, shape = self._masks[name], image.shape[1:]
        if self._numbered:
            mask = read_instances(path, self.fix, shape)
        else:
            mask = parted(read_mask(path, self.fix, shape), SPECK)
        row = self._rows[name]
        return Case(
            id=name,
            image=image,
            mask=mask,
            label=self.labels[name],
            metadata={"patient": row.patient, "grade": row.grade, "part": self._part(name)},
            spacing=(MICRONS / 1000, MICRONS / 1000),
            split=self.official[name],
        )
