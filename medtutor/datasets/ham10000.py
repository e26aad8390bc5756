"""HAM10000 and ISIC 2018 task 3: dermoscopy of seven diagnoses, several images of one lesion."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from medtutor.datasets.case import Case
from medtutor.datasets.classified import ClassifiedSet
from medtutor.datasets.pictures import files_by_stem
from medtutor.datasets.tables import known, number, read_table

CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
MEANINGS = {
    "akiec": "actinic keratosis, intraepithelial carcinoma (Bowen)",
    "bcc": "basal cell carcinoma",
    "bkl": "benign keratosis: solar lentigo, seborrheic or lichen-planus-like keratosis",
    "df": "dermatofibroma",
    "mel": "melanoma",
    "nv": "melanocytic nevus",
    "vasc": "vascular lesion: angioma, angiokeratoma, pyogenic granuloma, haemorrhage",
}
COLUMNS = ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization")
HALVES = (("HAM10000_images_part_1", 5000), ("HAM10000_images_part_2", 5015))
MASKS = "HAM10000_segmentations_lesion_tschandl"


class Part(NamedTuple):
    """One part of the challenge: ``ISIC2018_Task3_<word>_Input`` and the tables beside it."""

    split: str
    word: str
    cases: int
    """How many images the part has at its owner's."""


TRAINING = Part("train", "Training", 10015)


