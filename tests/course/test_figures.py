"""Figures: a text alternative each, closed afterwards, colours and patterns that differ."""

import io
from base64 import b64decode

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from medtutor.course import figures
from medtutor.course.figures import LINES, PALETTE, figure_bundle, label_overlay, style

ALT = "a line that rises from left to right"


@pytest.fixture
def drawn():
    fig, axes = plt.subplots(figsize=(4, 2))
    axes.plot([0, 1], [0, 1])
    yield fig
    plt.close("all")


def test_bundle_has_picture_page_and_text_and_the_figure_is_closed(drawn):
    bundle = figure_bundle(drawn, ALT, "what to see")
    picture = Image.open(io.BytesIO(b64decode(bundle["image/png"])))
    assert picture.format == "PNG" and picture.width > 300
    assert f'alt="{ALT}"' in bundle["text/html"]
    assert "<figcaption" in bundle["text/html"] and bundle["image/png"] in bundle["text/html"]
    assert bundle["text/plain"] == f"[figure] {ALT}\nwhat to see"
    assert not plt.fignum_exists(drawn.number)


def test_no_caption_leaves_none(drawn):
    assert "figcaption" not in figure_bundle(drawn, ALT)["text/html"]


def test_text_is_escaped(drawn):
    page = figure_bundle(drawn, 'a "quoted" <b>alt</b> text', "5 < 6")["text/html"]
    assert "&quot;quoted&quot; &lt;b&gt;alt" in page and "5 &lt; 6" in page and "<b>" not in page


def test_same_figure_same_bytes():
    def made():
        fig, axes = plt.subplots()
        axes.imshow(np.eye(8))
        return figure_bundle(fig, ALT)["image/png"]

    assert made() == made()


@pytest.mark.parametrize("alt", ["", "   ", "figure", "figure_1.png", "see figures/warp.jpeg",
                                 "the picture warp.svg"])
def test_poor_alternatives_are_refused(drawn, alt):
    with pytest.raises(ValueError, match="alt wanted a sentence that says what is seen"):
        figure_bundle(drawn, alt)


def test_errors(drawn):
    with pytest.raises(TypeError, match="given NoneType"):
        figure_bundle(drawn, None)
    with pytest.raises(TypeError, match="wanted a matplotlib figure, given list: make one with"):
        figure_bundle([1, 2], ALT)


def test_show_figure_displays_once(drawn, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append((bundle, raw)))
    assert figures.show_figure(drawn, ALT) is None
    assert len(shown) == 1 and shown[0][1] and "image/png" in shown[0][0]


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def test_neighbours_in_the_palette_differ_without_hue():
    """The first two (baseline and method) differ in brightness; all lines differ in pattern."""
    assert len(set(PALETTE)) == len(PALETTE) == len(LINES) == len(set(LINES))
    first, second = luminance(PALETTE[0]), luminance(PALETTE[1])
    assert abs(first - second) > 0.05


def test_style_draws_on_white_with_patterns():
    with plt.rc_context():
        style()
        fig, axes = plt.subplots()
        lines = [axes.plot([0, 1])[0] for _ in range(3)]
        assert [line.get_color() for line in lines] == list(PALETTE[:3])
        assert len({line.get_linestyle() for line in lines}) == 3
        assert plt.rcParams["figure.facecolor"] == "white"
        plt.close(fig)


def test_overlay_of_a_label_image_outlines_each_label():
    labels = np.zeros((12, 12), int)
    labels[2:5, 2:5], labels[6:10, 6:10] = 1, 2
    axes = label_overlay(np.ones((12, 12)), labels, names={1: "liver"})
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["liver", "label 2"]
    assert len(axes.collections) == 2
    plt.close("all")


def test_overlay_of_masks_may_overlap_and_may_be_empty():
    mask = np.zeros((8, 8), bool)
    mask[2:5, 2:5] = True
    fig, axes = plt.subplots()
    same = label_overlay(np.ones((8, 8)), {"one": mask, "none": mask & False}, axes=axes)
    assert same is axes and len(axes.collections) == 1
    handles = axes.get_legend().get_lines()
    assert handles[0].get_linestyle() != handles[1].get_linestyle()
    assert handles[0].get_color() != handles[1].get_color()
    plt.close("all")


def test_overlay_errors():
    with pytest.raises(ValueError, match=r"wanted an image \(H, W\), given \(3, 4, 4\)"):
        label_overlay(np.ones((3, 4, 4)), np.ones((4, 4), int))
    with pytest.raises(ValueError, match=r"of the image's shape \(4, 4\); truth is \(5, 5\)"):
        label_overlay(np.ones((4, 4)), {"truth": np.ones((5, 5))})
    plt.close("all")
