"""Every finished chapter runs in its quick profile, within its budget, and measures its claims."""

import subprocess
import sys

import pytest

from medtutor.course.chapter import list_chapters
from medtutor.course.paths import build_folder
from medtutor.course.run import run_chapter

FINISHED = [chapter for chapter in list_chapters() if not chapter.draft]


@pytest.mark.parametrize("chapter", FINISHED, ids=lambda chapter: chapter.name)
def test_quick_profile_runs_within_its_budget(chapter):
    report = run_chapter(chapter, profile="quick", results=build_folder() / "results")
    assert report.notebook.is_file()
    assert {line["claim"] for line in report.lines} == {claim.id for claim in chapter.claims}
    assert all(line["profile"] == "quick" for line in report.lines)
    assert not any(line["verdict"] == "reproduced" for line in report.lines
                   if line["kind"] != "exact"), "a quick run may not say reproduced"


@pytest.mark.parametrize("chapter", [c for c in FINISHED if c.deterministic],
                         ids=lambda chapter: chapter.name)
def test_same_seed_same_machine_same_numbers(chapter):
    """nbval runs the executed notebook again and compares the cells marked for it."""
    executed = build_folder() / "executed" / f"{chapter.name}.ipynb"
    if not executed.is_file():
        run_chapter(chapter, profile="quick", results=build_folder() / "results")
    assert "NBVAL_CHECK_OUTPUT" in executed.read_text(), "no cell is marked for comparison"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env",
         "-p", "no:cacheprovider", "-q", str(executed)],
        capture_output=True, text=True, cwd=chapter.folder)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
