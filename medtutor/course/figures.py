"""Figures that everyone can read: a text alternative each, safe colours, a white card.

`show_figure` puts a matplotlib figure on the page as ``<figure>`` with its alt text, `style` sets
calm defaults once in a notebook, `label_overlay` outlines labels on an image with lines that
differ in pattern as well as in colour.
"""

from __future__ import annotations

import html
import io
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import numpy as np

# Okabe and Ito's colours, yellow left out (too pale for lines on white) and grey added: distinct
# for the common colour-vision deficiencies. By habit the first is the baseline, the second ours.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#5F5F5F")
LINES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1, 1, 1)))

_DPI = 144  # pixels per inch of the stored picture: sharp on dense screens
_CARD = (
    "display:inline-block;max-width:100%;box-sizing:border-box;margin:.5rem 0;padding:.75rem;"
    "background:#fff;color:#222;border-radius:6px"
)
_FILE_NAME = re.compile(r"\S*\.(png|jpe?g|svg|gif|pdf|webp|tiff?)", re.IGNORECASE)


def style() -> None:
    """Set matplotlib's defaults for a notebook: white card, quiet axes, safe colours, patterns.

    Lines cycle through `PALETTE` and `LINES` together, so they differ without colour, too.
    """
    import matplotlib.pyplot as plt

    plt.rcParams.update(
        {
            "figure.facecolor": "white",
            "figure.figsize": (6.4, 3.6),
            "figure.constrained_layout.use": True,
            "savefig.facecolor": "white",
            "axes.facecolor": "white",
            "axes.edgecolor": "#666666",
            "axes.labelcolor": "#222222",
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": plt.cycler(color=PALETTE, linestyle=LINES),
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "font.size": 10,
            "grid.color": "#e4e4e4",
            "image.cmap": "gray",
            "image.interpolation": "nearest",
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "text.color": "#222222",
            "xtick.color": "#444444",
            "ytick.color": "#444444",
        }
    )


def show_figure(fig: Any, alt: str, caption: str | None = None) -> None:
    """Display a figure with its text alternative, then close it.

    Args:
        fig: a matplotlib figure.
        alt: what the figure shows, as you would say it on the telephone; not a file name.
        caption: a line under the picture; optional.
    """
    from IPython.display import display

    display(figure_bundle(fig, alt, caption), raw=True)


def figure_bundle(fig: Any, alt: str, caption: str | None = None) -> dict[str, str]:
    """The rich output of `show_figure` as a dictionary from MIME type to content."""
    alt = text_alternative(alt)
    if not hasattr(fig, "savefig"):
        raise TypeError(
            f"show_figure wanted a matplotlib figure, given {type(fig).__name__}: "
            "make one with fig, axes = plt.subplots()"
        )
    png, width = figure_png(fig)
    picture = b64encode(png).decode()
    below = ""
    if caption:
        look = "margin-top:.5rem;color:#222;text-align:left"
        below = f'<figcaption style="{look}">{html.escape(caption)}</figcaption>'
    # The class keeps the book's theme from dimming the picture when the page is dark.
    page = (
        f'<figure class="medtutor-figure" style="{_CARD}">'
        f'<img class="dark-light" src="data:image/png;base64,{picture}" alt="{html.escape(alt)}" '
        f'style="display:block;width:{width}px;max-width:100%;height:auto;padding:0">'
        f"{below}</figure>"
    )
    text = f"[figure] {alt}" + (f"\n{caption}" if caption else "")
    return {"text/html": page, "image/png": picture, "text/plain": text}


def figure_png(fig: Any) -> tuple[bytes, int]:
    """Draw a figure to PNG and close it; returns the bytes and its width in CSS pixels."""
    import matplotlib.pyplot as plt
    from PIL import Image

    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=_DPI, bbox_inches="tight", metadata={"Software": None})
    plt.close(fig)
    width: int = Image.open(buffer).width
    return buffer.getvalue(), round(width * 96 / _DPI)


def text_alternative(alt: str) -> str:
    """Return ``alt`` with single spaces, or say what a text alternative has to be."""
    wanted = "alt wanted a sentence that says what is seen, as you would say it on the telephone"
    if not isinstance(alt, str):
        raise TypeError(f"{wanted}; given {type(alt).__name__}")
    words = alt.split()
    if len(words) < 3 or _FILE_NAME.fullmatch(words[-1]):
        raise ValueError(f"{wanted}; given {alt!r}")
    return " ".join(words)


def label_overlay(
    image: Any,
    labels: Any,
    *,
    axes: Any = None,
    names: Mapping[int, str] | None = None,
    legend: bool = True,
) -> Any:
    """Draw a grey image and the outline of each label, each with its own colour and pattern.

    Args:
        image: (H, W), any range.
        labels: (H, W) whole numbers, 0 is background; or a mapping from name to a (H, W) mask,
            which may overlap (one reader's outline and another's, say).
        axes: matplotlib axes to draw on; made when absent.
        names: for a label image, what each number is called in the legend.
        legend: whether to list the outlines under the picture.

    Returns:
        The axes.
    """
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D

    picture = np.asarray(image)
    if picture.ndim != 2:
        raise ValueError(f"label_overlay wanted an image (H, W), given {picture.shape}")
    outlines = _outlines(labels, names or {})
    for name, mask in outlines.items():
        if mask.shape != picture.shape:
            raise ValueError(
                f"label_overlay wanted labels of the image's shape {picture.shape}; "
                f"{name} is {mask.shape}"
            )
    axes = axes if axes is not None else plt.subplots()[1]
    axes.imshow(picture, cmap="gray", interpolation="nearest")
    axes.set_axis_off()
    handles = []
    for order, (name, mask) in enumerate(outlines.items()):
        look = {"color": _ON_GREY[order % len(_ON_GREY)], "line": LINES[order % len(LINES)]}
        if mask.any() and not mask.all():
            axes.contour(mask, [0.5], colors=look["color"], linestyles=[look["line"]])
        handles.append(Line2D([], [], color=look["color"], linestyle=look["line"], label=name))
    if legend and handles:
        axes.legend(
            handles=handles,
            loc="upper center",
            bbox_to_anchor=(0.5, 0),
            ncols=min(3, len(handles)),
            handlelength=3,
        )
    return axes


# On a grey image the light colours of the palette are the ones that stand out.
_ON_GREY = ("#56B4E9", "#E69F00", "#CC79A7", "#009E73", "#F0E442", "#D55E00", "#0072B2")


def _outlines(labels: Any, names: Mapping[int, str]) -> dict[str, Any]:
    if isinstance(labels, Mapping):
        return {str(name): np.asarray(mask).astype(bool) for name, mask in labels.items()}
    whole = np.asarray(labels)
    values = [int(value) for value in np.unique(whole) if value != 0]
    return {names.get(value, f"label {value}"): whole == value for value in values}
