"""Data Science Bowl 2018: nuclei in fluorescence, stained tissue and brightfield, each numbered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from medtutor.datasets.case import Case
from medtutor.datasets.instances import merged, read_instances
from medtutor.datasets.pictures import PictureSet, files_by_stem, read_picture
from medtutor.datasets.tables import read_table


class Dsb2018(PictureSet):
    """Images with their nuclei numbered: ``stage1_train`` with a file a nucleus, or merged maps.

    Official: ``stage1_train/ID/images/ID.png`` and ``stage1_train/ID/masks/*.png``. Reduced:
    ``images/``, ``labels/`` (one map an image) and ``index.csv``, with the group of stain.
    The community's corrected copy in the official layout has 664 images.

    Nothing names the slides: many images are neighbouring cuts of one larger picture, so that a
    split by image is easier than new slides would be. Nuclei are not sorted into kinds.
    """

    name = "dsb2018"
    cases: ClassVar[tuple[int, ...]] = (670, 664)
    """How many images a whole ``stage1_train`` has: the owner's, the corrected copy."""

    def _open(self) -> None:
        self._images: dict[str, Path] = {}
        self._nuclei: dict[str, tuple[Path, ...]] = {}
        self._rows: dict[str, Mapping[str, Any]] = {}
        self._merged = not (self.root / "stage1_train").is_dir()
        if self._merged:
            self._open_merged()
        else:
            self._open_official()
        self.ids = sorted(self._images)

    def _open_official(self) -> None:
        train = self.root / "stage1_train"
        places = [p for p in train.iterdir() if p.is_dir() and p.name[0] not in "._"]
        for place in sorted(places):
            images = files_by_stem(place / "images", (".png",))
            if list(images) != [place.name]:
                self.damaged(
                    place / "images", f"{place.name}.png wanted, found {sorted(images) or 'none'}"
                )
            nuclei = tuple(files_by_stem(place / "masks", (".png",)).values())
            if not nuclei:
                self.damaged(place / "masks", "a mask for each nucleus wanted, found none")
            self._images |= images
            self._nuclei[place.name] = nuclei
            self._rows[place.name] = {"nuclei": len(nuclei)}
        if len(places) not in self.cases:
            wanted = " or ".join(map(str, self.cases))
            self.damaged(train, f"{wanted} folders wanted, one an image, found {len(places)}")

    def _open_merged(self) -> None:
        table = self.root / "index.csv"
        self._images = files_by_stem(self.root / "images", (".png",))
        maps = files_by_stem(self.root / "labels", (".png",))
        self._nuclei = {name: (path,) for name, path in maps.items()}
        if alone := sorted(set(self._images) ^ set(maps)):
            self.damaged(
                self.root / "labels", f"images and maps do not pair; alone: {', '.join(alone[:5])}"
            )
        wanted = ("id", "original_id", "stain_group", "n_nuclei")
        rows = {row["id"]: row for row in read_table(table, wanted, self.fix)}
        if alone := sorted(set(self._images) ^ set(rows)):
            self.damaged(table, f"rows and images do not pair; alone: {', '.join(alone[:5])}")
        if odd := [name for name, row in rows.items() if not row["n_nuclei"].isdigit()]:
            self.damaged(table, f"{odd[0]}: n_nuclei wanted as a whole number")
        self._rows = {
            name: {
                "nuclei": int(row["n_nuclei"]),
                "stain": row["stain_group"],
                "original_id": row["original_id"],
            }
            for name, row in rows.items()
        }

    @property
    def stains(self) -> dict[str, str]:
        """Id -> group of stain, where the copy has it: ``purple_on_white``, ``fluorescence``."""
        return {name: row["stain"] for name, row in self._rows.items() if "stain" in row}

    def _read(self, name: str) -> Case:
        image = read_picture(self._images[name], self.fix)
        files, shape = self._nuclei[name], image.shape[1:]
        if self._merged:
            mask = read_instances(files[0], self.fix, shape)
            if mask.max() != self._rows[name]["nuclei"]:
                self.damaged(
                    files[0], f"{self._rows[name]['nuclei']} nuclei wanted, found {mask.max()}"
                )
        else:
            mask = merged(files, self.fix, shape)
        return Case(id=name, image=image, mask=mask, metadata=self._rows[name])
