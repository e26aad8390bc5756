"""A run is measured and recorded; whatever goes wrong is said, and leaves nothing half-done.

Each test that starts a kernel takes some seconds, so there are few, and each looks at much.
"""

import errno
import json
import os
import signal
import subprocess
import sys
import time

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from medtutor.course import run as running
from medtutor.course.declaration.parameters import parse
from medtutor.course.run import (
    GpuAbsent,
    KernelDied,
    NotWritten,
    OverBudget,
    UnknownParameter,
    WrongParameter,
    run_chapter,
)
from medtutor.course.running import machine
from medtutor.course.running.engine import ThisInterpreter, Watch
from medtutor.course.running.memory import GIB, Meter
from medtutor.course.running.titles import headings, title_above

WORKERS = """\
import os, time
from joblib import Parallel, delayed
from pathlib import Path
def work(i):
    Path("../../pid_" + str(i)).write_text(str(os.getpid()))
    time.sleep({seconds})
    return bytes(10)
Path("../../pid_kernel").write_text(str(os.getpid()))
done = Parallel(n_jobs=2)(delayed(work)(i) for i in range(2))
"""


def pids(root):
    return [int(file.read_text()) for file in root.glob("pid_*") if file.read_text()]


def all_gone(processes, within=15.0):
    gone, alive = psutil.wait_procs(processes, timeout=within)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_a_run_is_measured_and_recorded(tiny, claim):
    chapter = tiny.chapter(
        "import sys, os\nprint(sys.executable, os.path.basename(os.getcwd()), rate, seeds)",
        WORKERS.format(seconds=0.6),
        "from medtutor.course import load_chapter\nledger = load_chapter(14).ledger("
        "profile, dataset, seeds)\nledger.record('twice_two', method=[4.0])",
        claim=claim,
    )
    seen = []
    report = run_chapter(chapter, progress=seen.append)
    # the notebook ran in its folder, on this interpreter, with the values of the quick profile
    executed = nbformat.read(tiny.root / "build/executed/14_tiny.ipynb", 4)
    printed = next(cell.outputs[0].text for cell in executed.cells if "print(" in cell.source)
    assert printed.strip() == f"{sys.executable} 14_tiny 0.5 [0]"
    # its cost counts the workers, and was told while it ran
    assert 0.6 < report.seconds < report.limit_seconds
    assert 0.03 < report.peak_memory_gb < 3
    assert {one.title for one in seen} >= {"Parameters", "The work"}
    assert seen[-1].total == 7          # six cells of ours, and the values papermill put in
    # one line for the claim, with the facts that only the runner knows
    (line,) = report.lines
    (stored,) = map(json.loads, (tiny.root / "book/results/14_tiny.jsonl").open())
    assert stored["claim"] == "twice_two" and stored["verdict"] == "reproduced"
    assert stored["versions"] == machine.versions() and stored["device"] == machine.device()
    assert stored["date"].endswith("+00:00") and len(stored["source_hash"]) >= 16
    assert line["peak_memory_gb"] > 0 and line["seconds"] > 0
    # nothing is left behind: no process, no file but these
    assert all_gone([psutil.Process(pid) for pid in pids(tiny.root) if psutil.pid_exists(pid)])
    kept = [file for file in tiny.files() if not file.startswith("pid_")]
    assert kept == ["book/results/14_tiny.jsonl", "build/executed/14_tiny.ipynb"]


def test_over_budget_names_both_numbers_of_both(tiny, claim, monkeypatch):
    monkeypatch.setattr(running, "PATIENCE", 1000)      # measured to its end
    chapter = tiny.chapter(
        "import time\nheld = b'x' * (200 * 2**20)\ntime.sleep(0.5)",
        claim=claim, seconds=0.25, memory_gb=0.1,
    )
    with pytest.raises(OverBudget, match=r"took \d+\.\d s, its budget is 0\.25 s and held "
                       r"0\.[2-9]\d GB, its budget is 0\.1 GB") as caught:
        run_chapter(chapter)
    assert "build/executed/failed/14_tiny.ipynb" in str(caught.value)
    assert tiny.files() == ["build/executed/failed/14_tiny.ipynb"]     # aside; no result line


def test_far_over_budget_is_stopped(tiny):
    chapter = tiny.chapter("import time\ntime.sleep(600)", seconds=1)
    with pytest.raises(OverBudget, match=r"its budget is 1 s and was stopped in cell 5 \(The wor"):
        run_chapter(chapter)
    assert tiny.files() == ["build/executed/failed/14_tiny.ipynb"]


