"""ISIC challenges 2016, 2017 and 2018: dermoscopy with lesion masks, and diagnosis where given."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from medtutor.datasets.case import Case
from medtutor.datasets.pictures import PictureSet, files_by_stem


class Part(NamedTuple):
    """One part of a challenge as its owner names the files; paths are below the set's folder."""

    split: str
    images: str
    masks: str
    table: str | None
    """Diagnosis of each image."""
    people: str | None
    """Age and sex of each image."""
    cases: int
    """How many images the part has at its owner's."""


class Isic(PictureSet):
    """What the three years share: the official folders, or the reduced copy of 2017.

    A part whose image folder is absent is passed over; one that is there must be whole: as many
    images as its owner states, a mask for each where the masks are there, a row for each in the
    table. Masks end in ``_segmentation.png``, with a small or a capital s. Superpixels
    (``_superpixels.png``) are passed over.
    """

    parts: ClassVar[tuple[Part, ...]]

    def _open(self) -> None:
        self._images: dict[str, Path] = {}
        self._masks: dict[str, Path] = {}
        self._rows: dict[str, Mapping[str, Any]] = {}
        self.labels, self.official = {}, {}
        if (self.root / "labels.csv").is_file():
            self._open_reduced()
        else:
            for part in self.parts:
                if (self.root / part.images).is_dir():
                    self._open_part(part)
        self.ids = sorted(self._images)

    def _open_part(self, part: Part) -> None:
        where = self.root / part.images
        images = files_by_stem(where, (".jpg",))
        if len(images) != part.cases:
            self.damaged(where, f"{part.cases} images wanted, found {len(images)}")
        masks = files_by_stem(self.root / part.masks, (".png",), cut="_segmentation")
        if masks and (alone := sorted(set(images) ^ set(masks))):
            self.damaged(
                self.root / part.masks,
                f"images and masks do not pair; alone: {', '.join(alone[:5])}",
            )
        self._images |= images
        self._masks |= masks
        self.official |= dict.fromkeys(images, part.split)
        if part.table and (self.root / part.table).is_file():
            self._take_labels(self.root / part.table, images)
        if part.people and (self.root / part.people).is_file():
            for row in self._table(self.root / part.people):
                self._rows[row["image_id"]] = {
                    "age": _number(row["age_approximate"]), "sex": row["sex"]
                }

    def _open_reduced(self) -> None:
        """The copy at 256 x 256: images/, masks/ and one labels.csv."""
        table = self.root / "labels.csv"
        self._images = files_by_stem(self.root / "images", (".jpg",))
        self._masks = files_by_stem(self.root / "masks", (".png",), cut="_segmentation")
        rows = {row["image_id"]: row for row in self._table(table)}
        if alone := sorted(set(rows) ^ set(self._images)):
            self.damaged(table, f"rows and images do not pair; alone: {', '.join(alone[:5])}")
        if alone := sorted(set(self._masks) - set(rows)):
            self.damaged(self.root / "masks", f"masks without an image: {', '.join(alone[:5])}")
        for name, row in rows.items():
            if row["has_mask"] == "1" and name not in self._masks:
                self.damaged(self.root / "masks", f"the mask of {name} is missing")
            self.labels[name] = self._class_of(row, table)
            self.official[name] = {"val": "valid"}.get(row["official_split"], row["official_split"])
            self._rows[name] = {
                "age": _number(row["age_approximate"]),
                "sex": row["sex"],
                "original_size": (int(row["original_height"]), int(row["original_width"])),
            }

    def _take_labels(self, table: Path, images: Mapping[str, Path]) -> None:
        rows = {row["image_id"]: row for row in self._table(table)}
        if missing := sorted(set(images) - set(rows)):
            self.damaged(table, f"no row for {', '.join(missing[:5])}")
        self.labels |= {name: self._class_of(rows[name], table) for name in images}

    def _class_of(self, row: Mapping[str, str], table: Path) -> int:
        """Class number of a row of the table of diagnoses."""
        raise NotImplementedError

    def _table(self, path: Path) -> list[dict[str, str]]:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file))

    def _read(self, name: str) -> Case:
        metadata = self._rows.get(name, {})
        return self._case(name, self._images[name], self._masks.get(name), metadata)


class Isic2017(Isic):
    """ISIC 2017: 2,000 training, 150 validation and 600 test images, three diagnoses.

    Knows the official folders and the copy reduced to 256 x 256 (aspect not kept, test images and
    masks left out). Several images of one lesion or patient are not named as such, so the
    official division is the one to use.
    """

    name = "isic2017"
    classes = ("nevus", "melanoma", "seborrheic keratosis")
    parts = tuple(
        Part(
            split,
            f"ISIC-2017_{name}_Data",
            f"ISIC-2017_{name}_Part1_GroundTruth",
            f"ISIC-2017_{name}_Part3_GroundTruth.csv",
            f"ISIC-2017_{name}_Data/ISIC-2017_{name}_Data_metadata.csv",
            cases,
        )
        for split, name, cases in (
            ("train", "Training", 2000), ("valid", "Validation", 150), ("test", "Test_v2", 600)
        )
    )

    def _class_of(self, row: Mapping[str, str], table: Path) -> int:
        marks = [_number(row.get(key)) for key in ("melanoma", "seborrheic_keratosis")]
        if marks not in ([0, 0], [1, 0], [0, 1]):
            self.damaged(
                table,
                f"{row['image_id']}: melanoma and seborrheic_keratosis wanted 0 or 1, not both 1, "
                f"found {row.get('melanoma')} and {row.get('seborrheic_keratosis')}",
            )
        return 1 if marks[0] else 2 if marks[1] else 0


class Isic2016(Isic):
    """ISIC 2016: 900 training and 379 test images (part 1), benign or malignant (part 3).

    The training table has no heading and says benign or malignant, the test table 0 or 1.
    """

    name = "isic2016"
    classes = ("benign", "malignant")
    parts = tuple(
        Part(
            split,
            f"ISBI2016_ISIC_Part1_{name}_Data",
            f"ISBI2016_ISIC_Part1_{name}_GroundTruth",
            f"ISBI2016_ISIC_Part3_{name}_GroundTruth.csv",
            None,
            cases,
        )
        for split, name, cases in (("train", "Training", 900), ("test", "Test", 379))
    )

    def _table(self, path: Path) -> list[dict[str, str]]:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if len(row) == 2 and row[0] != "image_id"]
        return [{"image_id": name, "diagnosis": said} for name, said in rows]

    def _class_of(self, row: Mapping[str, str], table: Path) -> int:
        said = row["diagnosis"].strip().lower()
        if said in self.classes:
            return self.classes.index(said)
        if (number := _number(said)) in (0, 1):
            return int(number)
        self.damaged(table, f"{row['image_id']}: benign or malignant wanted, found {said!r}")


class Isic2018(Isic):
    """ISIC 2018, task 1: 2,594 training, 100 validation and 1,000 test images, no diagnosis.

    Task 3, seven diagnoses of other images, is the HAM10000 set.
    """

    name = "isic2018"
    parts = tuple(
        Part(
            split,
            f"ISIC2018_Task1-2_{name}_Input",
            f"ISIC2018_Task1_{name}_GroundTruth",
            None,
            None,
            cases,
        )
        for split, name, cases in (
            ("train", "Training", 2594), ("valid", "Validation", 100), ("test", "Test", 1000)
        )
    )


def _number(text: str | None) -> float | None:
    """A number, or None for ``unknown`` and the like."""
    try:
        return float(text or "")
    except ValueError:
        return None
