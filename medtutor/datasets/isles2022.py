"""ISLES 2022: stroke lesions in diffusion MR, with FLAIR brought to the grid of the diffusion."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from medtutor.datasets.case import Case
from medtutor.datasets.labelled_set import LabelledSet
from medtutor.datasets.scan import read_volume
from medtutor.datasets.volumes import lies_apart, read_labels, resampled, spacing_of, volume_files

SEQUENCES = ("dwi", "adc", "flair")
LABEL_NAMES = ("background", "stroke lesion")


class Isles2022(LabelledSet[Case]):
    """The labelled cases as a sequence; images (3, D, H, W): DWI, ADC, FLAIR, in their own units.

    The lesion was drawn on the diffusion images, DWI and ADC share one grid with it, and FLAIR
    lies on its own. The reader brings FLAIR to that grid by the headers alone, linear between
    voxels, without registration: a head that moved between the two is displaced. A mask may be
    empty. Metadata name the FLAIR file for who wants it as it is.

    Knows the archive's layout, ``sub-strokecase0001/ses-0001/`` with ``dwi/`` and ``anat/``
    folders or without, at the top or below ``rawdata/``; masks are below ``derivatives/``. Tested
    on made files in these layouts, not on the release.

    Args:
        root: the folder that holds ``derivatives``; found through ``$MEDTUTOR_DATA`` by default.

    Raises:
        DatasetAbsent: it is not on this machine; the message says how to get it.
        DatasetDamaged: a mask without one of its sequences, or sequences without their mask.
    """

    name = "isles2022"

    def _open(self) -> None:
        top = self.root / "rawdata" if (self.root / "rawdata").is_dir() else self.root
        self._files: dict[str, dict[str, Path]] = {}
        sessions = {p.relative_to(top) for p in top.glob("sub-*/ses-*") if p.is_dir()}
        masks = self.root / "derivatives"
        drawn = {p.relative_to(masks) for p in masks.glob("sub-*/ses-*") if p.is_dir()}
        if alone := sorted(map(str, sessions ^ drawn)):
            self.damaged(
                masks,
                f"{len(sessions)} sessions and {len(drawn)} with masks do not pair; alone: "
                f"{', '.join(alone[:5])}",
            )
        for session in sessions:
            case = f"{session.parts[0]}_{session.parts[1]}"
            places = [top / session, top / session / "dwi", top / session / "anat"]
            inside = {
                name.lower(): path
                for place in places
                if place.is_dir()
                for name, path in volume_files(place).items()
            }
            mask = volume_files(masks / session).get(f"{case}_msk")
            if missing := [s for s in SEQUENCES if f"{case}_{s}".lower() not in inside]:
                self.damaged(top / session, f"wanted {', '.join(missing)}, not found")
            if mask is None:
                self.damaged(masks / session, f"wanted {case}_msk.nii.gz, not found")
            self._files[case] = {s: inside[f"{case}_{s}".lower()] for s in SEQUENCES}
            self._files[case]["mask"] = mask
        self.ids = sorted(self._files)

    @property
    def groups(self) -> dict[str, str]:
        """Id -> patient."""
        return {name: name.split("_")[0] for name in self.ids}

    def _read(self, name: str) -> Case:
        files = self._files[name]
        dwi, affine = read_volume(files["dwi"], self.fix)
        adc, grid = read_volume(files["adc"], self.fix)
        if adc.shape != dwi.shape or lies_apart(affine, grid, dwi.shape):
            self.damaged(
                files["adc"],
                f"its grid {adc.shape} differs from that of the DWI, {dwi.shape}, or lies "
                "elsewhere in the patient",
            )
        flair, own = read_volume(files["flair"], self.fix)
        flair = resampled(flair.astype(np.float32), own, dwi.shape, affine)
        return Case(
            id=name,
            image=np.stack([dwi.astype(np.float32), adc.astype(np.float32), flair]),
            mask=read_labels(files["mask"], self.fix, dwi.shape, affine, (0, 1)),
            metadata={
                "sequences": SEQUENCES, "label_names": LABEL_NAMES, "affine": affine,
                "flair_file": files["flair"],
            },
            spacing=spacing_of(affine),
        )  # fmt: skip