def test_kernel_killed_in_mid_run(tiny):
    chapter = tiny.chapter(
        "print('before')", "import os, signal\nos.write(2, b'last words')\nos.kill(os.getpid(), 9)"
    )
    with pytest.raises(KernelDied) as caught:
        run_chapter(chapter)
    message = str(caught.value)
    assert "14_tiny (quick): the kernel was killed by SIGKILL" in message
    assert "in cell 6 of 6 (The work)" in message and "| last words" in message
    kept = nbformat.read(tiny.root / "build/executed/failed/14_tiny.ipynb", 4)
    assert "before" in str(kept)
    assert tiny.files() == ["build/executed/failed/14_tiny.ipynb"]


@pytest.mark.skipif(os.name != "posix", reason="not run: no POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_runner_leaves_nothing(tiny, number):
    tiny.chapter(WORKERS.format(seconds=600))
    runner = subprocess.Popen(
        [sys.executable, "-m", "medtutor", "run", "14"], cwd=tiny.root, stdout=subprocess.DEVNULL
    )
    try:
        patience = time.monotonic() + 60
        while len(pids(tiny.root)) < 3 and time.monotonic() < patience:
            time.sleep(0.1)
        started = [psutil.Process(pid) for pid in pids(tiny.root)]
        assert len(started) == 3                # the kernel and two workers
    finally:
        runner.send_signal(number)
        code = runner.wait(30)
    assert code == (-9 if number == signal.SIGKILL else 143)
    assert all_gone(started)
    assert [file for file in tiny.files() if not file.startswith("pid_")] == []


# What follows starts no kernel.


@pytest.fixture
def executed(tiny, claim, monkeypatch):
    """A chapter whose execution is pretended, with a claim recorded; and its file of results."""
    from medtutor.course.ledger.recorded import CLAIM_MIME

    chapter = tiny.chapter("ledger", claim=claim)
    recorded = chapter.ledger("quick", "default", [0]).record("twice_two", method=[4.0])
    data = recorded._repr_mimebundle_()
    data = data[0] if isinstance(data, tuple) else data
    output = new_output("display_data", data={CLAIM_MIME: data[CLAIM_MIME]})
    notebook = new_notebook(cells=[new_code_cell("ledger", outputs=[output])])
    watch = Watch(notebook=notebook, seconds=1.0, peak_gb=0.1)
    monkeypatch.setattr(running, "_execute", lambda *given: watch)
    return chapter, tiny.root / "book/results/14_tiny.jsonl"


def test_disk_full_while_writing_results(tiny, executed, monkeypatch):
    chapter, file = executed
    run_chapter(chapter)
    before = file.read_bytes()
    really = os.fsync

    def full(handle):
        if "14_tiny.jsonl" in os.readlink(f"/proc/self/fd/{handle}"):
            raise OSError(errno.ENOSPC, "No space left on device")
        really(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotWritten, match=r"14_tiny\.jsonl: No space left on device; what was there "
                       "before is untouched: make room"):
        run_chapter(chapter)
    assert file.read_bytes() == before
    assert [name.name for name in file.parent.iterdir()] == ["14_tiny.jsonl"]


def test_disk_full_while_writing_the_notebook(tiny, executed, monkeypatch):
    chapter, file = executed

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotWritten, match=r"executed/14_tiny\.ipynb: No space left"):
        run_chapter(chapter)
    assert tiny.files() == []


def test_lines_of_other_parameters_are_not_recorded(tiny, executed):
    chapter, file = executed
    report = run_chapter(chapter, parameters={"rate": 2.0})
    assert len(report.lines) == 1 and not report.recorded and not file.exists()


def test_results_go_where_they_are_sent(tiny, executed, tmp_path):
    chapter, file = executed
    run_chapter(chapter, executed=tmp_path / "elsewhere", results=tmp_path / "other")
    assert (tmp_path / "other/14_tiny.jsonl").is_file() and not file.exists()
    assert (tmp_path / "elsewhere/14_tiny.ipynb").is_file()


def test_success_takes_the_failed_notebook_away(tiny, executed):
    chapter, file = executed
    aside = tiny.root / "build/executed/failed/14_tiny.ipynb"
    aside.parent.mkdir(parents=True)
    aside.touch()
    run_chapter(chapter)
    assert not aside.exists()


