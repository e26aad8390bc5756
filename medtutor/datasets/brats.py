"""BraTS: gliomas in MR, skull-stripped, registered, at 1 mm; a user's own copy."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtutor.datasets.case import Case
from medtutor.datasets.labelled_set import LabelledSet
from medtutor.datasets.scan import read_volume
from medtutor.datasets.volumes import lies_apart, read_labels, spacing_of, volume_files

OFFICIAL = ("t1", "t1ce", "t2", "flair")
DEEPMEDIC = {"t1ce": "T1c_subtrMeanDivStd", "flair": "Flair_subtrMeanDivStd"}
TRUTH = "OTMultiClass"
LABEL_NAMES = (
    "background", "necrosis", "oedema", "non-enhancing tumour core", "enhancing tumour"
)  # fmt: skip
OLDER = tuple(f"BraTS_{year}_subject_ID" for year in (2019, 2018, 2017))


class Brats(LabelledSet[Case]):
    """The cases as a sequence; images (C, D, H, W) in their own units, one C a sequence.

    Masks keep the owner's numbers, ``LABEL_NAMES``. From 2017 on 1 is necrosis and
    non-enhancing core together and 3 does not occur. So the whole tumour is mask > 0, the core
    everything but 0 and 2, and the enhancing part 4, in every year.

    Layouts, told apart by what is inside: BraTS 2020 (``BraTS20_Training_001/`` with ``_t1``,
    ``_t1ce``, ``_t2``, ``_flair``, ``_seg``, as ``.nii`` or ``.nii.gz``; of case 355 the
    segmentation has another name, and is found), the same under ``HGG/`` and ``LGG/`` as in 2018
    and 2019, and the two sequences of 2015 that DeepMedic gives as its example, already
    standardised. Validation cases have no segmentation and are passed over. Tested on real files
    in the last of these, on made ones in the others.

    The tables of 2020, ``name_mapping.csv`` and ``survival_info.csv``, give the grade (the class),
    the patient, age, survival in days or words, and extent of resection, where they are there.
    Scans of one patient stay together in a split.

    Args:
        root: the folder that holds the cases; found through ``$MEDTUTOR_DATA`` by default.

    Raises:
        DatasetAbsent: it is not on this machine; the message says how to get it.
        DatasetDamaged: a case lacks a sequence or its segmentation, or the owner's table names
            cases that are not there.
    """

    name = "brats"
    classes = ("LGG", "HGG")

    def _open(self) -> None:
        self._files: dict[str, dict[str, Path]] = {}
        self._patients: dict[str, str] = {}
        labels: dict[str, int | None] = {}
        for place, inside in self._case_folders():
            case = place.name
            self._files[case] = self._parts(place, inside)
            grade = place.parent.name
            labels[case] = self.classes.index(grade) if grade in self.classes else None
            # the last number counts the scans of a patient; in 2020 it counts the cases
            self._patients[case] = case if case.startswith("BraTS20_") else _without_visit(case)
        self.ids = sorted(self._files)
        kinds = {tuple(k for k in files if k != "seg") for files in self._files.values()}
        if len(kinds) > 1:
            self.damaged(self.root, f"cases with differing sequences: {sorted(kinds)}")
        self.sequences: tuple[str, ...] = next(iter(kinds), ())
        self.labels = labels | self._grades()
        self._people = self._table("survival_info.csv", "Brats20ID")

    def _case_folders(self) -> Iterator[tuple[Path, dict[str, Path]]]:
        """Folders with volumes, one or two levels down, and their files by name."""
        for place in _folders(self.root):
            if inside := volume_files(place):
                yield place, inside
                continue
            for deeper in _folders(place):
                if inside := volume_files(deeper):
                    yield deeper, inside

    def _parts(self, place: Path, inside: Mapping[str, Path]) -> dict[str, Path]:
        """Sequence or ``seg`` -> file, of one case."""
        if TRUTH in inside:
            names = {**DEEPMEDIC, "seg": TRUTH}
        else:
            names = {key: f"{place.name}_{key}" for key in (*OFFICIAL, "seg")}
            other = [name for name in inside if name.endswith("_Segm")]
            if names["seg"] not in inside and len(other) == 1:
                names["seg"] = other[0]  # W39_1998.09.19_Segm.nii, of case 355
        if missing := [name for name in names.values() if name not in inside]:
            self.damaged(place, f"wanted {', '.join(missing)} (.nii, .nii.gz), not found")
        return {key: inside[name] for key, name in names.items()}

    def _grades(self) -> dict[str, int]:
        """Class of each case, where the owner's table is there; takes the patient from it too."""
        rows = self._table("name_mapping.csv", "BraTS_2020_subject_ID")
        wanted = {name for name in rows if "Validation" not in name}
        if missing := sorted(wanted - set(self.ids)):
            self.damaged(
                self.root,
                f"name_mapping.csv names {len(wanted)} cases, {len(missing)} of them are not "
                f"here: {', '.join(missing[:5])}",
            )
        labels = {}
        for name in wanted:
            row = rows[name]
            if row.get("Grade") not in self.classes:
                self.damaged(
                    self.root,
                    f"name_mapping.csv: {name}: LGG or HGG wanted, found {row.get('Grade')!r}",
                )
            labels[name] = self.classes.index(row["Grade"])
            older = [row[key] for key in OLDER if row.get(key, "NA") != "NA"]
            if older:
                self._patients[name] = re.sub(r"^\w+?_", "", _without_visit(older[0]))
        return labels

    def _table(self, file: str, column: str) -> dict[str, dict[str, str]]:
        """Case -> row of a table beside the cases or a level below; empty without it."""
        for path in (*sorted(self.root.glob(file)), *sorted(self.root.glob(f"*/{file}"))):
            with path.open(newline="", encoding="utf-8-sig") as opened:
                rows = list(csv.DictReader(opened))
            if not all(column in row for row in rows):
                self.damaged(path, f"wanted a column {column}")
            return {row[column]: row for row in rows if row[column] not in ("", "NA")}
        return {}

    @property
    def groups(self) -> dict[str, str]:
        """Id -> patient."""
        return {name: self._patients[name] for name in self.ids}

    def _read(self, name: str) -> Case:
        files = self._files[name]
        images: list[NDArray[np.float32]] = []
        affine = np.eye(4)
        for sequence in self.sequences:
            image, grid = read_volume(files[sequence], self.fix)
            if not images:
                affine = grid
            elif image.shape != images[0].shape or lies_apart(affine, grid, image.shape):
                self.damaged(
                    files[sequence],
                    f"its grid {image.shape} differs from that of {files[self.sequences[0]].name}, "
                    f"{images[0].shape}, or lies elsewhere in the patient",
                )
            images.append(image.astype(np.float32))
        known = range(len(LABEL_NAMES))
        return Case(
            id=name,
            image=np.stack(images),
            mask=read_labels(files["seg"], self.fix, images[0].shape, affine, known),
            label=self.labels[name],
            metadata={
                "sequences": self.sequences, "label_names": LABEL_NAMES, "affine": affine,
                **self._person(name),
            },
            spacing=spacing_of(affine),
        )  # fmt: skip

    def _person(self, name: str) -> dict[str, Any]:
        row = self._people.get(name)
        if row is None:
            return {}
        days, resection = row.get("Survival_days") or "", row.get("Extent_of_Resection")
        return {
            "age": float(row["Age"]) if row.get("Age") else None,
            "survival": int(days) if days.isdigit() else days or None,
            "resection": None if resection == "NA" else resection,
        }


def _without_visit(name: str) -> str:
    return re.sub(r"_\d+$", "", name)


def _folders(inside: Path) -> list[Path]:
    """Folders in a folder, sorted; hidden ones and validation cases passed over."""
    return [
        path
        for path in sorted(inside.iterdir())
        if path.is_dir() and not path.name.startswith(".") and "Validation" not in path.name
    ]
