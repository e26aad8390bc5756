"""A contact sheet of a data set: some cases with their masks and boxes, and class counts."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtutor.datasets.case import Case
from medtutor.datasets.labelled_set import LabelledSet

COLOURS = ("#ffb000", "#00a5ff", "#ff5fa2", "#00c896", "#c08bff")


def write_sheet(opened: LabelledSet[Any], to: Path, count: int = 12) -> Path:
    """Write the sheet as PNG and return its path; volumes show the plane with most of the mask.

    Masks are outlined, each value in its colour. Boxes are those of ``metadata["boxes"]``: anything
    with ``finding``, ``x``, ``y``, ``width``, ``height`` in pixels of the image.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    names = chosen(opened, count)
    columns = min(4, len(names))
    rows = math.ceil(len(names) / columns)
    figure = Figure(figsize=(2.6 * columns, 2.9 * rows + 1.2), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, name in zip(axes, names, strict=False):
        case = opened.case(name)
        image, mask = plane(case)
        if image.size:
            axis.imshow(image, cmap="gray", interpolation="nearest")
        else:  # known from a table only
            axis.text(0.5, 0.5, "no image here", ha="center", va="center", fontsize=7)
        for number, value in enumerate(np.unique(mask[mask > 0]) if mask is not None else ()):
            colour = COLOURS[number % len(COLOURS)]
            inside = np.pad(mask == value, 1).astype(float)
            axis.contour(
                inside, [0.5], colors=colour, linewidths=1,
                extent=(-1, mask.shape[1], -1, mask.shape[0]),
            )  # fmt: skip
        for box in case.metadata.get("boxes", ()):
            corner = box.x - 0.5, box.y - 0.5  # a pixel's middle is a whole number here
            axis.add_patch(Rectangle(corner, box.width, box.height, fill=False, ec=COLOURS[0]))
            axis.text(*corner, box.finding, color=COLOURS[0], fontsize=6, va="bottom")
        kind = "" if case.label is None else f"\n{opened.classes[case.label]}"
        axis.set_title(f"{name}{kind}", fontsize=7)
    counts = ", ".join(f"{number} {kind}" for kind, number in opened.class_counts().items())
    about = opened.facts
    lines = [f"{about.name}: {len(opened)} cases; {counts or 'no classes'}", about.licence]
    wrapped = [part for line in lines for part in textwrap.wrap(line, 30 * columns)]
    figure.suptitle("\n".join(wrapped), fontsize=8)
    to.parent.mkdir(parents=True, exist_ok=True)
    part = to.with_name(f".{to.name}.part")
    figure.savefig(part, format="png", dpi=110)
    part.replace(to)
    return to


def chosen(opened: LabelledSet[Any], count: int) -> list[str]:
    """Ids spread over the set, the classes in turn."""
    kinds: dict[int | None, list[str]] = {}
    for name in opened.ids:
        kinds.setdefault(opened.labels.get(name), []).append(name)
    share = math.ceil(count / len(kinds))
    spread = [
        [names[k] for k in np.linspace(0, len(names) - 1, min(share, len(names))).astype(int)]
        for _, names in sorted(kinds.items(), key=lambda item: -1 if item[0] is None else item[0])
    ]
    turns = [names[k] for k in range(share) for names in spread if k < len(names)]
    return turns[:count]


def plane(case: Case) -> tuple[NDArray, NDArray | None]:
    """Image (H, W) or (H, W, 3) in [0, 1] and mask (H, W) to draw; of sequences the first."""
    image, mask = case.image, case.mask
    if image.ndim == 4:
        planes = image.shape[1]
        inside = None if mask is None else (mask > 0).reshape(planes, -1).sum(1)
        where = planes // 2 if inside is None or not inside.any() else int(inside.argmax())
        image, mask = image[:1, where], None if mask is None else mask[where]
    if len(image) == 3:
        return np.moveaxis(image, 0, -1).clip(0, 1), mask
    grey = image[0].astype(float)
    low, high = np.percentile(grey, [1, 99])
    return ((grey - low) / max(high - low, 1e-9)).clip(0, 1), mask
