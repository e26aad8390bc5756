"""`show`: live source with folded docstrings, regions, links, and errors that say what to do."""

import functools
import html
import importlib.util
import re
import sys

import pytest

from medtutor.course import figures, show_html, slider
from medtutor.course.figures import PALETTE, figure_bundle
from medtutor.course.show import docstrings, show, source_of
from medtutor.course.show_html import BACKGROUND, INK, TOKENS

MADE_UP = '''"""A made-up module.

With more than one line.
"""
import functools

def twice(function):
    @functools.wraps(function)
    def wrapped(*given):
        return function(*function(*given))
    return wrapped

class Warp:
    """Moves an image.

    Args:
        amount: in <voxels> & more.
    """

    def apply(self, x):
        """Apply the warp."""
        return x

    @classmethod
    def make(cls):
        return cls()

    @property
    def size(self):
        return 1

@twice
def blend(a, b=2):
    """Blend two shapes.

    By their mean.
    """
    first = a
    # region: mean
    half = (a + b) / 2      # the "middle"
    # region: inner
    low = half - 1
    # endregion
    # endregion
    if a:
        # region: deep
        first = b
        # endregion
    return first, half

def unclosed():
    # region: lost
    return 1
'''


@pytest.fixture
def made_up(tmp_path):
    file = tmp_path / "made_up.py"
    file.write_text(MADE_UP)
    spec = importlib.util.spec_from_file_location("medtutor.made_up", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules["medtutor.made_up"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["medtutor.made_up"]


def page(source):
    return source._repr_mimebundle_()["text/html"]


def words(source):
    """The page's text as a reader sees it with everything unfolded."""
    bare = re.sub(r"<style>.*?</style>", "", page(source), flags=re.S)
    return html.unescape(re.sub(r"<[^>]+>", "", bare))


def test_function_with_its_place():
    source = source_of(figure_bundle)
    assert (source.name, source.module) == ("figure_bundle", "medtutor.course.figures")
    assert source.path == "medtutor/course/figures.py"
    lines = open(figures.__file__).read().splitlines()
    assert lines[source.line - 1].startswith("def figure_bundle(")
    assert source.text.startswith("def figure_bundle(") and "text_alternative(alt)" in source.text


def test_the_test_that_pins_it_is_named():
    source = source_of(figure_bundle)
    assert source.test == "tests/course/test_figures.py"
    assert "test_text_is_escaped" in source.pinned_by
    assert "test_errors" in words(source) and "tests/course/test_figures.py" in words(source)


def test_decorated_bound_partial_and_property_lead_to_their_source(made_up):
    assert source_of(made_up.blend).text.startswith("@twice\ndef blend")
    assert source_of(functools.partial(made_up.blend, 1)).name == "blend"
    assert source_of(made_up.Warp().apply).name == "Warp.apply"
    assert source_of(made_up.Warp.make).name == "Warp.make"
    assert source_of(made_up.Warp.size).name == "Warp.size"
    assert source_of(made_up.Warp.apply).text.startswith("def apply(self, x):")


def test_whole_module(made_up):
    source = source_of(made_up)
    assert source.name == "made_up" and source.line == 1
    assert "../api/medtutor.made_up.html#module-medtutor.made_up" in page(source)


def test_docstring_is_folded_and_its_first_line_seen(made_up):
    text = page(source_of(made_up.Warp))
    summary = re.search(r"<summary>(.*?)</summary>", text, re.S)[1]
    assert "Moves an image." in summary and "voxels" not in summary
    assert "&lt;voxels&gt; &amp; more" in text and "<voxels>" not in text
    assert "Apply the warp." in words(source_of(made_up.Warp))
    assert text.count("<details") == 1     # the one-line docstring stays where it is


def test_nothing_is_lost_by_highlighting(made_up):
    for part in (made_up.Warp, made_up.blend, figure_bundle, slider.scrub_bundle):
        source = source_of(part)
        missing = [line for line in source.text.splitlines() if line.strip() not in words(source)]
        assert not missing


def test_region_shows_only_its_lines(made_up):
    source = source_of(made_up.blend, region="mean")
    assert source.text.splitlines() == ['half = (a + b) / 2      # the "middle"', "low = half - 1"]
    assert MADE_UP.splitlines()[source.line - 1].strip().startswith("half =")
    assert source_of(made_up.blend, region="deep").text == "first = b\n"
    assert "region <code>deep</code>" in page(source_of(made_up.blend, region="deep"))


def test_the_file_as_it_is_now(made_up, tmp_path):
    (tmp_path / "made_up.py").write_text(MADE_UP.replace("first = a", "first = a + 0"))
    assert "first = a + 0" in source_of(made_up.blend).text


def test_links_for_the_site_and_for_the_lab():
    text = page(source_of(figure_bundle))
    assert ('href="../api/medtutor.course.figures.html#medtutor.course.figures.figure_bundle"'
            in text)
    assert 'href="../_modules/medtutor/course/figures.html#figure_bundle"' in text
    assert 'class="mt-lab" href="../../medtutor/course/figures.py"' in text
    assert "http" not in text and "<script" not in text


def test_private_parts_have_no_reference():
    text = page(source_of(slider._packed))
    assert "../api/" not in text and "../_modules/" not in text


def test_text_for_the_terminal(capsys):
    show(figure_bundle)
    printed = capsys.readouterr().out
    assert printed.startswith("# medtutor.course.figures.figure_bundle\n# medtutor/course/figures.")
    assert "pinned by tests/course/test_figures.py: " in printed and "def figure_bundle" in printed


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ("dice", TypeError, r"the thing itself, given its name: show\(dice\)"),
        (PALETTE, TypeError, "wanted a function, class, method or module, given tuple"),
        (3, TypeError, "given int"),
        (len, ValueError, "len is from Python itself: try help"),
        (re.compile, ValueError, "compile is from re"),
        (re, ValueError, "wanted a part of medtutor; re is from re"),
    ],
)
def test_errors(wrong, error, message):
    with pytest.raises(error, match=message):
        source_of(wrong)


def test_an_object_is_told_from_its_class(made_up):
    with pytest.raises(TypeError, match=r"given Warp: show\(Warp\) shows its class"):
        source_of(made_up.Warp())


def test_notebook_code_is_left_where_it_is():
    def here():
        return 1

    here.__module__ = "__main__"
    with pytest.raises(ValueError, match="here is defined in this notebook"):
        source_of(here)


def test_region_errors_list_what_there_is(made_up):
    with pytest.raises(ValueError, match="no region 'median'; its regions: inner, mean, deep"):
        source_of(made_up.blend, region="median")
    with pytest.raises(ValueError, match="its regions: none: mark one with '# region: NAME'"):
        source_of(figure_bundle, region="any")
    with pytest.raises(ValueError, match="region 'lost' has no '# endregion'"):
        source_of(made_up.unclosed, region="lost")


def test_docstring_spans():
    assert docstrings(MADE_UP)[0] == (1, 4)
    assert docstrings("x = [") == []
    assert docstrings('def f():\n    """A\n    b"""; return 1\n') == []    # code on its last line


def contrast(one, other):
    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def test_every_colour_is_readable_in_both_themes():
    for pair in [INK, *TOKENS.values()]:
        for theme in (0, 1):
            assert contrast(pair[theme], BACKGROUND[theme]) >= 4.5, pair
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert show_html._style().count("{") == show_html._style().count("}")
