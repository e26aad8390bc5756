"""Notebooks in the book: stored clean, short cells, nothing defined twice, within their budget."""

import re

import nbformat
import pytest

from medtutor.course import code_rules
from medtutor.course.appendix import Appendix, appendices
from medtutor.course.contract import LINES

PAGES = appendices()


@pytest.fixture(params=PAGES, ids=lambda page: page.name)
def page(request) -> Appendix:
    return request.param


def test_stored_without_outputs_and_in_short_cells(page):
    node = nbformat.read(page.notebook, as_version=4)
    nbformat.validate(node)
    for number, cell in enumerate(node.cells, start=1):
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None, f"cell {number}: clear it"
            assert len(cell.source.splitlines()) <= LINES, f"cell {number} is long"
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in node.cells) == 1


def test_nothing_is_defined_twice_and_nothing_depends_on_the_environment(page):
    code, broken = code_rules.parsed(nbformat.read(page.notebook, as_version=4).cells)
    assert not broken
    assert not [*code_rules.redefines_nothing(code)]
    assert not [*code_rules.reads_no_environment(code)]


def test_it_runs_within_its_budget(page):
    """Executed as `medtutor book` does; what is current from an earlier run is looked at again."""
    from medtutor.course import appendix

    if not page.is_current():
        appendix.execute(page, {"profile": "book"}, appendix.BUDGET)
    node = nbformat.read(page.output(), as_version=4)
    outputs = [output for cell in node.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert sum(len(output.get("data", {}).get("text/html", "")) for output in outputs) < 12e6


def test_each_phantom_has_sliders_and_is_held_to_real_images(repository):
    """Every kind of phantom that the package offers stands on the page, with its own headings."""
    node = nbformat.read(repository / "book/phantoms.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in node.cells)
    sections = re.split(r"^## ", text, flags=re.M)[1:]
    for module in ("dermoscopy", "glands", "brain_mri", "chest_xray", "pet", "organs"):
        (section,) = (one for one in sections if f"from medtutor.phantoms.{module} import" in one)
        assert section.count("what_if(") >= 4, f"{module} has few sliders"
        assert "**Beside real images" in section, module
