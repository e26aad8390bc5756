"""Throw-away courses: a repository in a temporary folder with chapters of a few cells."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

DECLARATION = """\
number: {number}
title: Tiny
part: layers
summary: One sentence.
data: {{default: made here, real: [busi]}}
parameters:
  rate: {{type: float, quick: 0.5, lesson: 1.0, full: 1.0, help: a number}}
  seeds: {{type: ints, quick: [0], lesson: 5, full: 10, help: seeds}}
budget:
  quick: {{seconds: {seconds}, memory_gb: {memory_gb}}}
  lesson: {{seconds: 600, memory_gb: 6}}
  full: {{seconds: 7200, memory_gb: 24, gpu: true}}
"""
CLAIM = """\
claims:
  - id: twice_two
    says: twice two is four
    paper: {where: nowhere}
    measure: {metric: number, method: twice two}
    kind: exact
    expected: 4.0
    judge_from: quick
"""
PARAMETERS = 'profile = "lesson"\ndataset = "default"\nrate = 1.0\nseeds = [0, 1, 2, 3, 4]'


class TinyCourse:
    """Makes chapters below ``root``, whose notebooks run the cells they are given."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "pyproject.toml").touch()
        (root / "notebooks").mkdir()

    def chapter(self, *cells, number=14, name="tiny", claim="", seconds=60, memory_gb=3):
        folder = self.root / f"notebooks/{number:02}_{name}"
        folder.mkdir()
        text = DECLARATION.format(number=number, seconds=seconds, memory_gb=memory_gb) + claim
        (folder / "chapter.yml").write_text(text)
        made = [
            new_markdown_cell("# Tiny\n\n## Parameters"),
            new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
            new_markdown_cell("## The work"),
            *map(new_code_cell, cells),
        ]
        nbformat.write(new_notebook(cells=made), folder / f"{folder.name}.ipynb")
        from medtutor.course.chapter import load_chapter

        return load_chapter(folder)

    def files(self):
        """Everything there but the chapters' sources."""
        return sorted(
            path.relative_to(self.root).as_posix()
            for path in self.root.rglob("*")
            if path.is_file() and path.relative_to(self.root).parts[0] not in
            ("notebooks", "pyproject.toml")
        )


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return TinyCourse(tmp_path)


@pytest.fixture
def claim():
    """A claim ``twice_two`` for a chapter's declaration."""
    return CLAIM
