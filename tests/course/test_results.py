"""Result lines: strict, replaced whole or not at all, by one writer, never turned quietly."""

import errno
import json
import multiprocessing
import os
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from medtutor.course import results
from medtutor.course.chapter import Chapter
from medtutor.course.claims import CLAIM_MIME
from medtutor.course.ledger import results_lock
from medtutor.course.ledger.lines import significant
from medtutor.course.results import (
    BadResults,
    NotWritten,
    VerdictChanged,
    best_lines,
    harvest,
    is_stale,
    read,
    read_file,
    source_hash,
    write_lines,
)

NEW = [0.70, 0.72, 0.73, 0.71, 0.74]
OLD = [0.60, 0.63, 0.61, 0.64, 0.62]


def finding(claim="small", verdict="reproduced", **more):
    return {"chapter": "99_made_up", "claim": claim, "kind": "better_than", "profile": "lesson",
            "dataset": "default", "seeds": [0, 1, 2, 3, 4], "method": NEW, "baseline": OLD,
            "interval": [0.07, 0.13], "verdict": verdict, **more}


def line(claim="small", verdict="reproduced", **more):
    run = {"versions": {"python": "3.11"}, "device": "cpu", "seconds": 12.5,
           "peak_memory_gb": 0.5, "source_hash": "abc", "date": "2025-01-01T00:00:00+00:00"}
    return {**finding(claim, verdict), **run, **more}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results" / "99_made_up.jsonl"


def names(folder):
    return sorted(item.name for item in folder.iterdir())


# --- writing and reading --------------------------------------------------------------------------

def test_round_trip(path):
    cases = {"method": [[0.12346, 0.5]], "baseline": None, "same": True}
    lines = [line(), line("other", cases=cases, levels=[1, 2], reason="why")]
    write_lines(path, lines)
    assert names(path.parent) == ["99_made_up.jsonl"]               # no lock, no temporary file
    back = {found["claim"]: found for found in read(path.parent)}
    assert back["small"] == line()
    assert back["other"]["cases"]["method"] == [[0.1235, 0.5]]      # four digits
    assert back["other"]["levels"] == [1, 2] and back["other"]["reason"] == "why"
    assert set(back["small"]) == {
        "chapter", "claim", "kind", "profile", "dataset", "seeds", "method", "baseline", "interval",
        "verdict", "versions", "device", "seconds", "peak_memory_gb", "source_hash", "date"}


def test_no_results_yet(tmp_path):
    assert read(tmp_path / "nowhere") == [] and read_file(tmp_path / "no.jsonl") == []


def test_numbers_are_rounded(path):
    write_lines(path, [line(method=[0.123456789] * 5, baseline=[123456789.0] * 5,
                            interval=[1e-9, 0.1 + 0.2])])
    found = read_file(path)[0]
    assert found["method"][0] == 0.123457 and found["baseline"][0] == 123457000
    assert found["interval"] == [1e-9, 0.3]


@given(st.floats(-1e300, 1e300), st.integers(2, 8))
def test_significant(value, digits):
    kept = significant(value, digits)
    assert kept == pytest.approx(value, rel=0.5 * 10.0 ** (1 - digits), abs=1e-300)
    assert significant(kept, digits) == kept and str(kept) != "-0.0"


def test_only_the_same_claim_profile_and_data_are_replaced(path):
    write_lines(path, [line(), line(dataset="busi"), line(profile="quick"), line("other")])
    write_lines(path, [line(seconds=99)])
    found = read_file(path)
    assert len(found) == 4
    assert [x["seconds"] for x in found if (x["claim"], x["profile"], x["dataset"])
            == ("small", "lesson", "default")] == [99]
    order = [(x["claim"], x["dataset"], x["profile"]) for x in found]
    assert order == [("other", "default", "lesson"), ("small", "busi", "lesson"),
                     ("small", "default", "quick"), ("small", "default", "lesson")]


