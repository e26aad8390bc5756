"""The chapter contract holds for every chapter, drafts included, and the README names them all."""

import re
import subprocess
import sys

import pytest

from medtutor.course.chapter import list_chapters, load_chapter
from medtutor.course.contract import violations


@pytest.mark.parametrize("chapter", list_chapters(), ids=lambda chapter: chapter.name)
def test_contract(chapter):
    found = violations(chapter)
    assert not found, "\n".join(found)


def test_the_readme_table_is_current(repository):
    between = re.search(r"<!-- chapters -->\n(.*)<!-- /chapters -->",
                        (repository / "README.md").read_text(), re.S)
    made = subprocess.run([sys.executable, "-m", "medtutor", "list", "--markdown"], check=True,
                          capture_output=True, text=True, cwd=repository).stdout
    assert between, "README.md has no <!-- chapters --> marks"
    assert between[1].strip() == made.strip(), "paste the output of: medtutor list --markdown"


def test_the_runs_that_the_readme_names_exist(repository):
    runs = re.findall(r"medtutor run (\d+)(.*)", (repository / "README.md").read_text())
    assert runs
    for number, rest in runs:
        chapter = load_chapter(number)
        given = dict(zip(rest.split(), rest.split()[1:], strict=False))
        assert given.get("--dataset", "default") in ["default", *chapter.data.real]
        assert given.get("--profile", "quick") in chapter.budget
        for name in re.findall(r"-p (\w+)=", rest):
            assert name in chapter.parameters, f"README: chapter {number} has no {name}"
