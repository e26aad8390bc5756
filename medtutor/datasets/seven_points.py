"""The seven-point checklist as derm7pt writes it: criteria, their labels, points and groups.

Labels and points: table 1 of Kawahara et al., JBHI 2019, through the owner's program
(jeremykawahara/derm7pt, dataset.py); the checklist itself is by Argenziano et al., Arch. Dermatol.
134, 1998, 1563-1570. Three majors count two points each, four minors one: 10 at most.
"""

from __future__ import annotations

# Criterion -> its grouped labels, each with the words of the table that it stands for.
_LABELS: dict[str, dict[str, tuple[str, ...]]] = {
    "pigment_network": {
        "absent": ("absent",),
        "typical": ("typical",),
        "atypical": ("atypical",),
    },
    "blue_whitish_veil": {"absent": ("absent",), "present": ("present",)},
    "vascular_structures": {
        "absent": ("absent",),
        "regular": ("arborizing", "comma", "hairpin", "within regression", "wreath"),
        "irregular": ("dotted", "linear irregular"),
    },
    "pigmentation": {
        "absent": ("absent",),
        "regular": ("diffuse regular", "localized regular"),
        "irregular": ("diffuse irregular", "localized irregular"),
    },
    "streaks": {"absent": ("absent",), "regular": ("regular",), "irregular": ("irregular",)},
    "dots_and_globules": {
        "absent": ("absent",),
        "regular": ("regular",),
        "irregular": ("irregular",),
    },
    "regression_structures": {
        "absent": ("absent",),
        "present": ("blue areas", "white areas", "combinations"),
    },
}
_DIAGNOSES: dict[str, tuple[str, ...]] = {
    "basal cell carcinoma": ("basal cell carcinoma",),
    "nevus": (
        "blue nevus", "clark nevus", "combined nevus", "congenital nevus", "dermal nevus",
        "recurrent nevus", "reed or spitz nevus",
    ),
    "melanoma": (
        "melanoma", "melanoma (in situ)", "melanoma (less than 0.76 mm)",
        "melanoma (0.76 to 1.5 mm)", "melanoma (more than 1.5 mm)", "melanoma metastasis",
    ),
    "miscellaneous": (
        "dermatofibroma", "lentigo", "melanosis", "miscellaneous", "vascular lesion",
    ),
    "seborrheic keratosis": ("seborrheic keratosis",),
}  # fmt: skip
_MAJOR = ("pigment_network", "blue_whitish_veil", "vascular_structures")

CRITERIA = tuple(_LABELS)
"""The seven, as the table's columns are called; the three majors first."""
LABELS: dict[str, tuple[str, ...]] = {name: tuple(groups) for name, groups in _LABELS.items()}
"""Criterion -> its grouped labels; the last one is the one that scores."""
POINTS = {name: 2 if name in _MAJOR else 1 for name in CRITERIA}
"""What the last label of a criterion scores."""
DIAGNOSES = tuple(_DIAGNOSES)
"""The five groups of diagnoses."""


def grouped(column: str, said: str) -> int | None:
    """Class number of what the table says, grouped as in the paper; None for unknown words.

    Args:
        column: one of ``CRITERIA``, or ``diagnosis``.
        said: the words of the table.
    """
    groups = _DIAGNOSES if column == "diagnosis" else _LABELS[column]
    found = [number for number, words in enumerate(groups.values()) if said in words]
    return found[0] if found else None


def points(criterion: str, said: str) -> int:
    """What a criterion adds to the seven-point score: its points for the last label, else 0."""
    scores = grouped(criterion, said) == len(_LABELS[criterion]) - 1
    return POINTS[criterion] if scores else 0
