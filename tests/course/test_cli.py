"""The command line: what it prints, where, and its exit codes 0, 1, 2."""

import json
import os
import subprocess
import sys
import threading
import time

import nbformat
import pytest

from medtutor import __version__
from medtutor.course import cli
from medtutor.course.chapter import load_chapter
from medtutor.course.new import make_chapter
from medtutor.course.run import RunReport
from medtutor.course.running import machine, many
from medtutor.course.running.many import Job, Outcome, divided, run_many


@pytest.fixture
def medtutor(monkeypatch, capfd):
    """Run a command in this process; returns exit code, standard output, standard error."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["medtutor", *words])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capfd.readouterr()
        return ended.value.code, said.out, said.err

    return run


def test_several_chapters_at_a_time(tiny):
    """Two processes, one on each half of the cores; one chapter fails, the other does not care."""
    make_chapter(25, "heat_maps")
    tiny.chapter("def half(x):\n    return 1 / x\nhalf(0)")
    answer = subprocess.run(
        [sys.executable, "-m", "medtutor", "run", "all", "-j", "2", "--results", "build/results"],
        cwd=tiny.root, capture_output=True, text=True,
    )
    assert answer.returncode == 1
    # quiet without a terminal: one line for each chapter that ran
    (line,) = answer.stdout.splitlines()
    limit = 120 if len(machine.cores()) < 4 else 60     # one core has twice the time
    assert line.startswith("25_heat_maps quick default: ") and f" s of {limit}, " in line
    assert line.endswith("no claims")
    # the failing cell: its source, the error, and where the notebook is
    assert "14_tiny (quick): cell 5 of 5 (The work) raised ZeroDivisionError: division by" in (
        answer.stderr
    )
    assert "  |     return 1 / x" in answer.stderr and "half(0)" in answer.stderr
    assert "as far as it came: build/executed/failed/14_tiny.ipynb" in answer.stderr
    assert "Traceback (most recent call last):\n  File" not in answer.stderr
    failed = nbformat.read(tiny.root / "build/executed/failed/14_tiny.ipynb", 4)
    assert "ZeroDivisionError" in str(failed)
    executed = nbformat.read(tiny.root / "build/executed/25_heat_maps.ipynb", 4)
    assert "not attempted" in str(executed)             # the skeleton ran, its exercise untouched


def test_help_names_everything(medtutor):
    code, out, _ = medtutor("--help")
    assert code == 0
    assert all(name in out for name in "list doctor run claims check new book bench".split())
    for name in "list doctor run claims check new book bench".split():
        code, out, _ = medtutor(name, "--help")
        assert code == 0 and f"medtutor {name}" in out and "Example" in out


def test_version(medtutor):
    assert medtutor("--version") == (0, f"{__version__}\n", "")


def test_list(tiny, medtutor):
    tiny.chapter()
    make_chapter(25, "heat_maps")
    code, out, _ = medtutor("list")
    assert code == 0
    assert "14" in out and "Tiny" in out and "draft" in out
    code, out, _ = medtutor("list", "--json")
    assert code == 0
    assert json.loads(out)[1] == {
        "number": 25, "name": "25_heat_maps", "title": "Heat maps", "part": "layers",
        "claims": 0, "exercises": 1, "draft": True,
    }


def test_list_and_help_import_no_torch(tiny):
    tiny.chapter()
    for words in (["list"], ["claims"], ["run", "--help"]):
        code = (
            f"import sys; sys.argv = ['medtutor', *{words!r}]\n"
            "from medtutor.course.cli import main\n"
            "try: main()\n"
            "except SystemExit: print('HEAVY', *{'torch', 'papermill'} & set(sys.modules))"
        )
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
        assert out.splitlines()[-1] == "HEAVY", words


def test_wrong_use_is_two(tiny, medtutor):
    tiny.chapter()
    for words, message in {
        ("run", "15"): "wanted one of the chapters 14_tiny, given '15'",
        ("run", "14", "--profile", "fats"): "wanted one of quick, lesson, full, given 'fats'",
        ("run", "14", "--seeds", "a"): "--seeds: wanted 0,1,2",
        ("run", "14", "-p", "rat=1"): "wanted one of the parameters rate, seeds, given 'rat'",
        ("run", "14", "-p", "rate=x"): "rate: wanted a number, given 'x'",
        ("run", "14", "--dataset", "bus"): "dataset: wanted one of default, busi, given 'bus'",
        ("run", "14", "-j", "0"): "Invalid value for '-j'",
        ("run",): "Missing argument",
        ("check", "nothing"): "given 'nothing'",
        ("new", "14", "other"): "wanted number and name not taken",
        ("new", "15", "Bad"): "name: wanted one like combo_loss",
        ("walk",): "No such command 'walk'",
    }.items():
        code, out, err = medtutor(*words)
        assert code == 2, words
        assert message in " ".join(err.split()) and out == "", words


def test_no_repository_is_wrong_use(tmp_path, monkeypatch, medtutor):
    from medtutor.course import paths

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(paths, "__file__", str(tmp_path / "a/b/c/d.py"))
    code, _, err = medtutor("list")
    assert code == 2 and "change into a checkout of medtutor" in err


def test_broken_chapter_is_one(tiny, medtutor):
    chapter = tiny.chapter()
    (chapter.folder / "chapter.yml").write_text("title: [")
    for words in (["list"], ["run", "14"], ["check"], ["claims"]):
        code, _, err = medtutor(*words)
        assert code == 1 and "notebooks/14_tiny/chapter.yml: line 1: wanted YAML" in err


def test_check_and_write(tiny, medtutor):
    chapter = load_chapter(make_chapter(25, "heat_maps"))
    assert medtutor("check", "25") == (0, "25_heat_maps: OK\n", "")
    text = chapter.notebook.read_text()
    chapter.notebook.write_text(text.replace("dice_of_equals = ...", "dice_of_equals = 1.0"))
    code, out, err = medtutor("check")
    assert code == 1 and "25_heat_maps: exercise dice_of_equals: its cell is not the stub" in err
    code, out, err = medtutor("check", "25", "--write")
    assert (code, err) == (0, "") and "wrote the stub of dice_of_equals" in out
    assert chapter.notebook.read_text() == text


def test_new(tiny, medtutor):
    code, out, _ = medtutor("new", "25", "heat_maps", "--part", "layers")
    assert code == 0 and "made notebooks/25_heat_maps; next: medtutor run 25" in out
    assert load_chapter(25).part == "layers"


def test_claims(tiny, claim, medtutor):
    chapter = tiny.chapter(claim=claim)
    line = {
        **chapter.ledger("quick", "default", [0]).record("twice_two", method=[4.0]).line,
        "versions": {}, "device": "cpu", "seconds": 1.0, "peak_memory_gb": 0.1,
        "source_hash": "0" * 64, "date": "2026-01-01T00:00:00+00:00",
    }
    (tiny.root / "book/results").mkdir(parents=True)
    (tiny.root / "book/results/14_tiny.jsonl").write_text(json.dumps(line) + "\n")
    code, out, _ = medtutor("claims", "14")
    assert code == 0 and "twice two is four" in out and "stale" in out
    code, out, _ = medtutor("claims", "--json")
    assert code == 0 and json.loads(out)[0]["stale"] is True
    (tiny.root / "book/results/14_tiny.jsonl").write_text("{\n")
    code, out, err = medtutor("claims")
    assert code == 1 and "book/results/14_tiny.jsonl:1" in err


def test_doctor_exit_codes(monkeypatch, medtutor):
    from medtutor.course import doctor

    for state, wanted in (("note", 0), ("wrong", 1)):
        monkeypatch.setattr(doctor, "examine", lambda s=state: [doctor.Finding("x", s, "do y")])
        code, out, _ = medtutor("doctor", "--json")
        assert code == wanted and json.loads(out) == [{"what": "x", "state": state, "text": "do y"}]
        assert medtutor("doctor")[0] == wanted


def test_book(tmp_path, monkeypatch, medtutor):
    from medtutor.course import site

    monkeypatch.setattr(site, "build", lambda: tmp_path / "site")
    code, out, _ = medtutor("book")
    assert code == 0 and f"built {tmp_path}/site" in out.replace("\n", "")

    def fail():
        raise RuntimeError("a warning")

    monkeypatch.setattr(site, "build", fail)
    assert medtutor("book") == (1, "", "a warning\n")


def report(name="14_tiny", recorded=True):
    lines = [{"verdict": "inconclusive"}, {"verdict": "inconclusive"}, {"verdict": "not run"}]
    return RunReport(name, "quick", "default", 2.0, 0.5, lines, None, 60, 3, recorded)


def test_nothing_to_run(tiny, medtutor):
    code, _, err = medtutor("run", "all")
    assert code == 2 and "wanted chapters to run" in err


def test_one_line_a_run(tiny, medtutor, monkeypatch):
    tiny.chapter()
    monkeypatch.setattr(many, "run_job", lambda job, progress: Outcome(job.chapter, report()))
    code, out, err = medtutor("run", "14", "14")
    assert (code, err) == (0, "")
    assert out == (
        "14_tiny quick default: 2.0 s of 60, 0.50 GB of 3; 2 inconclusive, 1 not run\n"
    )


def test_terminal_shows_a_bar_and_a_table():
    from io import StringIO

    from rich.console import Console

    from medtutor.course.run import Progress
    from medtutor.course.running.run_view import RunView

    out = Console(file=StringIO(), force_terminal=True, width=120)
    view = RunView({"14_tiny": (60, 3)}, out, out)
    with view.shown():
        view.progress("14_tiny", Progress(3, 9, "The [work]", 12.3, 1.25))
        bar = out.file.getvalue() + _drawn(view)
        view.finished(Outcome("14_tiny", report(recorded=False)))
    assert "3/9" in bar and "12 of 60 s, 1.2 of 3 GB" in bar and "The [work]" in bar
    view.summary([Outcome("14_tiny", report()), Outcome("03_x", error="it [broke]\nso")])
    text = out.file.getvalue()
    assert "not recorded: run with -p" in text and "it [broke]" in text


def _drawn(view):
    from io import StringIO

    from rich.console import Console

    console = Console(file=StringIO(), width=160)
    console.print(view._bar.get_renderable())
    return console.file.getvalue()


def test_cores_are_divided():
    assert divided([0, 1], 2) == [[0], [1]]
    assert divided(list(range(16)), 4)[3] == [12, 13, 14, 15]
    assert divided([0, 1, 2], 2) == [[0], [1]]
    assert divided([5], 3) == [[5], [5], [5]]


@pytest.mark.skipif(os.name != "posix", reason="not run: no POSIX signals")
def test_a_killed_process_is_the_outcome_of_its_job_only(tiny):
    tiny.chapter()
    job, running = Job("14_tiny", dataset="no such set"), set()

    def kill_it():
        while not running:
            time.sleep(0.01)
        next(iter(running)).kill()

    killer = threading.Thread(target=kill_it)
    killer.start()
    outcome = many._in_a_process(job, [0], None, running)
    killer.join()
    assert outcome.error == "14_tiny: the process that ran it was killed by SIGKILL"
    first, second = run_many([job, Job("15_nowhere")], 2)
    assert first.wrong_use and "given 'no such set'" in first.error
    assert second.wrong_use and "given '15_nowhere'" in second.error
