"""DRIVE: 40 fundus photographs with vessels drawn by one observer, the test part also by a second.

The owner forbids copies, so that this reader was written from the published layout and has seen
made files of that layout only.
"""

from __future__ import annotations

from typing import ClassVar

from medtutor.datasets.fundus import FundusSet
from medtutor.datasets.pictures import files_by_stem

ENDINGS = (".tif", ".tiff", ".gif", ".png")


class Drive(FundusSet):
    """Your own copy: ``training/`` and ``test/``, each with ``images``, ``1st_manual``, ``mask``.

    Ids are the owner's numbers: ``01`` to ``20`` are test, ``21`` to ``40`` training. Newer
    distributions leave the drawings of the test part out: its masks are None then. Where
    ``test/2nd_manual`` is there, ``metadata["second_observer"]`` is its mask, (H, W) int64.
    """

    name = "drive"
    in_a_part: ClassVar[int] = 20
    parts: ClassVar[tuple[tuple[str, str], ...]] = (("train", "training"), ("test", "test"))

    def _open(self) -> None:
        self._photographs, self._vessels, self._fields, self._second = {}, {}, {}, {}
        self.official = {}
        for split, folder in self.parts:
            if (self.root / folder / "images").is_dir():
                self._open_part(split, folder)
        self.ids = sorted(self._photographs)

    def _open_part(self, split: str, folder: str) -> None:
        where = self.root / folder
        images = files_by_stem(where / "images", ENDINGS, cut=f"_{folder}")
        if len(images) != self.in_a_part:
            self.damaged(
                where / "images",
                f"{self.in_a_part} photographs NN_{folder}.tif wanted, found {len(images)}",
            )
        first = files_by_stem(where / "1st_manual", ENDINGS, cut="_manual1")
        second = files_by_stem(where / "2nd_manual", ENDINGS, cut="_manual2")
        fields = files_by_stem(where / "mask", ENDINGS, cut=f"_{folder}_mask")
        for name, drawn in (("1st_manual", first), ("2nd_manual", second), ("mask", fields)):
            if drawn or (name, split) == ("1st_manual", "train"):
                self._paired(where / name, images, drawn)
        self._photographs |= images
        self._vessels |= first
        self._second |= second
        self._fields |= fields
        self.official = {**self.official, **dict.fromkeys(images, split)}
