"""PH2: dermoscopy of nevi and melanomas with lesion masks and the signs an expert saw."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medtutor.datasets.case import Case
from medtutor.datasets.classified import ClassifiedSet

CLASSES = ("common nevus", "atypical nevus", "melanoma")
ASYMMETRY = ("none", "in one axis", "in both axes")
SEEN = {"A": "absent", "AT": "atypical", "P": "present", "T": "typical"}
COLOURS = ("white", "red", "light brown", "dark brown", "blue-gray", "black")
SIGNS = ("Pigment Network", "Dots/Globules", "Streaks", "Regression Areas", "Blue-Whitish Veil")
TABLE = "PH2_dataset.txt"


class Ph2(ClassifiedSet):
    """The 200 images as a sequence; the class is the clinical diagnosis.

    Knows the owner's layout: ``PH2 Dataset images/IMD002/IMD002_Dermoscopic_Image/IMD002.bmp``,
    ``.../IMD002_lesion/IMD002_lesion.bmp``, and ``PH2_dataset.txt`` beside it or inside; written
    from public programs that read it, tried on made files only. The colour regions
    (``IMD002_roi``) are not read.

    Metadata: histology (None for most nevi, which were not excised), asymmetry, pigment_network,
    dots_globules, streaks, regression_areas, blue_whitish_veil, colours (a tuple). Patients are
    not named, so the split is by image.
    """

    name = "ph2"
    classes = CLASSES
    cases = 200
    """How many images the set has at its owner's."""

    def _open(self) -> None:
        names = ("PH2 Dataset images", "PH2_Dataset_images")
        inside = next((self.root / n for n in names if (self.root / n).is_dir()), self.root)
        named = (p for p in sorted(inside.glob("IMD*")) if re.fullmatch(r"IMD\d+", p.name))
        folders = {p.name: p for p in named if p.is_dir()}
        if not folders:
            self.damaged(inside, "wanted one folder an image (IMD002, IMD003, ...), found none")
        if len(folders) != self.cases:
            self.damaged(inside, f"{self.cases} folders IMD... wanted, found {len(folders)}")
        self._files: dict[str, tuple[Path, Path]] = {}
        for name, folder in folders.items():
            pair = (
                folder / f"{name}_Dermoscopic_Image" / f"{name}.bmp",
                folder / f"{name}_lesion" / f"{name}_lesion.bmp",
            )
            if lost := next((path for path in pair if not path.is_file()), None):
                self.damaged(lost, "the file is missing")
            self._files[name] = pair
        self.ids = sorted(folders)
        places = (self.root / TABLE, inside / TABLE, self.root.parent / TABLE)
        table = next((path for path in places if path.is_file()), None)
        if table is None:
            self.damaged(places[0], "the table of diagnoses is missing")
        self._take_table(table)

    def _take_table(self, table: Path) -> None:
        """Rows as ``|| IMD003 || histology || 0 || 0 | T | A ... || 4 ||`` under a heading."""
        try:
            lines = table.read_text(encoding="utf-8-sig", errors="replace").splitlines()
        except OSError as error:
            self.damaged(table, f"cannot be read ({error})")
        heading: list[str] = []
        rows: dict[str, Mapping[str, str]] = {}
        for line in lines:
            cells = [cell.strip() for cell in re.split(r"\|+", line.strip().strip("|"))]
            if "Name" in cells:
                heading = cells
            elif cells and re.fullmatch(r"IMD\d+", cells[0]):
                if len(cells) != len(heading):
                    self.damaged(
                        table, f"{cells[0]}: {len(heading)} columns wanted, found {len(cells)}"
                    )
                rows[cells[0]] = dict(zip(heading, cells, strict=True))
        if missing := [name for name in self.ids if name not in rows]:
            self.damaged(table, f"no row for {', '.join(missing[:5])}")
        self.labels = {}
        self._signs: dict[str, dict[str, Any]] = {}
        for name in self.ids:
            row = rows[name]
            self.labels[name] = self._code(table, name, row, "Clinical Diagnosis", CLASSES)
            self._signs[name] = self._signs_of(table, name, row)

    def _signs_of(self, table: Path, name: str, row: Mapping[str, str]) -> dict[str, Any]:
        signs = {}
        for column in SIGNS:
            if (said := row.get(column, "")) not in SEEN:
                self.damaged(table, f"{name}: {column} wanted {', '.join(SEEN)}, found {said!r}")
            signs[re.sub(r"\W", "_", column.lower())] = SEEN[said]
        numbers = [int(n) for n in re.findall(r"\d+", row.get("Colors", ""))]
        if not numbers or min(numbers) < 1 or max(numbers) > len(COLOURS):
            self.damaged(table, f"{name}: Colors wanted numbers 1 to 6, found {numbers}")
        asymmetry = self._code(table, name, row, "Asymmetry", ASYMMETRY)
        return {
            "histology": row.get("Histological Diagnosis") or None,
            "asymmetry": ASYMMETRY[asymmetry],
            **signs,
            "colours": tuple(COLOURS[n - 1] for n in numbers),
        }

    def _code(
        self, table: Path, name: str, row: Mapping[str, str], column: str, meanings: tuple[str, ...]
    ) -> int:
        """A number that stands for one of the meanings."""
        said = row.get(column, "")
        if said not in map(str, range(len(meanings))):
            self.damaged(
                table, f"{name}: {column} wanted 0 to {len(meanings) - 1}, found {said!r}"
            )
        return int(said)

    def _read(self, name: str) -> Case:
        return self._case(name, *self._files[name], self._signs[name])
