"""ChestX-ray8 (14 findings in its later release): chest radiographs, some with boxes.

The archives hold images only. Labels, boxes and the official lists are files of their own on the
owner's page; they go beside ``images/``. The package torchxrayvision carries the labels and the
boxes too, and is looked into where the folder has none.
"""

from __future__ import annotations

import csv
import gzip
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, NoReturn

import numpy as np

from medtutor.datasets.case import Case
from medtutor.datasets.classified import ClassifiedSet
from medtutor.datasets.pictures import read_picture, squared
from medtutor.datasets.scan import Arrays

FINDINGS = (
    "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion", "Emphysema", "Fibrosis",
    "Hernia", "Infiltration", "Mass", "Nodule", "Pleural_Thickening", "Pneumonia", "Pneumothorax",
)  # fmt: skip
NOTHING = "No Finding"
OTHER_SPELLING = {"Infiltrate": "Infiltration"}  # of the list of boxes
LABELS = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
BOXES = ("BBox_List_2017.csv",)
LISTS = {"train_val_list.txt": "train", "test_list.txt": "test"}
SIDE = 1024  # pixels of the owner's images, in which the boxes are given
OLDEST = 120  # years; the table has some ages of 148 and more, which are errors
IMAGE = re.compile(r"(\d{8})_(\d{3})\.png")


class Box(NamedTuple):
    """Where a radiologist saw a finding, in pixels of the image as it is read."""

    finding: str
    x: float
    """Left edge."""
    y: float
    """Upper edge."""
    width: float
    height: float


class Row(NamedTuple):
    """What the table of labels says of an image."""

    findings: tuple[str, ...]
    age: float | None
    sex: str
    view: str
    original: tuple[float, ...]
    """Width and height in pixels before the owner made it 1024 x 1024, and mm a pixel in x, y."""