class Ham10000(ClassifiedSet):
    """The 10,015 images as a sequence; ``groups`` names each one's lesion, no split divides one.

    Knows three layouts, by what is inside the folder:

    - the release at Dataverse: ``HAM10000_images_part_1`` and ``_2``, ``HAM10000_metadata`` (with
      ending .csv, .tab, .txt or none), and the lesion masks where they are there
      (``HAM10000_segmentations_lesion_tschandl``). The test images that were added there later
      are passed over;
    - the training part of ISIC 2018 task 3, which holds the same images: see ``Isic2018Task3``;
    - a reduced copy, ``images/`` and ``labels.csv``, without masks.

    The class numbers follow the alphabet, as in DermaMNIST. Metadata: lesion, confirmed_by, age,
    sex, site, and source (clinic and camera) where the table has that column. Patients are not
    named, so two lesions of one person can fall on two sides.
    """

    name = "ham10000"
    classes = CLASSES
    halves = HALVES
    parts: ClassVar[tuple[Part, ...]] = (TRAINING,)

    def _open(self) -> None:
        self._images: dict[str, Path] = {}
        self._masks: dict[str, Path] = {}
        self._rows: dict[str, dict[str, Any]] = {}
        self.labels, self.official = {}, {}
        if (self.root / "labels.csv").is_file():
            self._open_reduced()
        elif (self.root / "ISIC2018_Task3_Training_Input").is_dir():
            self._open_challenge()
        else:
            self._open_release()
        self.ids = sorted(self._images)

    def _open_release(self) -> None:
        halves = [self._pictures(name, count) for name, count in self.halves]
        images = halves[0] | halves[1]
        if not images:
            return
        self._take_metadata(self._beside("HAM10000_metadata"), images, whole=all(halves))
        self._masks = files_by_stem(_inner(self.root / MASKS), (".png",), cut="_segmentation")
        if self._masks and (alone := sorted(set(images) ^ set(self._masks))):
            self.damaged(
                self.root / MASKS, f"images and masks do not pair; alone: {', '.join(alone[:5])}"
            )

    def _open_challenge(self) -> None:
        for part in self.parts:
            stem = f"ISIC2018_Task3_{part.word}"
            images = self._pictures(f"{stem}_Input", part.cases)
            table = self._beside(f"{stem}_GroundTruth", wanted=part.split == "train")
            if images and table:
                self._take_marks(table, images)
            if len(self.parts) > 1:
                self.official |= dict.fromkeys(images, part.split)
        self._take_lesions([n for n in self._images if self.official.get(n, "train") == "train"])

    def _take_lesions(self, train: Sequence[str]) -> None:
        """Which lesion the challenge's training images show, and what else is known of them."""
        if metadata := self._beside("HAM10000_metadata", wanted=False):
            said = dict(self.labels)
            self._take_metadata(metadata, train)
            if differ := [name for name in train if said[name] != self.labels[name]]:
                self.damaged(metadata, f"{differ[0]}: another diagnosis than in the challenge")
            return
        table = self.root / "ISIC2018_Task3_Training_LesionGroupings.csv"
        rows = read_table(table, ("image", "lesion_id", "diagnosis_confirm_type"), self.fix)
        found = {row["image"]: row for row in rows}
        self._one_row_each(table, found, train)
        for name in train:
            self._rows[name] = {
                "lesion": found[name]["lesion_id"],
                "confirmed_by": known(found[name]["diagnosis_confirm_type"]),
            }

    def _open_reduced(self) -> None:
        self._images = files_by_stem(self.root / "images", (".jpg",))
        self._take_metadata(self.root / "labels.csv", self._images, whole=True)

    def _pictures(self, folder: str, count: int) -> dict[str, Path]:
        """The pictures of a folder, which has none or as many as its owner states."""
        where = _inner(self.root / folder)
        found = files_by_stem(where, (".jpg",))
        if where.is_dir() and len(found) != count:
            self.damaged(where, f"{count} images wanted, found {len(found)}")
        if twice := sorted(set(found) & set(self._images)):
            self.damaged(where, f"{twice[0]} is in another folder too")
        self._images |= found
        return found

    def _take_metadata(
        self, table: Path | None, images: Collection[str], *, whole: bool = True
    ) -> None:
        """Diagnosis, lesion and the rest, of a table with a row for each image."""
        assert table is not None
        rows = {row["image_id"]: row for row in read_table(table, COLUMNS, self.fix)}
        self._one_row_each(table, rows, images)
        if whole and (extra := sorted(set(rows) - set(images))):
            self.damaged(table, f"rows without an image: {', '.join(extra[:5])}")
        for name in images:
            row = rows[name]
            if row["dx"] not in CLASSES:
                self.damaged(table, f"{name}: dx wanted {', '.join(CLASSES)}, found {row['dx']!r}")
            self.labels[name] = CLASSES.index(row["dx"])
            self._rows[name] = {
                "lesion": row["lesion_id"],
                "confirmed_by": known(row["dx_type"]),
                "age": number(row["age"]),
                "sex": known(row["sex"]),
                "site": known(row["localization"]),
                **({"source": row["dataset"]} if "dataset" in row else {}),
            }

    def _take_marks(self, table: Path, images: Mapping[str, Path]) -> None:
        """The diagnosis, of a table with one column a class, 1 in one of them."""
        columns = [name.upper() for name in CLASSES]
        rows = {row["image"]: row for row in read_table(table, ("image", *columns), self.fix)}
        self._one_row_each(table, rows, images)
        for name in images:
            marks = [number(rows[name][column]) for column in columns]
            if marks.count(1.0) != 1 or marks.count(0.0) != len(columns) - 1:
                self.damaged(table, f"{name}: 1 in one column and 0 in six wanted, found {marks}")
            self.labels[name] = marks.index(1.0)

    def _one_row_each(self, table: Path, rows: Mapping[str, Any], images: Collection[str]) -> None:
        if missing := sorted(set(images) - set(rows)):
            self.damaged(table, f"no row for {', '.join(missing[:5])}")

    def _beside(self, stem: str, wanted: bool = True) -> Path | None:
        """A table by its name without ending, in the folder or in one of that name inside it."""
        for folder in (self.root, self.root / stem):
            for ending in (".csv", ".tab", ".txt", ""):
                if (path := folder / f"{stem}{ending}").is_file():
                    return path
        if wanted:
            self.damaged(self.root / f"{stem}.csv", "the table is missing")
        return None

    def _have_masks(self) -> bool:
        return bool(self._masks)

    @property
    def groups(self) -> dict[str, str]:
        """Id -> its lesion; the image itself where the lesion is not named."""
        return {name: self._rows.get(name, {}).get("lesion", name) for name in self.ids}

    def _read(self, name: str) -> Case:
        metadata = self._rows.get(name, {})
        return self._case(name, self._images[name], self._masks.get(name), metadata)


class Isic2018Task3(Ham10000):
    """ISIC 2018 task 3: HAM10000 for training, and the challenge's own 193 and 1,512 images.

    Knows ``ISIC2018_Task3_{Training,Validation,Test}_Input`` and ``_GroundTruth`` (a table, or a
    folder with it), with ``ISIC2018_Task3_Training_LesionGroupings.csv``, which is wanted, or
    ``HAM10000_metadata``, which adds age, sex and site. A part whose images are absent is passed
    over; images without their table have no class. Lesions of validation and test images are not
    named: each counts as one of its own, and only the official division keeps training apart.
    """

    name = "isic2018_task3"
    parts = (TRAINING, Part("valid", "Validation", 193), Part("test", "Test", 1512))

    def _open(self) -> None:
        if not (self.root / "ISIC2018_Task3_Training_Input").is_dir():
            self.damaged(self.root / "ISIC2018_Task3_Training_Input", "wanted a folder of images")
        super()._open()


def _inner(folder: Path) -> Path:
    """The folder, or the one of the same name inside it, as some archives are packed."""
    return folder / folder.name if (folder / folder.name).is_dir() else folder
