"""What is known about the members of MedMNIST: classes, numbers of images, channels, licence.

Numbers, classes and licences as medmnist 3.0.2 states them (MedMNIST/MedMNIST, medmnist/info.py).
Its release 2.2.4 took blank images out of three organ sets: older files hold other numbers. The
checksums stand in registry.toml.
"""

from __future__ import annotations

from typing import NamedTuple

SMALL = 28
LARGER = (64, 128, 224)


class Member(NamedTuple):
    """One member, of any size."""

    classes: tuple[str, ...]
    """What the label numbers mean."""
    counts: tuple[int, int, int]
    """Images for train, val and test."""
    channels: int
    spatial: int = 2
    """2: images, 3: volumes."""
    findings: bool = False
    """Several of the classes can be present in an image, or none."""
    licence: str = "CC BY 4.0"


# fmt: off
_ORGANS = (
    "bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right", "liver",
    "lung-left", "lung-right", "pancreas", "spleen",
)
MEMBERS: dict[str, Member] = {
    "pathmnist": Member(
        (
            "adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle",
            "normal colon mucosa", "cancer-associated stroma",
            "colorectal adenocarcinoma epithelium",
        ),
        (89996, 10004, 7180), 3,
    ),
    "chestmnist": Member(
        (
            "atelectasis", "cardiomegaly", "effusion", "infiltration", "mass", "nodule",
            "pneumonia", "pneumothorax", "consolidation", "edema", "emphysema", "fibrosis",
            "pleural", "hernia",
        ),
        (78468, 11219, 22433), 1, findings=True,
    ),
    "dermamnist": Member(
        (
            "actinic keratoses and intraepithelial carcinoma", "basal cell carcinoma",
            "benign keratosis-like lesions", "dermatofibroma", "melanoma", "melanocytic nevi",
            "vascular lesions",
        ),
        (7007, 1003, 2005), 3, licence="CC BY-NC 4.0",
    ),
    "octmnist": Member(
        ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
        (97477, 10832, 1000), 1,
    ),
    "pneumoniamnist": Member(
        ("normal", "pneumonia"),
        (4708, 524, 624), 1,
    ),
    "retinamnist": Member(
        (
            "retinopathy grade 0", "retinopathy grade 1", "retinopathy grade 2",
            "retinopathy grade 3", "retinopathy grade 4",
        ),
        (1080, 120, 400), 3,
    ),
    "breastmnist": Member(
        ("malignant", "normal, benign"),
        (546, 78, 156), 1,
    ),
    "bloodmnist": Member(
        (
            "basophil", "eosinophil", "erythroblast",
            "immature granulocytes(myelocytes, metamyelocytes and promyelocytes)", "lymphocyte",
            "monocyte", "neutrophil", "platelet",
        ),
        (11959, 1712, 3421), 3,
    ),
    "tissuemnist": Member(
        (
            "Collecting Duct, Connecting Tubule", "Distal Convoluted Tubule",
            "Glomerular endothelial cells", "Interstitial endothelial cells", "Leukocytes",
            "Podocytes", "Proximal Tubule Segments", "Thick Ascending Limb",
        ),
        (165466, 23640, 47280), 1,
    ),
    "organamnist": Member(
        _ORGANS,
        (34561, 6491, 17778), 1,
    ),
    "organcmnist": Member(
        _ORGANS,
        (12975, 2392, 8216), 1,
    ),
    "organsmnist": Member(
        _ORGANS,
        (13932, 2452, 8827), 1,
    ),
    "organmnist3d": Member(
        (
            "liver", "kidney-right", "kidney-left", "femur-right", "femur-left", "bladder",
            "heart", "lung-right", "lung-left", "spleen", "pancreas",
        ),
        (971, 161, 610), 1, spatial=3,
    ),
    "nodulemnist3d": Member(
        ("benign", "malignant"),
        (1158, 165, 310), 1, spatial=3,
    ),
    "adrenalmnist3d": Member(
        ("normal", "hyperplasia"),
        (1188, 98, 298), 1, spatial=3,
    ),
    "fracturemnist3d": Member(
        ("buckle rib fracture", "nondisplaced rib fracture", "displaced rib fracture"),
        (1027, 103, 240), 1, spatial=3,
    ),
    "vesselmnist3d": Member(
        ("vessel", "aneurysm"),
        (1335, 191, 382), 1, spatial=3,
    ),
    "synapsemnist3d": Member(
        ("inhibitory synapse", "excitatory synapse"),
        (1230, 177, 352), 1, spatial=3,
    ),
}
# fmt: on