@pytest.mark.parametrize("change, words", [
    ({"method": [float("nan")] * 5}, "method"),
    ({"interval": [0, float("inf")]}, "interval"),
    ({"colour": "red"}, "colour: Extra inputs are not permitted, given red"),
    ({"verdict": "works"}, "verdict"),
    ({"kind": "best"}, "kind"),
    ({"profile": "huge"}, "profile"),
    ({"seconds": -1}, "seconds"),
])
def test_a_wrong_line_is_not_written(path, change, words):
    write_lines(path, [line()])
    before = path.read_bytes()
    with pytest.raises(BadResults) as caught:
        write_lines(path, [line("other"), line(**change)])
    assert "claim 'small'" in str(caught.value) and words in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("text, words", [
    ('{"chapter": "99_ma', "wanted one JSON object"),
    ("[1, 2]", "2: line: "),
    (json.dumps(line()).replace("12.5", "NaN"), "NaN is no JSON number"),
    (json.dumps({k: v for k, v in line().items() if k != "date"}), "date: Field required"),
    (json.dumps(line("other")), "other, lesson, default again (line 1)"),
    (b"\xff\xfe".decode("latin-1"), "wanted one JSON object"),
])
def test_a_corrupted_line_is_named_and_nothing_is_lost(path, text, words):
    write_lines(path, [line("other")])
    with path.open("a", encoding="latin-1") as file:
        file.write(text + "\n")
    before = path.read_bytes()
    for call in (lambda: read(path.parent), lambda: write_lines(path, [line()])):
        with pytest.raises(BadResults) as caught:
            call()
        assert "99_made_up.jsonl:2" in str(caught.value) and words in str(caught.value)
    assert path.read_bytes() == before


# --- verdicts that turn ---------------------------------------------------------------------------

def test_a_turned_verdict_is_a_failure_until_someone_looks(path):
    write_lines(path, [line(), line("other")])
    before = path.read_bytes()
    turned = [line(verdict="inconclusive"), line("third")]
    with pytest.raises(VerdictChanged) as caught:
        write_lines(path, turned)
    assert "small (lesson, default): was reproduced on 2025-01-01" in str(caught.value)
    assert "now inconclusive" in str(caught.value) and "mv " in str(caught.value)
    assert path.read_bytes() == before
    aside = path.with_name("99_made_up.jsonl.new")
    assert [x["verdict"] for x in read_file(aside)] == ["reproduced", "inconclusive", "reproduced"]
    assert len(read(path.parent)) == 2                              # what lies aside is not read
    write_lines(path, turned, accept=True)
    assert names(path.parent) == ["99_made_up.jsonl"]
    assert len(read_file(path)) == 3


def test_what_lies_aside_can_be_moved_into_place(path):
    write_lines(path, [line(), line("other")])
    with pytest.raises(VerdictChanged):
        write_lines(path, [line(verdict="not reproduced")])
    os.replace(path.with_name(path.name + ".new"), path)
    assert [x["verdict"] for x in read_file(path)] == ["reproduced", "not reproduced"]


def test_which_changes_are_free(path):
    write_lines(path, [line(profile="quick", verdict="direction only"), line(verdict="not run")])
    write_lines(path, [line(profile="quick", verdict="inconclusive"), line()])
    assert {x["verdict"] for x in read_file(path)} == {"inconclusive", "reproduced"}
    with pytest.raises(VerdictChanged):
        write_lines(path, [line(verdict="not run", method=None, baseline=None, interval=None)])


# --- disks and other writers ----------------------------------------------------------------------

def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_full_disk(path, monkeypatch, step):
    write_lines(path, [line()])
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(f"medtutor.course.writing.os.{step}", full_disk)
        with pytest.raises(NotWritten, match="No space left.*untouched"):
            write_lines(path, [line("other")])
    assert path.read_bytes() == before and names(path.parent) == ["99_made_up.jsonl"]
    write_lines(path, [line("other")])                              # and then it works again
    assert len(read_file(path)) == 2


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "results").write_text("I am a file.")
    with pytest.raises(NotWritten, match="wanted to write"):
        write_lines(tmp_path / "results" / "99.jsonl", [line()])


def _write(path, number, gate):
    gate.wait()
    for step in range(5):
        write_lines(Path(path), [line(f"claim_{number}_{step}")])


