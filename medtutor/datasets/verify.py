"""Looking a data set through: checksums, layout, counts, and every case read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from tqdm.auto import tqdm

from medtutor.datasets.checksums import SUMS, wrong_files
from medtutor.datasets.finished import read_marker
from medtutor.datasets.labelled_set import open_set
from medtutor.datasets.places import DatasetDamaged, folder
from medtutor.datasets.registry import Facts


class Line(NamedTuple):
    """One thing looked at: ``ok``, ``note`` (could not be told) or ``wrong``, and words."""

    state: str
    text: str


def examine(about: Facts) -> list[Line]:
    """Check a set that is on this machine; DatasetAbsent where it is not."""
    return [_layout(about), *_files(about), *_cases(about)]


def _layout(about: Facts) -> Line:
    place = folder(about.name)
    marker = read_marker(place)
    if about.access == "package":
        return Line("ok", f"{place}: in the package {about.package}")
    if marker is None:
        return Line("note", f"{place}: layout as wanted; not put there by medtutor data get")
    return Line("ok", f"{place}: layout as wanted; finished {marker['date']}")


def _files(about: Facts) -> list[Line]:
    place = folder(about.name)
    if not (place / SUMS).is_file():
        return [Line("note", f"no {SUMS} in the folder: checksums of files not known")]
    checked, wrong = 0, []
    for name, text in tqdm(wrong_files(place), desc="checksums", leave=False, disable=None):
        checked += 1
        if text:
            wrong.append(Line("wrong", f"{place / name}: {text}"))
    return wrong or [Line("ok", f"{checked} files have the checksums of {SUMS}")]


def _cases(about: Facts) -> list[Line]:
    if not about.reader:
        return [Line("note", "no reader yet: counts and content not checked")]
    try:
        opened = open_set(about.name)
    except DatasetDamaged as error:
        return [Line("wrong", str(error))]
    lines = []
    if about.cases is None:
        lines.append(Line("note", f"{len(opened)} cases; how many the whole set has is not stated"))
    elif len(opened) == about.cases:
        lines.append(Line("ok", f"{len(opened)} cases, the whole set"))
    else:
        lines.append(Line("note", f"{len(opened)} cases of {about.cases}: a part of the set"))
    wrong, without = [], 0
    for name in tqdm(opened.ids, desc="cases", leave=False, disable=None):
        try:
            case = opened.case(name)
        except DatasetDamaged as error:
            wrong.append(Line("wrong", str(error)))
            continue
        without += not case.image.size
        if not np.isfinite(case.image).all():
            wrong.append(Line("wrong", f"{name}: values that are NaN or infinite"))
        if case.mask is not None and case.mask.shape != case.image.shape[1:]:
            wrong.append(Line("wrong", f"{name}: mask {case.mask.shape}, image {case.image.shape}"))
    if without:
        lines.append(Line("note", f"{without} of {len(opened)} cases have no image here"))
    counts = [f"{n} {kind}" for kind, n in opened.class_counts().items()]
    read = "; ".join(["all cases read", *([", ".join(counts)] if counts else [])])
    return lines + (wrong or [Line("ok", read)])
