"""The MNI152 average head with tissue labels, read from the installed package nilearn."""

from __future__ import annotations

import warnings

import numpy as np

from medtutor.datasets.labelled_set import LabelledSet
from medtutor.datasets.places import folder
from medtutor.datasets.scan import Scan

LABELS = ("other", "grey matter", "white matter")


class Mni152(LabelledSet[Scan]):
    """The head at 2 mm as a set of one, so that it can be listed and shown as the others are."""

    name = "mni152"

    def _open(self) -> None:
        self.ids = ["mni152_2mm"]

    def _read(self, name: str) -> Scan:
        return load_mni152(2)


def load_mni152(resolution: int = 2) -> Scan:
    """T1 average head, its brain, with labels 0 other, 1 grey matter, 2 white matter. Offline.

    The label of a voxel is the likeliest of grey matter g, white matter w and anything else
    (1 - g - w), inside the brain mask; outside it is 0. So cerebrospinal fluid is "other". The
    average of many heads is smoother than any one of them.

    Args:
        resolution: voxel size in mm, 1 or 2.

    Returns:
        The scan, (95, 117, 99) voxels at 2 mm and (189, 233, 197) at 1 mm; intensities in [0, 1].
    """
    if resolution not in (1, 2):
        raise ValueError(f"resolution wants 1 or 2 (millimetres), given {resolution!r}")
    folder("mni152")  # says what to install where nilearn is absent
    import nibabel as nib
    from nilearn import datasets

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nilearn's notes about resampling
        t1 = datasets.load_mni152_template(resolution=resolution)
        volumes = [
            t1,
            datasets.load_mni152_gm_template(resolution=resolution),
            datasets.load_mni152_wm_template(resolution=resolution),
            datasets.load_mni152_brain_mask(resolution=resolution),
        ]
    to = nib.orientations.axcodes2ornt(("I", "P", "L"))
    turn = nib.orientations.ornt_transform(nib.orientations.io_orientation(t1.affine), to)
    turned = [volume.as_reoriented(turn) for volume in volumes]
    image, grey, white, brain = (np.asarray(volume.dataobj, np.float32) for volume in turned)
    label = np.stack([1 - grey - white, grey, white]).argmax(0) * (brain > 0)
    return Scan(
        id=f"mni152_{resolution}mm",
        image=np.ascontiguousarray(image.clip(0, 1)),
        label=label.astype(np.int64),
        spacing=(float(resolution),) * 3,
        affine=np.asarray(turned[0].affine),
        label_names=LABELS,
    )
