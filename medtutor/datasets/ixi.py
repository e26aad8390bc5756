"""IXI: brain MR of healthy people at three hospitals, five sequences, no masks."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtutor.datasets.case import Case
from medtutor.datasets.labelled_set import LabelledSet
from medtutor.datasets.split import Split, split_by_group
from medtutor.datasets.volumes import lies_apart, read_sequences, spacing_of

SEQUENCES = ("T1", "T2", "PD", "MRA", "DTI")
SITES = {
    "Guys": ("Guy's Hospital", 1.5),
    "HH": ("Hammersmith Hospital", 3.0),
    "IOP": ("Institute of Psychiatry", 1.5),
}
"""Name and field strength in tesla."""
FILE = re.compile(rf"(IXI\d+)-(\w+)-(\d+)-({'|'.join(SEQUENCES)})(?:-(\d+))?\.nii(?:\.gz)?")


class Ixi(LabelledSet[Case]):
    """Every scan as a case, ``IXI002-Guys-0828-T1``; its class is the sequence.

    The sequences of a person lie on grids of their own, so a case has one: images (1, D, H, W),
    for DTI (C, D, H, W) with one C a diffusion image. ``people`` says which scans a person has;
    a split keeps a person on one side.

    Knows the files of the owner's tars, in one folder or in a folder a sequence (``T1/``,
    ``IXI-T1/``); sequences that are absent are passed over. Age and sex come from the owner's
    ``IXI.xls`` beside them, which wants the package xlrd, or from the same sheet saved as
    ``IXI.csv``; rows that contradict each other give None. Tested on made files, not on the
    release.

    Args:
        root: the folder that holds the scans; found through ``$MEDTUTOR_DATA`` by default.

    Raises:
        DatasetAbsent: it is not on this machine; the message says how to get it.
        DatasetDamaged: a scan twice, an unknown hospital, or a diffusion image missing.
    """

    name = "ixi"
    classes = SEQUENCES

    def _open(self) -> None:
        found: dict[str, dict[int, Path]] = {}
        self._said: dict[str, tuple[str, str, str]] = {}
        places = [self.root]
        places += [self.root / f"{kind}{s}" for kind in ("", "IXI-") for s in SEQUENCES]
        for path in sorted(p for place in places if place.is_dir() for p in place.iterdir()):
            if not (match := FILE.fullmatch(path.name)):
                continue
            person, site, _, sequence, number = match.groups()
            case = path.name.split(".")[0] if number is None else path.name.rsplit("-", 1)[0]
            if site not in SITES:
                self.damaged(path, f"hospital wanted {', '.join(SITES)}, found {site!r}")
            volumes = found.setdefault(case, {})
            if int(number or 0) in volumes:
                self.damaged(path, f"is here twice, also {volumes[int(number or 0)]}")
            volumes[int(number or 0)] = path
            self._said[case] = (person, site, sequence)
        for volumes in found.values():
            if missing := sorted(set(range(min(volumes), max(volumes))) - set(volumes)):
                self.damaged(
                    volumes[max(volumes)], f"diffusion images before it are missing: {missing}"
                )
        self._files = {case: [v[k] for k in sorted(v)] for case, v in found.items()}
        self.ids = sorted(self._files)
        self.labels = {name: SEQUENCES.index(self._said[name][2]) for name in self.ids}

    @property
    def groups(self) -> dict[str, str]:
        """Id -> person."""
        return {name: self._said[name][0] for name in self.ids}

    def split(self, seed: int, fractions: Sequence[float] = (0.6, 0.2, 0.2)) -> Split:
        """Ids for train, valid and test: people whole, whichever sequences they have."""
        return split_by_group(self.groups, seed=seed, fractions=fractions)

    @cached_property
    def people(self) -> Mapping[str, Mapping[str, str]]:
        """Person -> sequence -> id of the scan."""
        people: dict[str, dict[str, str]] = {}
        for name in self.ids:
            person, _, sequence = self._said[name]
            people.setdefault(person, {})[sequence] = name
        return people

    def _read(self, name: str) -> Case:
        images: list[NDArray[np.float32]] = []
        affine = np.eye(4)
        for path in self._files[name]:
            image, grid = read_sequences(path, self.fix, 1)
            if not images:
                affine = grid
            elif image.shape != images[0].shape or lies_apart(affine, grid, image.shape[1:]):
                self.damaged(path, "its grid differs from that of the diffusion images before it")
            images.append(image)
        person, site, sequence = self._said[name]
        return Case(
            id=name,
            image=np.concatenate(images),
            label=self.labels[name],
            metadata={
                "person": person, "sequences": (sequence,) * len(images), "affine": affine,
                "site": SITES[site][0], "field_tesla": SITES[site][1],
                **self._table.get(person, {"age": None, "sex": None}),
            },
            spacing=spacing_of(affine),
        )  # fmt: skip

    @cached_property
    def _table(self) -> dict[str, dict[str, Any]]:
        """Person -> age in years and sex, from the owner's sheet; empty without it."""
        import pandas as pd

        sheet, saved = self.root / "IXI.xls", self.root / "IXI.csv"
        try:
            if saved.is_file():
                rows = pd.read_csv(saved)
            elif sheet.is_file():
                rows = pd.read_excel(sheet)
            else:
                return {}
        except ImportError:
            warnings.warn(
                f"{sheet} is read with xlrd, which is not installed: age and sex are left out "
                "(python -m pip install xlrd, or save the sheet as IXI.csv)",
                stacklevel=2,
            )
            return {}
        sexes = [column for column in rows.columns if str(column).startswith("SEX_ID")]
        if not sexes or not {"IXI_ID", "AGE"} <= set(rows.columns):
            self.damaged(
                saved if saved.is_file() else sheet,
                f"wanted columns IXI_ID, SEX_ID..., AGE, found {', '.join(map(str, rows.columns))}",
            )
        named: dict[float | None, str] = {1: "male", 2: "female"}
        return {
            f"IXI{int(float(str(number))):03}": {
                "age": _agreed(group["AGE"]), "sex": named.get(_agreed(group[sexes[0]]))
            }
            for number, group in rows.groupby("IXI_ID")
        }  # fmt: skip


def _agreed(column: Any) -> float | None:
    """The one value of a person's rows; None where there is none, or they differ. 0 is none."""
    values = {round(float(v), 6) for v in column.dropna() if float(v) > 0}
    return values.pop() if len(values) == 1 else None
