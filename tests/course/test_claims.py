"""The ledger: what it records, how that looks in a notebook, and what it refuses."""

import json
from html.parser import HTMLParser

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter

from medtutor.course.chapter import Chapter
from medtutor.course.claims import CLAIM_MIME, VERDICTS, ClaimError, Ledger
from medtutor.course.ledger.wording import MARKS

NEW = [0.70, 0.72, 0.73, 0.71, 0.74]
OLD = [0.60, 0.63, 0.61, 0.64, 0.62]


def claim(name, kind="better_than", baseline="cross_entropy", lower=False, paper=None, **more):
    return {"id": name, "says": f"{name} <i>holds</i> & stays", "kind": kind,
            "paper": {"where": "table 2", **(paper or {})},
            "measure": {"metric": "dice", "method": "combo", "baseline": baseline,
                        "lower_is_better": lower}, **more}


@pytest.fixture
def chapter(tmp_path):
    made = Chapter.model_validate({
        "number": 99, "title": "Made up", "part": "start", "summary": "For a test.",
        "data": {"default": "phantoms.organs", "real": ["busi", "msd_hippocampus"]},
        "parameters": {"seeds": {"type": "ints", "quick": [0], "lesson": 5, "full": 5,
                                 "help": "seeds"}},
        "budget": {name: {"seconds": 60, "memory_gb": 1} for name in ("quick", "lesson", "full")},
        "claims": [
            claim("small_structures", paper={"method": 0.9, "baseline": "unknown"}),
            claim("fewer_errors", lower=True),
            claim("rises", "monotone_in", None, direction="increasing"),
            claim("as_computed", "exact", None, expected=0.5),
            claim("on_ultrasound", data=["busi"]),
        ]})
    made._folder = tmp_path / "99_made_up"
    return made


@pytest.fixture
def ledger(chapter):
    return chapter.ledger("lesson", "default", range(5))


def test_line(ledger):
    line = ledger.record("small_structures", NEW, OLD).line
    # differences .10 .09 .12 .07 .12: mean .1, sd .0212, standard error .00949, t(4) 2.776
    assert line == {
        "chapter": "99_made_up", "claim": "small_structures", "kind": "better_than",
        "profile": "lesson", "dataset": "default", "seeds": [0, 1, 2, 3, 4],
        "method": NEW, "baseline": OLD, "interval": [0.0736603, 0.12634],
        "verdict": "reproduced", "reason": "the whole 95 % interval lies above 0",
    }
    assert ledger.open() == ["fewer_errors", "rises", "as_computed", "on_ultrasound"]


def test_line_with_cases_levels_and_arrays(ledger):
    cases = np.array(NEW)[:, None] + np.array([[-0.123456, 0, 0.123456]])
    line = ledger.record("small_structures", np.float32(NEW), np.array(OLD),
                         method_cases=cases, baseline_cases=cases
                         + np.array(OLD)[:, None] - np.array(NEW)[:, None]).line
    assert line["cases"]["method"][0] == [0.5765, 0.7, 0.8235] and line["cases"]["same"] is True
    assert line["method"] == NEW                        # six digits of a float32
    rises = ledger.record("rises", [[1, 2], [1, 2.1], [1.1, 2], [1, 2.2], [1, 2]], levels=(1, 8))
    assert rises.line["levels"] == [1, 8] and rises.verdict == "reproduced"
    json.dumps(rises.line, allow_nan=False)


def test_verdicts_can_be_computed_again_from_the_line(ledger):
    """The spread lies beyond the sixth digit: it is not kept, and so it is not judged."""
    line = ledger.record("small_structures", 0.7 + 1e-9 * np.arange(5), [0.6] * 5).line
    assert line["method"] == [0.7] * 5
    assert line["verdict"] == "direction only" and line["interval"] is None


def test_exact_is_judged_in_full_precision(ledger):
    assert ledger.record("as_computed", [0.5000011] * 5).verdict == "not reproduced"


def test_notebook_output(ledger):
    recorded = ledger.record("small_structures", NEW, OLD)
    bundle = recorded._repr_mimebundle_()
    assert bundle[CLAIM_MIME] == recorded.line
    text, page = bundle["text/plain"], bundle["text/html"]
    for words in ("method 0.9, baseline unknown (table 2)", "0.72 ± 0.016 (5 seeds)",
                  "+0.1 [0.07366, 0.1263]", "exact p = 0.062 (5 seeds can give 0.062 at best)",
                  "✓ reproduced", "default, lesson"):
        assert words in text and words in page
    assert "&lt;i&gt;holds&lt;/i&gt; &amp; stays" in page and "<i>" not in page
    assert 'scope="row"' in page and "<caption" in page
    assert "color" not in page                          # the verdict is words, not a colour
    HTMLParser().feed(page)


