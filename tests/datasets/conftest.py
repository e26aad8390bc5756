"""Tiny made data sets in the layouts of the real ones."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image


def write_volume(path: Path, array: np.ndarray, spacing=(1.0, 1.0, 1.0)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, np.diag([*spacing, 1.0])), path)
    return path


def write_picture(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array.astype(np.uint8)).save(path)
    return path


@pytest.fixture
def hippocampus(tmp_path) -> Path:
    """Three scans of differing size, with the odd files that the official archive holds."""
    rng = np.random.default_rng(0)
    root = tmp_path / "data" / "msd_hippocampus"
    for number, shape in ((7, (6, 8, 5)), (1, (5, 9, 6)), (30, (7, 7, 7))):
        label = np.zeros(shape, np.uint8)
        label[2:4, 2:4, 2:4], label[2:4, 4:6, 2:4] = 2, 1  # posterior behind, anterior in front
        image = rng.normal(1000, 200, shape).astype(np.float32)
        write_volume(root / "imagesTr" / f"hippocampus_{number:03}.nii.gz", image)
        write_volume(root / "labelsTr" / f"hippocampus_{number:03}.nii.gz", label)
        (root / "imagesTr" / f"._hippocampus_{number:03}.nii.gz").write_bytes(b"\0\5\x16\7")
    (root / "imagesTr" / ".DS_Store").write_bytes(b"x")
    write_volume(root / "imagesTs" / "hippocampus_999.nii.gz", np.zeros((4, 4, 4), np.float32))
    (root / "dataset.json").write_text('{"numTraining": 3}', encoding="utf-8")
    return root


@pytest.fixture
def busi(tmp_path) -> Path:
    """Sixteen pictures; one benign has two lesions, and a near copy among the malignant."""
    rng = np.random.default_rng(0)
    root = tmp_path / "data" / "busi"

    def picture(name: str, kind: str, grey: np.ndarray, *boxes: tuple[slice, slice]) -> None:
        write_picture(root / kind / f"{name}.png", np.stack([grey] * 3, -1))
        for number, box in enumerate(boxes or (None,)):
            mask = np.zeros(grey.shape)
            if box is not None:
                mask[box] = 255
            ending = f"_{number}" if number else ""
            write_picture(root / kind / f"{name}_mask{ending}.png", mask)

    def speckle(height: int, width: int) -> np.ndarray:
        coarse = rng.uniform(20, 230, (6, 6))
        return np.kron(coarse, np.ones((height // 6 + 1, width // 6 + 1)))[:height, :width]

    first = speckle(60, 90)
    picture("benign (2)", "benign", first, np.s_[10:20, 10:30], np.s_[40:50, 60:80])
    picture("benign (10)", "benign", speckle(80, 64), np.s_[20:40, 20:40])
    picture("malignant (1)", "malignant", speckle(70, 70), np.s_[30:60, 10:50])
    # The same picture again, cropped by a few pixels, darker, and in another class.
    picture("malignant (3)", "malignant", 0.8 * first[1:-1, 2:-1], np.s_[9:19, 8:28])
    for number in (11, 12, 13):
        picture(f"benign ({number})", "benign", speckle(64, 80), np.s_[2:9, 2:9])
    for number in (4, 5, 6, 7):
        picture(f"malignant ({number})", "malignant", speckle(66, 77), np.s_[20:40, 30:60])
    for number in (1, 2, 3, 4, 5):
        picture(f"normal ({number})", "normal", speckle(50, 100))
    return root
