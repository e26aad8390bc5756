"""VascuSynth's published volumes: made vascular trees, with their nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from medtutor.datasets.case import Case
from medtutor.datasets.labelled_set import LabelledSet, natural
from medtutor.datasets.metaimage import read_mhd
from medtutor.datasets.volumes import spacing_of

TREES = 12
LABEL_NAMES = ("background", "vessel")


class VascuSynth(LabelledSet[Case]):
    """The trees as a sequence, ``Group1_data1``; images (1, D, H, W) as stored, 0 to 255.

    A voxel is vessel where its value is above 0: the volumes carry no noise, and three public
    programs take them so. Axes are z, y, x of the file; there is no patient to orient by.
    ``nodes`` gives the tree itself. Each volume is a tree of its own.

    Knows the layout ``Group1/data1/testVascuSynth1_101_101_101_uchar.mhd`` with its ``.raw``
    beside it, as those programs read it; groups that are absent are passed over. Tested on made
    files in this layout: the owner's README was not seen.

    Args:
        root: the folder that holds ``Group1``; found through ``$MEDTUTOR_DATA`` by default.

    Raises:
        DatasetAbsent: it is not on this machine; the message says how to get it.
        DatasetDamaged: a group does not have twelve trees, or a folder not one volume.
    """

    name = "vascusynth"

    def _open(self) -> None:
        self._files: dict[str, Path] = {}
        groups = (p for p in sorted(self.root.glob("Group*")) if p.is_dir())
        for group in groups:
            folders = [p for p in group.glob("data*") if p.is_dir()]
            if len(folders) != TREES:
                self.damaged(group, f"{TREES} folders data1, ... wanted, found {len(folders)}")
            for folder in folders:
                headers = [p for p in folder.glob("*.mhd") if not p.name.startswith(".")]
                if len(headers) != 1:
                    self.damaged(folder, f"one volume (.mhd) wanted, found {len(headers)}")
                self._files[f"{group.name}_{folder.name}"] = headers[0]
        self.ids = sorted(self._files, key=natural)

    def _read(self, name: str) -> Case:
        stored, affine = read_mhd(self._files[name], self.fix)
        array = np.ascontiguousarray(stored.T)  # (Z, Y, X)
        vessel = array > 0
        if not vessel.any() or vessel.mean() > 0.5:
            self.damaged(
                self._files[name],
                f"{vessel.mean():.0%} of the voxels are above 0, wanted some and fewer than half: "
                "it is empty, or noise was added",
            )
        spacing = spacing_of(affine)
        return Case(
            id=name,
            image=array[None].astype(np.float32),
            mask=vessel.astype(np.int64),
            metadata={"group": name.split("_")[0], "label_names": LABEL_NAMES},
            spacing=spacing[::-1],
        )

    def nodes(self, name: str) -> list[dict[str, Any]]:
        """The nodes of a tree, as the owner's MATLAB file holds them.

        Each has ``type`` (``bif`` for a bifurcation) and ``coord``, three numbers; what else it
        has is given as it is. In which order of axes they stand, and whether they count from 0 or
        1, was not stated where the format was read: hold them against the volume.

        Args:
            name: id of the tree.
        """
        from scipy.io import loadmat

        files = sorted(self._files[name].parent.glob("treeStructure*.mat"))
        if len(files) != 1:
            self.damaged(
                self._files[name].parent, f"one treeStructure_*.mat wanted, found {len(files)}"
            )
        try:
            read = loadmat(files[0], simplify_cells=True)["node"]
            nodes: list[dict[str, Any]] = np.atleast_1d(read).tolist()
            for node in nodes:
                node["type"], node["coord"] = str(node["type"]), np.asarray(node["coord"], float)
        except Exception as error:  # scipy raises many kinds on a broken file
            self.damaged(
                files[0], f"cannot be read as MATLAB nodes with type and coord ({error!r})"
            )
        return nodes
