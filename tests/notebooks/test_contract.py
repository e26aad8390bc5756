"""The chapter contract holds for every chapter, drafts included, and the README names them all."""

import re
import subprocess
import sys

import pytest

from medtutor.course.chapter import list_chapters
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
