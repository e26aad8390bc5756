"""HRF: fundus photographs of 3504 x 2336 pixels with vessels; healthy, diabetic, glaucoma."""

from __future__ import annotations

from typing import ClassVar

from medtutor.datasets.classified import ClassifiedSet
from medtutor.datasets.fundus import FundusSet
from medtutor.datasets.pictures import files_by_stem
from medtutor.datasets.tables import read_table

ENDINGS = (".jpg", ".png", ".tif", ".tiff")


class Hrf(FundusSet, ClassifiedSet):
    """45 photographs, fifteen a class: the official folders, or a reduced copy with index.csv.

    Official: ``images/01_h.jpg`` (or .JPG), ``manual1/01_h.tif``, ``mask/01_h_mask.tif``, with
    ``h`` healthy, ``dr`` diabetic retinopathy, ``g`` glaucoma. A class may be absent, since the
    owner gives the classes one by one too; one that is there must be whole. Nothing says whether
    one person gave several photographs; a split is by photograph.
    """

    name = "hrf"
    classes = ("healthy", "diabetic retinopathy", "glaucoma")
    endings: ClassVar[tuple[str, ...]] = ("h", "dr", "g")
    """What the names of each class end in."""
    in_a_class: ClassVar[int] = 15

    def _open(self) -> None:
        where = self.root / "images"
        self._photographs = files_by_stem(where, ENDINGS)
        self._vessels = files_by_stem(self.root / "manual1", ENDINGS)
        self._fields = files_by_stem(self.root / "mask", ENDINGS, cut="_mask")
        self._second = {}
        self._paired(self.root / "manual1", self._photographs, self._vessels)
        if self._fields:
            self._paired(self.root / "mask", self._photographs, self._fields)
        self.ids = sorted(self._photographs)
        self.labels = {}
        for name in self.ids:
            _, _, ending = name.rpartition("_")
            if ending not in self.endings:
                self.damaged(
                    self._photographs[name],
                    f"a name that ends in _{', _'.join(self.endings)} wanted",
                )
            self.labels[name] = self.endings.index(ending)
        if (self.root / "index.csv").is_file():
            self._as_in_the_index()
            return
        for number, kind in enumerate(self.classes):
            found = list(self.labels.values()).count(number)
            if found not in (0, self.in_a_class):
                self.damaged(where, f"{self.in_a_class} photographs {kind} wanted, found {found}")

    def _as_in_the_index(self) -> None:
        """The reduced copy has a row for each photograph."""
        table = self.root / "index.csv"
        lines = read_table(table, ("id", "group"), self.fix)
        rows = {line["id"]: line["group"].replace("_", " ") for line in lines}
        if alone := sorted(set(rows) ^ set(self.ids)):
            self.damaged(table, f"rows and photographs do not pair; alone: {', '.join(alone[:5])}")
        for name, group in rows.items():
            wanted = self.classes[self.endings.index(name.rpartition("_")[2])]
            if group != wanted:
                self.damaged(table, f"{name}: {wanted} wanted by its name, found {group!r}")