class ChestXray8(ClassifiedSet):
    """Images (1, 1024, 1024) with findings mined from reports; 880 of them have boxes.

    An image can have several findings: ``metadata["findings"]`` names them, the class only says
    whether there are any. "No finding" means none of the fourteen, which is not "normal".
    ``metadata["boxes"]`` are :class:`Box` es; there are no masks. Some archives can be absent.

    The owner's lists divide by patient (all boxes are in the test part), and so does ``split``:
    the patient is the first half of each name. ``spacing`` is at the detector, where the table
    states it.
    """

    name = "chestxray8"
    classes = ("no finding", "finding")
    rows_in_all: ClassVar[int] = 112_120
    boxes_in_all: ClassVar[int] = 984
    listed: ClassVar[Mapping[str, int]] = {"train": 86_524, "test": 25_596}

    labels_from: Path | None
    """The table of labels that was read."""
    boxes_from: Path | None
    """The list of boxes that was read."""

    def _open(self) -> None:
        self._folder_of: dict[str, Path] = {}
        for place in (self.root / "images", *sorted(self.root.glob("images_*/images"))):
            self._list(place)
        if not self._folder_of:
            self._still_packed()
        self.ids = sorted(self._folder_of)
        self.labels_from, self.boxes_from = self._find(LABELS), self._find(BOXES)
        self._rows = {} if self.labels_from is None else self._labels(self.labels_from)
        if self._rows and (without := sorted(set(self.ids) - set(self._rows))):
            self.damaged(self.root, f"images without a row of labels: {', '.join(without[:5])}")
        self.labels = {
            name: int(bool(self._rows[name].findings)) for name in self.ids if self._rows
        }
        self._boxes = {} if self.boxes_from is None else self._boxes_of(self.boxes_from)
        self.official = self._lists()

    def _list(self, place: Path) -> None:
        if not place.is_dir():
            return
        with os.scandir(place) as entries:
            for name in (entry.name for entry in entries):
                if name.startswith(".") or not name.endswith(".png"):
                    continue
                if not IMAGE.fullmatch(name):
                    self.damaged(place / name, "a name as 00000001_000.png wanted")
                if name[:-4] in self._folder_of:
                    self.damaged(place / name, f"found twice, also in {self._folder_of[name[:-4]]}")
                self._folder_of[name[:-4]] = place

    def _still_packed(self) -> NoReturn:
        packed = sorted(self.root.rglob("*.tar.gz"))
        if packed:
            self.damaged(
                packed[0].parent,
                f"{len(packed)} archives, still packed: medtutor data get chestxray8 --from "
                f"{packed[0].parent}",
            )
        self.damaged(self.root / "images", "images 00000001_000.png, ... wanted, found none")

    @property
    def fix(self) -> str:
        """What to do about a damaged file: not all 45 GB again."""
        return (
            "put this one file right, by hand or from its archive "
            f"(medtutor data list {self.name} says where it comes from)"
        )

    def _find(self, names: Iterable[str]) -> Path | None:
        """The first of the files that is beside the images, else in torchxrayvision."""
        places = [self.root]
        spec = find_spec("torchxrayvision")  # does not import it
        if spec is not None and spec.submodule_search_locations:
            places.append(Path(spec.submodule_search_locations[0]) / "data")
        candidates = (p / f"{n}{end}" for p in places for n in names for end in ("", ".gz"))
        return next((path for path in candidates if path.is_file()), None)

    def _lines(self, path: Path, columns: int) -> Iterator[list[str]]:
        """The rows below the heading, which all have at least so many columns."""
        opened = gzip.open if path.suffix == ".gz" else open
        try:
            with opened(path, "rt", newline="", encoding="utf-8-sig") as file:
                reader = csv.reader(file)
                next(reader, None)
                for line in reader:
                    if len(line) < columns:
                        self.damaged(path, f"{columns} columns wanted, found {line}")
                    yield line
        except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
            self.damaged(path, f"cannot be read ({error})")

    def _labels(self, path: Path) -> dict[str, Row]:
        rows: dict[str, Row] = {}
        once: dict[tuple[Any, ...], tuple[Any, ...]] = {}  # equal values share their memory
        for name, said, _, patient, age, sex, view, *original in self._lines(path, 11):
            findings = tuple(sorted(said.split("|"))) if said != NOTHING else ()
            if unknown := set(findings) - set(FINDINGS):
                self.damaged(path, f"{name}: one of the 14 findings wanted, found {unknown}")
            if not IMAGE.fullmatch(name) or int(name[:8]) != int(patient):
                self.damaged(path, f"{name}: of patient {int(name[:8])} by name, of {patient} here")
            sizes = tuple(float(text) for text in original[:4])
            rows[name[:-4]] = Row(
                once.setdefault(findings, findings),
                _years(age),
                sex,
                view,
                once.setdefault(sizes, sizes),
            )
        if len(rows) != self.rows_in_all:
            self.damaged(path, f"{self.rows_in_all} rows wanted, found {len(rows)}")
        return rows

    def _boxes_of(self, path: Path) -> dict[str, tuple[Box, ...]]:
        boxes: dict[str, tuple[Box, ...]] = {}
        for name, said, *numbers in self._lines(path, 6):
            finding = OTHER_SPELLING.get(said, said)
            box = Box(finding, *(float(text) for text in numbers[:4]))
            if finding not in FINDINGS or min(box.width, box.height) <= 0:
                self.damaged(path, f"{name}: a finding and a box of some size wanted, found {box}")
            boxes[name[:-4]] = (*boxes.get(name[:-4], ()), box)
        found = sum(map(len, boxes.values()))
        if found != self.boxes_in_all:
            self.damaged(path, f"{self.boxes_in_all} boxes wanted, found {found}")
        return boxes

    def _lists(self) -> dict[str, str]:
        """The owner's division; empty where its two lists are not beside the images."""
        divided: dict[str, str] = {}
        for name, part in LISTS.items():
            path = self.root / name
            if not path.is_file():
                return {}
            listed = [line[:-4] for line in path.read_text(encoding="utf-8").split()]
            if len(set(listed)) != self.listed[part]:
                self.damaged(path, f"{self.listed[part]} images wanted, found {len(set(listed))}")
            if twice := divided.keys() & set(listed):
                self.damaged(path, f"in both lists: {', '.join(sorted(twice)[:5])}")
            divided |= dict.fromkeys(listed, part)
        return {name: divided[name] for name in self.ids if name in divided}

    @cached_property
    def groups(self) -> dict[str, int]:
        """Id -> patient."""
        return {name: int(name[:8]) for name in self.ids}

    @property
    def with_boxes(self) -> list[str]:
        """Ids of the images here that have boxes."""
        return [name for name in self.ids if name in self._boxes]

    def finding_counts(self) -> dict[str, int]:
        """How many images here have each finding; one with two counts twice."""
        counts = Counter(f for n in self.ids if n in self._rows for f in self._rows[n].findings)
        return {finding: counts[finding] for finding in FINDINGS if counts[finding]}

    def _read(self, name: str) -> Case:
        image = read_picture(self._folder_of[name] / f"{name}.png", self.fix, "L")
        height, width = image.shape[1:]
        row = self._rows.get(name)
        boxes = tuple(
            Box(b.finding, b.x * width / SIDE, b.y * height / SIDE,
                b.width * width / SIDE, b.height * height / SIDE)
            for b in self._boxes.get(name, ())
        )  # fmt: skip
        known = {"patient": int(name[:8]), "follow_up": int(name[9:]), "boxes": boxes}
        spacing = None
        if row is not None:
            known |= {"findings": row.findings, "age": row.age, "sex": row.sex, "view": row.view}
            wide, high, x, y = row.original
            spacing = (y * high / height, x * wide / width)
        label, split = self.labels.get(name), self.official.get(name)
        return Case(name, image, None, label, known, spacing, split)

    def arrays(self, size: int = 64, ids: Iterable[str] | None = None) -> Arrays:
        """Images with boxes as squares of one size; the mask is 1 inside any box of the image.

        Args:
            size: side of the square in pixels.
            ids: which images, in this order; all that have boxes by default. Without a box the
                mask is 0.

        Returns:
            images (N, 1, size, size) float32, masks (N, size, size) int64, ids.
        """
        if size < 1:
            raise ValueError(f"size wants a whole number > 0, given {size}")
        names = self.with_boxes if ids is None else list(ids)
        if not names:
            raise ValueError(f"no image with a box is here; name some in ids, or {BOXES_HINT}")
        images, masks = [], []
        for case in map(self.case, names):
            mask = np.zeros(case.image.shape[1:], np.int64)
            for box in case.metadata["boxes"]:
                left, top = round(box.x), round(box.y)
                mask[top : round(box.y + box.height), left : round(box.x + box.width)] = 1
            images.append(squared(case.image[0], size)[None])
            masks.append(squared(mask, size))
        return Arrays(np.stack(images), np.stack(masks), names)

    def __repr__(self) -> str:
        lists = "the owner's lists" if self.official else "none here, split goes by patient"
        return (
            f"{super().__repr__()}\n  labels: {self.labels_from or LABELS_HINT}\n"
            f"  boxes: {self.boxes_from or BOXES_HINT}\n  division: {lists}"
        )


LABELS_HINT = f"none: put {LABELS[0]} beside images/, or pip install torchxrayvision"
BOXES_HINT = f"put {BOXES[0]} beside images/, or pip install torchxrayvision"


def _years(text: str) -> float | None:
    """Age in years of 58, 058Y, 011M or 004D; None where it cannot be."""
    found = re.fullmatch(r"(\d+)([YMD]?)", text.strip())
    years = int(found[1]) / {"M": 12, "D": 365}.get(found[2], 1) if found else OLDEST + 1
    return years if years <= OLDEST else None
