"""What makes a result stale, and what does not."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from medtutor.course.chapter import Chapter
from medtutor.course.ledger import source_hash as module
from medtutor.course.ledger.source_hash import MethodNotFound, code_only, source_hash

SOURCE = '''"""What it is."""
import math  # for the root

# a remark, ümlaut and all
def root(x):
    """The root.

    Two paragraphs, "quoted" and # not a comment.
    """
    text = "not # a comment"       # but ü this is

    return math.sqrt(x), text


class Empty:
    "Nothing."
    x = """a string, not a docstring"""
'''
BARE = '''import math
def root(x):
    text = "not # a comment"
    return math.sqrt(x), text
class Empty:
    x = """a string, not a docstring"""'''


@pytest.fixture
def chapter(tmp_path, monkeypatch):
    package = tmp_path / "medtutor"
    (package / "methods/layers/rbf_layers").mkdir(parents=True)
    (package / "methods/layers/dice.py").write_text(SOURCE)
    for name in ("__init__", "inner"):
        (package / f"methods/layers/rbf_layers/{name}.py").write_text("x = 1\n")
    monkeypatch.setattr(module, "_package", lambda: package)
    made = Chapter.model_validate({
        "number": 99, "title": "Made up", "part": "start", "summary": "For a test.",
        "data": {"default": "phantoms.organs"},
        "method": ["medtutor.methods.layers.dice.root", "medtutor.methods.layers.rbf_layers.rbf"],
        "parameters": {"seeds": {"type": "ints", "quick": [0], "lesson": 5, "full": 5,
                                 "help": "seeds"}},
        "budget": {name: {"seconds": 60, "memory_gb": 1} for name in ("quick", "lesson", "full")}})
    made._folder = tmp_path / "99_made_up"
    made.folder.mkdir()
    save(made)
    return made


def save(chapter, code="x = 1", prose="Text.", outputs=(), count=None):
    cell = new_code_cell(code, outputs=list(outputs), execution_count=count)
    nbformat.write(new_notebook(cells=[new_markdown_cell(prose), cell]), chapter.notebook)


def package(chapter):
    return chapter.folder.parent / "medtutor/methods/layers"


def test_hand_value():
    assert code_only(SOURCE) == BARE
    assert code_only(BARE) == BARE


def test_limits():
    assert code_only("") == code_only("# only a remark") == code_only('"""Only prose."""') == ""
    assert code_only("%matplotlib inline\nx = 1 # kept\n") == "%matplotlib inline\nx = 1 # kept"
    assert code_only("x = (1,  # one\n     2)") == "x = (1,\n     2)"
    assert code_only("def f(): 'text'; return 1") == "def f(): ; return 1"


def test_it_is_the_same_everywhere(chapter):
    """Pinned: Python 3.11 to 3.13 must agree, or every committed line would be stale."""
    assert source_hash(chapter) == PINNED


PINNED = "686fa51f9a33ed8e0e4da27a6f0cbb0ebac30154ab0953e00ba576680a816c70"


def test_what_does_not_count(chapter):
    before = source_hash(chapter)
    output = nbformat.v4.new_output("stream", text="hello")
    save(chapter, "x = 1   # why\n", "Other text.", [output], 7)
    file = package(chapter) / "dice.py"
    file.write_text(SOURCE.replace("What it is.", "What it is, better said.").replace("# for", "#"))
    (package(chapter) / "other.py").write_text("unused = 1\n")
    assert source_hash(chapter) == before


@pytest.mark.parametrize("change", [
    lambda c: save(c, "x = 2"),
    lambda c: save(c, "x = 1\ny = 1"),
    lambda c: (package(c) / "dice.py").write_text(SOURCE.replace("sqrt(x)", "sqrt(2 * x)")),
    lambda c: (package(c) / "rbf_layers/inner.py").write_text("x = 2\n"),
    lambda c: (package(c) / "rbf_layers/new.py").write_text("x = 1\n"),
])
def test_what_counts(chapter, change):
    before = source_hash(chapter)
    change(chapter)
    assert source_hash(chapter) != before


def test_a_method_that_is_a_folder_counts_whole(chapter):
    inside = chapter.model_copy(update={"method": ["medtutor.methods.layers.rbf_layers.inner.x"]})
    inside._folder = chapter.folder
    before = source_hash(inside)
    (package(chapter) / "rbf_layers/__init__.py").write_text("x = 3\n")
    assert source_hash(inside) != before


@pytest.mark.parametrize("symbol", [
    "medtutor.methods.layers.gone.f", "medtutor.methods.layers", "numpy.linalg.norm", "medtutor.x",
])
def test_errors(chapter, symbol):
    other = chapter.model_copy(update={"method": [symbol]})
    other._folder = chapter.folder
    with pytest.raises(MethodNotFound, match=symbol):
        source_hash(other)
