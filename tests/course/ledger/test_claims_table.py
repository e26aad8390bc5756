"""The table of ``medtutor claims``: every claim is there, stale and not run are said in words."""

import io

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from rich.console import Console

from medtutor.course.chapter import Chapter
from medtutor.course.ledger.claims_table import claims_table, scoreboard_rows
from medtutor.course.ledger.source_hash import source_hash


def make(folder, number, draft=False):
    chapter = Chapter.model_validate({
        "number": number, "title": "Made up", "part": "start", "summary": "For a test.",
        "draft": draft, "data": {"default": "phantoms.organs", "real": ["busi"]},
        "parameters": {"seeds": {"type": "ints", "quick": [0], "lesson": 5, "full": 5,
                                 "help": "seeds"}},
        "budget": {name: {"seconds": 60, "memory_gb": 1} for name in ("quick", "lesson", "full")},
        "claims": [{"id": name, "says": f"{name} [holds]", "kind": "better_than",
                    "paper": {"where": "table 2", "method": 0.9, "baseline": "unknown"},
                    "measure": {"metric": "dice", "method": "new", "baseline": "old"}}
                   for name in ("first", "second")]})
    chapter._folder = folder / f"{number}_made_up"
    chapter.folder.mkdir()
    nbformat.write(new_notebook(cells=[new_code_cell(f"x = {number}")]), chapter.notebook)
    return chapter


@pytest.fixture
def chapters(tmp_path):
    return [make(tmp_path, 10), make(tmp_path, 11), make(tmp_path, 12, draft=True)]


def line(chapter, claim, **more):
    return {"chapter": chapter.name, "claim": claim, "kind": "better_than", "profile": "lesson",
            "dataset": "default", "seeds": [0, 1, 2, 3, 4],
            "method": [0.70, 0.72, 0.73, 0.71, 0.74], "baseline": [0.60, 0.63, 0.61, 0.64, 0.62],
            "interval": [0.07366, 0.1263], "verdict": "reproduced", "versions": {},
            "device": "2 cores", "seconds": 12.3, "peak_memory_gb": 0.52,
            "source_hash": source_hash(chapter), "date": "2025-01-01", **more}


def printed(table):
    console = Console(file=io.StringIO(), width=220)
    console.print(table)
    return console.file.getvalue()


def test_each_claim_of_each_finished_chapter_has_a_row(chapters):
    rows = list(scoreboard_rows(chapters, []))
    assert [(row.chapter, row.claim) for row in rows] == [
        (name, claim) for name in ("10_made_up", "11_made_up") for claim in ("first", "second")]
    assert {row.verdict for row in rows} == {"not run"} and not any(row.stale for row in rows)
    assert rows[0].paper == "method 0.9, baseline unknown (table 2)"


def test_rows_say_what_was_measured(chapters):
    lines = [line(chapters[0], "first", dataset="busi", verdict="not run", method=None,
                  baseline=None, interval=None, reason="needs busi"),
             line(chapters[0], "first"), line(chapters[0], "first", profile="quick"),
             line(chapters[0], "second", source_hash="old"), line(chapters[0], "gone")]
    default, busi, second, *_ = scoreboard_rows(chapters, lines)
    assert default.ours == "new 0.72 ± 0.016 (5 seeds); old 0.62 ± 0.016 (5 seeds)"
    assert default.difference == "+0.1 [0.07366, 0.1263]" and default.verdict == "reproduced"
    assert (default.data, default.profile) == ("default", "lesson")
    assert default.cost == "12 s, 0.5 GB, 2 cores" and not default.stale
    assert (busi.data, busi.verdict, busi.reason) == ("busi", "not run", "needs busi")
    assert second.claim == "second" and second.stale


def test_table(chapters):
    lines = [line(chapters[0], "first"), line(chapters[1], "first", source_hash="old")]
    text = printed(claims_table(lines, chapters))
    assert "first [holds]" in text                      # brackets are no markup
    assert "✓ reproduced (stale)" in text and "– not run" in text
    assert "4 lines, 1 stale" in text and "+0.1 [0.07366, 0.1263]" in text
    assert "0 stale" in printed(claims_table([], chapters))
