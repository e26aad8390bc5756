"""What stands in book/results was computed from the values beside it, by the code that is here."""


import pytest

from medtutor.course.chapter import list_chapters
from medtutor.course.paths import results_folder
from medtutor.course.results import is_stale, read

CHAPTERS = {chapter.name: chapter for chapter in list_chapters() if not chapter.draft}
LINES = read(results_folder())


def label(line):
    return f"{line['chapter']}-{line['claim']}-{line['profile']}-{line['dataset']}"


@pytest.mark.parametrize("chapter", CHAPTERS.values(), ids=lambda chapter: chapter.name)
def test_each_claim_has_a_judged_line_on_the_default_data(chapter):
    judged = {line["claim"] for line in LINES if line["chapter"] == chapter.name
              and line["dataset"] == "default" and line["profile"] != "quick"}
    missing = {claim.id for claim in chapter.claims} - judged
    if chapter.part != "start":
        assert not missing, f"run: medtutor run {chapter.number} --profile lesson ({missing})"


@pytest.mark.parametrize("line", LINES, ids=label)
def test_each_line_is_of_the_code_that_is_here(line):
    assert line["chapter"] in CHAPTERS
    assert not is_stale(line, CHAPTERS[line["chapter"]]), "measured by older code: run it again"
