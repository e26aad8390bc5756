"""EXACT09: chest CT for the extraction of airways; a user's own copy."""

from __future__ import annotations

import locale
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtutor.datasets.case import Case
from medtutor.datasets.labelled_set import LabelledSet
from medtutor.datasets.metaimage import LPS_TO_RAS, read_mhd
from medtutor.datasets.places import DatasetDamaged
from medtutor.datasets.volumes import (
    read_labels,
    read_sequences,
    spacing_of,
    turned,
    volume_files,
)

ENDINGS = (".nii", ".nii.gz", ".mhd")
NAME = re.compile(r"CASE(\d\d)(\.nii|\.nii\.gz|\.mhd)?", re.IGNORECASE)
PARTS = {"train": range(1, 21), "test": range(21, 41)}
"""Split -> numbers of its cases."""
LABEL_NAMES = ("background", "airway")


class Exact09(LabelledSet[Case]):
    """The scans as a sequence, ``CASE01`` to ``CASE40``; images (1, D, H, W) in Hounsfield units.

    As the owner gives it: a folder of DICOM slices a case, which is read with the package
    SimpleITK. Or converted by you: ``CASE01.nii.gz``, ``.nii`` or ``.mhd``, in place of the folder
    or inside it. Cases lie at the top, or below ``Training`` and ``Testing``. A part that is
    absent is passed over, one that is there must be whole.

    The reference stays with the organisers, so there are no masks; your own, or another group's,
    are taken from ``airways/CASE01.nii.gz``. Tested on made files, not on the scans. That cases 1
    to 20 are the training set is from memory, and the two folders, where they are there, decide.

    Args:
        root: the folder that holds the cases; found through ``$MEDTUTOR_DATA`` by default.

    Raises:
        DatasetAbsent: it is not on this machine; the message says how to get it.
        DatasetDamaged: a part with fewer cases than it has, or a mask without its scan.
    """

    name = "exact09"

    def _open(self) -> None:
        self._files: dict[str, Path] = {}
        self.official = {f"CASE{k:02}": part for part, cases in PARTS.items() for k in cases}
        for folder, part in ((".", None), ("Training", "train"), ("Testing", "test")):
            place = self.root / folder
            for path in sorted(place.iterdir()) if place.is_dir() else ():
                match = NAME.fullmatch(path.name)
                if match and path.is_dir() == (match[2] is None):
                    case = f"CASE{match[1]}"
                    if case in self._files:
                        self.damaged(path, f"is here twice, also {self._files[case]}")
                    self._files[case] = path
                    self.official[case] = part or self.official.get(case, "train")
        self.ids = sorted(self._files)
        for part, cases in PARTS.items():
            here = [name for name in self.ids if self.official.get(name) == part]
            if here and len(here) != len(cases):
                self.damaged(self.root, f"{len(cases)} cases wanted for {part}, found {len(here)}")
        airways = self.root / "airways"
        self._masks = volume_files(airways) if airways.is_dir() else {}
        if alone := sorted(set(self._masks) - set(self.ids)):
            self.damaged(airways, f"masks without a scan: {', '.join(alone[:5])}")

    def _read(self, name: str) -> Case:
        image, affine = self._volume(self._files[name])
        airways = self._masks.get(name)
        mask = None
        if airways is not None:
            mask = read_labels(airways, self.fix, image.shape, affine, (0, 1))
        return Case(
            id=name,
            image=image[None],
            mask=mask,
            metadata={"label_names": LABEL_NAMES, "affine": affine},
            spacing=spacing_of(affine),
            split=self.official.get(name),
        )

    def _volume(self, path: Path) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """(D, H, W) and its affine, from whatever form the case has."""
        if path.is_dir():
            converted = volume_files(path, ENDINGS)
            if len(converted) > 1:
                self.damaged(path, f"one volume wanted, found {', '.join(converted)}")
            if not converted:
                array, affine = turned(*_dicom(path, self.fix))
                return np.ascontiguousarray(array, np.float32), affine
            path = next(iter(converted.values()))
        if path.name.lower().endswith(".mhd"):
            array, affine = turned(*read_mhd(path, self.fix))
            return np.ascontiguousarray(array, np.float32), affine
        image, affine = read_sequences(path, self.fix, 1)
        return image[0], affine


def _dicom(folder: Path, what_to_do: str) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The one series in a folder, axes (X, Y, Z), and its affine to (right, anterior, superior)."""
    try:
        sitk: Any = import_module("SimpleITK")
    except ImportError as error:
        raise DatasetDamaged(
            f"{folder}: DICOM slices are read with SimpleITK, which is not installed: "
            f"python -m pip install SimpleITK, or convert the case to {folder.name}.nii.gz"
        ) from error
    before = locale.setlocale(locale.LC_ALL)
    try:
        series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
        if len(series) != 1:
            raise DatasetDamaged(
                f"{folder}: one series of DICOM slices wanted, found {len(series)}; {what_to_do}"
            )
        files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), series[0])
        volume = sitk.ReadImage(files)
    except RuntimeError as error:
        raise DatasetDamaged(
            f"{folder}: cannot be read as DICOM ({error}); {what_to_do}"
        ) from error
    finally:
        locale.setlocale(locale.LC_ALL, before)  # the DICOM reader leaves the program's at "C"
    affine = np.eye(4)
    affine[:3, :3] = np.array(volume.GetDirection()).reshape(3, 3) * volume.GetSpacing()
    affine[:3, 3] = volume.GetOrigin()
    return sitk.GetArrayFromImage(volume).T, LPS_TO_RAS @ affine