def test_concurrent_writers_lose_nothing(path):
    context = multiprocessing.get_context("fork")
    gate = context.Barrier(4)
    writers = [context.Process(target=_write, args=(path, n, gate)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert len(read_file(path)) == 20 and names(path.parent) == ["99_made_up.jsonl"]


def _hold_and_die(path, ready):
    with results_lock.one_writer(Path(path)):
        ready.set()
        os.kill(os.getpid(), 9)


def test_a_killed_writer_locks_nobody_out(path):
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    writer = context.Process(target=_hold_and_die, args=(path, ready))
    writer.start()
    writer.join(60)
    assert writer.exitcode == -9 and names(path.parent) == [".99_made_up.jsonl.lock"]
    write_lines(path, [line()])
    assert names(path.parent) == ["99_made_up.jsonl"]


def test_a_writer_that_never_ends(path, monkeypatch):
    monkeypatch.setattr(results_lock, "_PATIENCE", 0.05)
    with results_lock.one_writer(path):
        with pytest.raises(NotWritten, match="held by another writer"):
            write_lines(path, [line()])
    write_lines(path, [line()])


# --- from notebook to line ------------------------------------------------------------------------

def notebook(*contents):
    cells = [new_markdown_cell("Text.")]
    for content in contents:
        shown = new_output("execute_result", {"text/plain": "x", CLAIM_MIME: content})
        cells.append(new_code_cell("ledger.record(...)", outputs=[
            new_output("stream", text="training\n"), shown]))
    return new_notebook(cells=[*cells, new_code_cell("1")])


def test_harvest():
    first, second = finding(), finding("other", levels=[1.0, 2.0], reason="why")
    assert harvest(notebook(first, second, first)) == [first, second]
    assert harvest(new_notebook()) == []


@pytest.mark.parametrize("contents, words", [
    ([finding(), finding(verdict="inconclusive")], "cell 2: claim 'small' was recorded before"),
    ([finding(verdict="great")], "cell 1: verdict"),
    ([{"claim": "small"}], "Field required"),
    ([line()], "Extra inputs"),
])
def test_harvest_errors(contents, words):
    with pytest.raises(BadResults, match=words):
        harvest(notebook(*contents))


# --- which line to believe ------------------------------------------------------------------------

def test_best_lines():
    lines = [line(profile="quick", date="2025-03-01"), line(date="2025-01-01"),
             line(date="2025-02-01", seconds=2), line(dataset="busi", profile="quick"),
             line(profile="full", verdict="not run", method=None)]
    best = best_lines(lines)
    assert [(x["dataset"], x["profile"], x["date"]) for x in best] == [
        ("busi", "quick", "2025-01-01T00:00:00+00:00"), ("default", "lesson", "2025-02-01")]
    assert [x["profile"] for x in best_lines([lines[-1]])] == ["full"]
    assert best_lines([]) == []


@pytest.fixture
def chapter(tmp_path):
    made = Chapter.model_validate({
        "number": 99, "title": "Made up", "part": "start", "summary": "For a test.",
        "data": {"default": "phantoms.organs"},
        "parameters": {"seeds": {"type": "ints", "quick": [0], "lesson": 5, "full": 5,
                                 "help": "seeds"}},
        "budget": {name: {"seconds": 60, "memory_gb": 1} for name in ("quick", "lesson", "full")},
        "claims": [{"id": "small", "says": "So it is.", "kind": "better_than",
                    "paper": {"where": "table 2"},
                    "measure": {"metric": "dice", "method": "a", "baseline": "b"}}]})
    made._folder = tmp_path / "99_made_up"
    made.folder.mkdir()
    nbformat.write(new_notebook(cells=[new_code_cell("x = 1")]), made.notebook)
    return made


def test_stale(chapter):
    fresh = line(source_hash=source_hash(chapter))
    assert not is_stale(fresh, chapter)
    assert not is_stale({**fresh, "verdict": "not run", "method": None}, chapter)
    assert is_stale({**fresh, "source_hash": "abc"}, chapter)
    assert is_stale({**fresh, "claim": "gone"}, chapter)
    assert is_stale({**fresh, "kind": "close_to"}, chapter)
    assert is_stale({**fresh, "verdict": "inconclusive"}, chapter)      # the rule says otherwise
    assert is_stale({**fresh, "baseline": None}, chapter)


def test_an_exact_claim_is_not_judged_by_its_rounded_values(chapter):
    claim = chapter.claims[0].model_copy(update={"kind": "exact", "expected": 1 / 3,
                                                 "margin": 1e-12})
    exact = chapter.model_copy(update={"claims": [claim]})
    exact._folder = chapter.folder
    found = exact.ledger("lesson", "default", range(5)).record("small", [1 / 3] * 5).line
    assert found["verdict"] == "reproduced" and found["method"] == [0.333333] * 5
    assert not is_stale({**line(), **found, "source_hash": source_hash(exact)}, exact)


def test_rounded_cases_do_not_make_a_line_stale(chapter, path):
    table = [[0.812346 + 0.01 * s + 0.003 * c for c in range(7)] for s in range(5)]
    other = [[v - 0.0012345 - 0.0001 * s for v in row] for s, row in enumerate(table)]
    ledger = chapter.ledger("lesson", "default", range(5))
    means = [[sum(row) / 7 for row in rows] for rows in (table, other)]
    found = ledger.record("small", *means, method_cases=table, baseline_cases=other).line
    assert found["verdict"] == "reproduced"
    write_lines(path, [{**line(), **found, "source_hash": source_hash(chapter)}])
    assert not is_stale(read_file(path)[0], chapter)
    assert results.read(path.parent)[0]["cases"]["method"][0][0] == 0.8123
