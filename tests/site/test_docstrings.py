"""Docstrings are plain text; whatever people write in them, the API reference has no warning."""

import pytest
from docutils.core import publish_doctree
from hypothesis import given, settings
from hypothesis import strategies as st

from medtutor.course.pages.api_docstrings import plain_docstring


def faults(text: str) -> list[str]:
    tree = publish_doctree(
        text, settings_overrides={"report_level": 2, "warning_stream": False, "halt_level": 5}
    )
    return [node.astext() for node in tree.findall(lambda n: n.tagname == "system_message")]


def words(text: str) -> str:
    return publish_doctree(text, settings_overrides={"warning_stream": False}).astext()


@pytest.mark.parametrize(
    "docstring",
    [
        "Absolute value |x| <= m, and |y|.",
        "Takes *args and **kwargs; a name_ with an underscore, __init__ too.",
        "The sum over the axes:\n\n    D = 2 Σ p g / (Σ p² + Σ g²)\n\nin [0, 1].",
        "A formula without a colon\n\n    a * b\n\nfollows.",
        "Items:\n- one\n- two\nand text under them.",
        "A `single` and a ``double`` quote, a :class:`role` too.",
        "=== ====\na   |d|\n=== ====\n\nafter the table.",
        "A backslash \\alpha stays.",
        "Table\n| a | b |\n|---|:--|\n| `x` | 2 * y | z |\n| |\nand **bold** text.",
        "Takes **kwargs and **more, or 2**3 and a ** b ** c.",
    ],
)
def test_what_people_write_is_no_markup(docstring):
    text = "\n".join(plain_docstring(docstring.splitlines()))
    assert not faults(text.replace(":class:", ""))


def test_symbols_are_kept_as_typed():
    text = "\n".join(plain_docstring(["The |x| of a*b_ in \\alpha."]))
    assert words(text) == "The |x| of a*b_ in \\alpha."


def test_a_markdown_table_is_a_table():
    text = "\n".join(plain_docstring(
        ["Two:", "", "| name | what |", "|---|---|", "| `a` | 2 * b |", "", "**Bold.** After."]))
    tree = publish_doctree(text, settings_overrides={"warning_stream": False})
    rows = [[cell.astext() for cell in row.children]
            for row in tree.findall(lambda node: node.tagname == "row")]
    assert rows == [["name", "what"], ["a", "2 * b"]]
    assert [node.astext() for node in tree.findall(lambda n: n.tagname == "thead")] == [
        "name\n\nwhat"]
    assert [node.astext() for node in tree.findall(lambda n: n.tagname == "strong")] == ["Bold."]


def test_formula_becomes_literal_and_sections_stay():
    lines = ["Overlap:", "", "    2 * a / b", "", "Args:", "    prob: (B, C), in |0, 1|.", ""]
    done = plain_docstring(lines)
    assert done[0] == "Overlap::"
    assert done[2] == "    2 * a / b"
    assert done[4] == "Args:"
    assert done[5] == "    prob: (B, C), in \\|0, 1\\|."


@settings(max_examples=1000, deadline=None)
@given(st.text(alphabet="ab1 *|_`\\<>:.-", min_size=1, max_size=40))
def test_any_sentence_is_accepted(sentence):
    text = "\n".join(plain_docstring([f"Start {sentence} end"]))
    assert not faults(text)
