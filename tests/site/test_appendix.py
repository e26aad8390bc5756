"""Notebooks that are pages of the book: executed when not current, shown with what they gave."""

import os

import nbformat
import pytest
from made_up_course import make_course, progress
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from site_under_test import REPOSITORY, working_in

from medtutor.course import appendix
from medtutor.course.appendix import Appendix, appendices, execute_appendices
from medtutor.course.declaration.schema import Budget
from medtutor.course.pages.site_notebooks import appendix_page
from medtutor.course.run import CellFailed, OverBudget
from medtutor.course.site import stage

PARAMETERS = new_code_cell('profile = "book"\ncount = 3', metadata={"tags": ["parameters"]})


@pytest.fixture
def course(tmp_path):
    with working_in(make_course(tmp_path, REPOSITORY / "book")):
        for file in (tmp_path / "book").glob("*.ipynb"):
            file.unlink()
        yield tmp_path


def write(path, *sources):
    cells = [new_markdown_cell("# A made-up page\n\nWords."), PARAMETERS,
             *map(new_code_cell, sources)]  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells), path)
    return Appendix(path)


def executed(path, source, *outputs, **record):
    """Write a notebook as papermill leaves it."""
    node = nbformat.read(write(path, source).notebook, as_version=4)
    injected = new_code_cell('profile = "book"', metadata={"tags": ["injected-parameters"]})
    node.cells.insert(2, injected)
    node.cells[-1].outputs = list(outputs)
    node.metadata["papermill"] = {"duration": 4.2, "end_time": "2026-01-31T10:00:00",
                                  "exception": None, **record}  # fmt: skip
    nbformat.write(node, path)


def test_it_runs_once_and_again_after_a_change(course):
    page = write(course / "book/page.ipynb", "print(count + 1)")
    assert [one.name for one in appendices()] == ["page"] and not page.is_current()
    (output,) = execute_appendices()
    assert output == course / "build/executed/page.ipynb" == page.output()
    node = nbformat.read(output, as_version=4)
    assert node.cells[-1].outputs[0].text == "4\n"
    assert page.is_current() and execute_appendices() == []
    write(page.notebook, "print(count + 2)")
    later = output.stat().st_mtime + 1
    os.utime(page.notebook, (later, later))
    assert not page.is_current()
    assert len(execute_appendices()) == 1


def test_a_cell_that_fails_is_named(course):
    write(course / "book/page.ipynb", "1 / 0")
    with pytest.raises(CellFailed, match=r"page \(book\): cell 4 of 4 .* ZeroDivisionError"):
        execute_appendices()
    assert (course / "build/executed/failed/page.ipynb").is_file()
    assert not (course / "build/executed/page.ipynb").exists()


def test_the_budget_is_a_limit(course, monkeypatch):
    monkeypatch.setattr(appendix, "BUDGET", Budget(seconds=0.1, memory_gb=3))
    write(course / "book/page.ipynb", "import time; time.sleep(0.1)")
    with pytest.raises(OverBudget, match="its budget is"):
        execute_appendices()


def test_the_page_shows_the_run(course):
    notebook = write(course / "book/page.ipynb", "train()").notebook
    executed(course / "build/executed/page.ipynb", "train()", progress(),
             new_output("stream", name="stdout", text="done\n"))  # fmt: skip
    ending, text = appendix_page(notebook, course / "build/executed/page.ipynb")
    node = nbformat.reads(text, as_version=4)
    assert ending == ".ipynb" and "papermill" not in node.metadata
    assert node.cells[0].source == (
        "# A made-up page\n\n*Executed on 2026-01-31 in 4 s. Its notebook is `book/page.ipynb`.*\n"
        "\nWords."
    )
    assert "injected" not in text and "it/s" not in text and "done" in text


def test_a_change_after_the_run_is_said(course):
    notebook = write(course / "book/page.ipynb", "train()").notebook
    executed(course / "build/executed/page.ipynb", "train(1)")
    _, text = appendix_page(notebook, course / "build/executed/page.ipynb")
    assert "Its code has changed since." in text


@pytest.mark.parametrize("run", ["none", "error", "exception"])
def test_without_a_run_the_page_says_so(course, run):
    notebook = write(course / "book/page.ipynb", "train()").notebook
    output = course / "build/executed/page.ipynb"
    if run == "error":
        executed(output, "train()", new_output("error", ename="E", evalue="no"))
    elif run == "exception":
        executed(output, "train()", exception=True)
    ending, text = appendix_page(notebook, output)
    assert ending == ".md" and text.startswith("# A made-up page\n\nNot executed in this build.")


def test_staged_beside_the_other_pages(course):
    write(course / "book/page.ipynb", "train()")
    write(course / "book/other.ipynb", "train()")
    executed(course / "build/executed/other.ipynb", "train()")
    source = stage()
    assert (source / "page.md").is_file() and (source / "other.ipynb").is_file()
    assert not (source / "page.ipynb").exists()


def test_the_real_pages_have_a_place_in_the_contents():
    contents = (REPOSITORY / "book/_toc.yml").read_text()
    for file in (REPOSITORY / "book").glob("*.ipynb"):
        assert f"- file: {file.stem}\n" in contents


def test_the_made_up_site_has_the_page_of_phantoms(made_up_site):
    page = (made_up_site / "phantoms.html").read_text(encoding="utf-8")
    assert "Not executed in this build" in page and "made images whose truth is known" in page
