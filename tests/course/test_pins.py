"""The test that pins a symbol is found by name: mirror file first, then the one of the folder."""

import pytest

from medtutor.course.pins import pins

TESTS = '''
from medtutor.layers import net
CASES = [(net.Net, 1)]
def built():
    return net.relu(1)
def test_direct(): assert net.relu(1) == 1
def test_through_a_helper(): assert built() == 1
def test_through_a_fixture(built): assert built == 1
def test_through_a_constant():
    for kind, width in CASES: assert kind(width).forward(1)
def test_other(): assert net.sigmoid(0) == 0.5
class TestGroup:
    def test_inside(self): assert net.Net(1).size
'''


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A checkout with one test file."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "tests/layers").mkdir(parents=True)
    (tmp_path / "tests/layers/test_net.py").write_text(TESTS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_tests_that_mention_it_themselves_or_through_what_they_use(course):
    file, names = pins("medtutor.layers.net", "relu")
    assert file == "tests/layers/test_net.py"
    assert names == ("test_direct", "test_through_a_helper", "test_through_a_fixture")


def test_method_needs_both_names_else_its_class_counts(course):
    assert pins("medtutor.layers.net", "Net.forward")[1] == ("test_through_a_constant",)
    assert pins("medtutor.layers.net", "Net.size")[1] == ("test_inside",)
    assert set(pins("medtutor.layers.net", "Net.extra")[1]) == {"test_through_a_constant",
                                                                "test_inside"}


def test_module_is_pinned_by_all(course):
    assert len(pins("medtutor.layers.net", None)[1]) == 6


def test_a_file_of_a_folder_is_pinned_by_the_folders_test(course):
    assert pins("medtutor.layers.net.parts", "relu")[0] == "tests/layers/test_net.py"


def test_a_folder_of_tests_is_looked_through(course):
    (course / "tests/layers/gate").mkdir()
    (course / "tests/layers/gate/test_draw.py").write_text("def test_it(): draw()")
    assert pins("medtutor.layers.gate", "draw") == ("tests/layers/gate/test_draw.py", ("test_it",))


def test_nothing_found_is_said_as_nothing(course):
    assert pins("medtutor.layers.net", "tanh") == (None, ())
    assert pins("medtutor.losses.other", "other") == (None, ())


def test_a_broken_test_file_is_passed_by(course):
    (course / "tests/layers/test_net.py").write_text("def test_(:")
    assert pins("medtutor.layers.net", "relu") == (None, ())