def test_one_core_has_twice_the_time(tiny, executed, monkeypatch):
    chapter, file = executed
    monkeypatch.setattr(machine, "cores", lambda: [0])
    assert run_chapter(chapter).limit_seconds == 120
    monkeypatch.setattr(machine, "cores", lambda: list(range(16)))
    assert run_chapter(chapter).limit_seconds == 60


def test_wrong_parameters(tiny):
    chapter = tiny.chapter()
    with pytest.raises(UnknownParameter, match="wanted one of the parameters rate, seeds, given "
                       "'rat': did you mean 'rate'"):
        run_chapter(chapter, parameters={"rat": 1})
    with pytest.raises(WrongParameter, match="parameter rate: wanted a number, given 'fast'"):
        run_chapter(chapter, parameters={"rate": "fast"})
    with pytest.raises(UnknownParameter, match="wanted as --profile"):
        run_chapter(chapter, parameters={"profile": "full"})
    with pytest.raises(UnknownParameter, match="dataset: wanted one of default, busi, given 'bus'"):
        run_chapter(chapter, dataset="bus")
    with pytest.raises(WrongParameter, match="at least one, each once"):
        run_chapter(chapter, seeds=[1, 1])
    with pytest.raises(WrongParameter, match="at least one, each once"):
        run_chapter(chapter, seeds=[])
    with pytest.raises(ValueError, match="wanted one of quick, lesson, full, given 'fast'"):
        run_chapter(chapter, "fast")


def test_parameters_are_read_by_their_type(tiny):
    chapter = tiny.chapter()
    assert parse(chapter, "rate=1e-3") == ("rate", 0.001)
    assert parse(chapter, "seeds=3, 4") == ("seeds", [3, 4])
    assert parse(chapter, "seeds=3") == ("seeds", 3)
    assert parse(chapter, "seeds=3,") == ("seeds", [3])
    with pytest.raises(WrongParameter, match="rate: wanted a number, given 'a=b'"):
        parse(chapter, "rate=a=b")
    with pytest.raises(WrongParameter, match="wanted -p name=value, given 'rate'"):
        parse(chapter, "rate")
    with pytest.raises(UnknownParameter, match="did you mean 'seeds'"):
        parse(chapter, "seed=1")


def test_gpu_is_asked_for_before_anything_runs(tiny, monkeypatch):
    monkeypatch.setattr(machine, "accelerator", lambda: "")
    with pytest.raises(GpuAbsent, match="profile full needs a CUDA device, .* --profile lesson"):
        run_chapter(tiny.chapter(), "full")


def test_notebook_that_is_none(tiny):
    chapter = tiny.chapter()
    chapter.notebook.write_text("{")
    with pytest.raises(ValueError, match="14_tiny.ipynb: wanted a notebook"):
        run_chapter(chapter)
    nbformat.write(new_notebook(), chapter.notebook)
    with pytest.raises(ValueError, match="wanted one cell tagged parameters, given 0"):
        run_chapter(chapter)
    chapter.notebook.unlink()
    with pytest.raises(ValueError, match="wanted the notebook notebooks/14_tiny/14_tiny.ipynb"):
        run_chapter(chapter)


def test_kernel_is_this_interpreter_whatever_is_installed():
    argv = ThisInterpreter().get_kernel_spec("python3").argv
    assert argv[:3] == [sys.executable, "-m", "ipykernel_launcher"]


def test_meter_counts_a_tree_of_processes():
    child = "import subprocess, sys, time; x = b'x' * (60 * 2**20); print(len(x), flush=True); "
    inner = child + "time.sleep(60)"
    outer = child + "subprocess.run([sys.executable, '-c', sys.argv[1]])"
    process = subprocess.Popen(
        [sys.executable, "-c", outer, inner], stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        process.stdout.readline()
        process.stdout.readline()
        meter = Meter(process.pid)
        assert meter.sample()
        assert 120 * 2**20 < meter.peak_bytes < 1 * GIB
        assert len(meter.seen) == 2
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert not meter.sample()


def test_titles():
    from nbformat.v4 import new_markdown_cell

    cells = [new_markdown_cell("# A\n```\n# no heading\n```\n## B ##"), new_code_cell("# C")]
    assert headings(cells[0].source) == [(1, "A"), (2, "B")]
    assert title_above(cells, 1) == "B"
    assert title_above(cells[1:], 0) == ""