def test_ipython_shows_it(ledger):
    formatter = DisplayFormatter()
    shown, _ = formatter.format(ledger.record("small_structures", NEW, OLD))
    assert {"text/plain", "text/html", CLAIM_MIME} <= set(shown)


def test_each_verdict_has_a_word_and_a_mark_of_its_own():
    assert set(MARKS) == set(VERDICTS) and len(set(MARKS.values())) == len(VERDICTS)


def test_lower_is_better(ledger):
    recorded = ledger.record("fewer_errors", OLD, NEW)
    assert recorded.verdict == "reproduced" and recorded.line["interval"][1] < 0
    assert "negative is better" in repr(recorded)


def test_other_kinds_read_well(ledger):
    rises = repr(ledger.record("rises", [[1, 2], [1, 2.1], [1.1, 2], [1, 2.2], [1, 2]],
                               levels=[1, 8]))
    assert "1.02 … 2.06 (means, 5 seeds)" in rises and "Change, first level to last" in rises
    exact = repr(ledger.record("as_computed", [0.5] * 5))
    assert "✓ reproduced" in exact and "no interval" not in exact
    assert "method − 0.5" in exact


def test_not_run(ledger):
    recorded = ledger.not_run("on_ultrasound", because="needs busi")
    assert recorded.line["verdict"] == "not run" and recorded.line["reason"] == "needs busi"
    assert recorded.line["method"] is None and recorded.line["interval"] is None
    assert "– not run" in repr(recorded) and "needs busi" in recorded._repr_html_()


def test_the_same_twice_is_one_record(ledger):
    first = ledger.record("small_structures", NEW, OLD)
    assert ledger.record("small_structures", NEW, OLD).line == first.line
    with pytest.raises(ClaimError, match="a run records each claim once.*ledger"):
        ledger.record("small_structures", OLD, NEW)
    with pytest.raises(ClaimError, match="now not run"):
        ledger.not_run("small_structures", because="tired")


def test_data_of_a_claim(chapter, ledger):
    assert ledger.applies("small_structures") and not ledger.applies("on_ultrasound")
    with pytest.raises(ClaimError, match="meant for busi, this run has 'default': ask ledger"):
        ledger.record("on_ultrasound", NEW, OLD)
    there = Ledger(chapter, "lesson", "busi", range(5))
    assert there.record("on_ultrasound", NEW, OLD).line["dataset"] == "busi"


@pytest.mark.parametrize("call, words", [
    (lambda x: x.record("smal_structures", NEW, OLD), "did you mean 'small_structures'?"),
    (lambda x: x.record("zebra", NEW, OLD), "chapter.yml of 99_made_up"),
    (lambda x: x.not_run("zebra", "why"), "given 'zebra'"),
    (lambda x: x.record("small_structures", NEW[:4], OLD),
     "method: wanted 5 values or rows, one for each of the seeds [0, 1, 2, 3, 4], given 4"),
    (lambda x: x.record("small_structures", 0.7, OLD), "given a single number"),
    (lambda x: x.record("small_structures", NEW), "wanted the values of 'cross_entropy'"),
    (lambda x: x.record("small_structures", [np.nan, *NEW[1:]], OLD), "nan at [0]"),
    (lambda x: x.record("small_structures", NEW, [*OLD[:4], np.inf]), "inf at [4]"),
    (lambda x: x.record("small_structures", [NEW] * 5, [OLD] * 5), "wanted 1 axes"),
    (lambda x: x.record("small_structures", NEW, OLD, method_cases=[[1, 2]] * 4,
                        baseline_cases=[[1, 2]] * 5), "method_cases: wanted 5"),
    (lambda x: x.record("small_structures", NEW, OLD, method_cases=[[1, 2]] * 5,
                        baseline_cases=[[1, 2, 3]] * 5), "wanted shape (5, 2)"),
    (lambda x: x.record("small_structures", ["a"] * 5, OLD), "wanted numbers"),
    (lambda x: x.record("rises", NEW, levels=[1]), "wanted 2 axes"),
    (lambda x: x.record("rises", [[1, 2]] * 5, levels=["a", "b"]), "levels: wanted numbers"),
    (lambda x: x.not_run("rises", because=" "), "because: wanted a reason"),
])
def test_errors(ledger, call, words):
    with pytest.raises(ClaimError) as caught:
        call(ledger)
    assert words in str(caught.value)
    assert len(ledger.open()) == 5                      # nothing was kept


@pytest.mark.parametrize("profile, dataset, seeds, words", [
    ("leson", "default", [0], "did you mean 'lesson'?"),
    ("lesson", "bus", [0], "did you mean 'busi'?"),
    ("lesson", "default", [], "wanted at least one"),
    ("lesson", "default", [0, 1, 1], "each once"),
])
def test_errors_of_the_run(chapter, profile, dataset, seeds, words):
    with pytest.raises(ValueError) as caught:
        chapter.ledger(profile, dataset, seeds)
    assert words in str(caught.value)
