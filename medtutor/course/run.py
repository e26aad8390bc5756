"""Run a chapter: papermill executes it, its cost is held to its budget, its claims are kept."""

import contextlib
import datetime
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medtutor.course.chapter import Chapter, ChapterError
from medtutor.course.declaration.parameters import UnknownParameter, WrongParameter, resolve
from medtutor.course.declaration.schema import Budget
from medtutor.course.paths import build_folder, results_folder, shown
from medtutor.course.running import machine
from medtutor.course.running.ending import termination_is_an_exit
from medtutor.course.running.run_errors import (
    CellFailed,
    GpuAbsent,
    KernelDied,
    OverBudget,
    RunError,
)
from medtutor.course.running.runnable import Runnable
from medtutor.course.writing import NotWritten, replace_text

__all__ = [
    "CellFailed",
    "GpuAbsent",
    "KernelDied",
    "OverBudget",
    "NotWritten",
    "Progress",
    "RunError",
    "RunReport",
    "UnknownParameter",
    "WrongParameter",
    "execute",
    "limit_seconds",
    "run_chapter",
]
PATIENCE = 3.0      # a run is stopped at this many times its limit; until then it is measured
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Progress:
    """Where a run stands: cell ``done`` of ``total`` under ``title``, its time and peak so far."""

    done: int
    total: int
    title: str
    seconds: float
    peak_memory_gb: float


@dataclass(frozen=True)
class RunReport:
    """What a run cost and what it measured.

    Attributes:
        seconds: wall time, start of the kernel included.
        peak_memory_gb: peak memory of the kernel and all its workers.
        lines: the claims' result lines.
        notebook: path of the executed notebook.
        recorded: whether the lines were written to the results; those of a run with parameters
            other than its profile's are not.
    """

    chapter: str
    profile: str
    dataset: str
    seconds: float
    peak_memory_gb: float
    lines: list[dict[str, Any]]
    notebook: Path
    limit_seconds: float
    limit_memory_gb: float
    recorded: bool = True
    cores: int = field(default=1)


def run_chapter(
    chapter: Chapter,
    profile: str = "quick",
    dataset: str = "default",
    parameters: Mapping[str, Any] | None = None,
    seeds: Sequence[int] | None = None,
    executed: Path | None = None,
    results: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    accept: bool = False,
) -> RunReport:
    """Execute a chapter's notebook and record its claims.

    Args:
        chapter: which one.
        profile: quick, lesson or full.
        dataset: ``default``, or one of the chapter's real sets.
        parameters: values in place of the profile's; result lines are then not recorded.
        seeds: in place of the profile's.
        executed: folder for the executed notebook; build/executed without it.
        results: folder for the result lines; book/results without it.
        progress: called at each cell and a few times a second.
        accept: take changed verdicts over into the results.

    Raises:
        UnknownParameter, WrongParameter: what was asked for is not what the chapter declares.
        CellFailed, KernelDied, OverBudget: the run went wrong. The notebook, as far as it came, is
            kept in ``failed`` in the folder of executed notebooks; no result line is written.
        NotWritten: a file could not be written; the old one is untouched.
        VerdictChanged: a recorded verdict turned, and ``accept`` was not given.
    """
    values = resolve(chapter, profile, dataset, parameters, seeds)
    budget = chapter.budget[values["profile"]]
    if budget.gpu and not machine.accelerator().startswith("cuda"):
        raise GpuAbsent(
            f"{chapter.name}: profile {profile} needs a CUDA device, and torch finds none here: "
            "take --profile lesson, or a machine with a GPU and the CUDA build of torch"
        )
    watch, out = execute(chapter, values, budget, executed, progress)
    lines = _lines(chapter, watch)
    if not parameters:
        _record(chapter, lines, results or results_folder(), accept)
    return RunReport(
        chapter=chapter.name,
        profile=profile,
        dataset=dataset,
        seconds=watch.seconds,
        peak_memory_gb=watch.peak_gb,
        lines=lines,
        notebook=out,
        limit_seconds=limit_seconds(budget, len(machine.cores())),
        limit_memory_gb=budget.memory_gb,
        recorded=not parameters,
        cores=len(machine.cores()),
    )


def execute(
    what: Runnable,
    values: dict[str, Any],
    budget: Budget,
    executed: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> tuple[Any, Path]:
    """Run a notebook within its budget, or raise RunError; returns its watch and what it wrote."""
    executed = executed or build_folder() / "executed"
    out, aside = executed / what.notebook.name, executed / "failed" / what.notebook.name
    limit = limit_seconds(budget, len(machine.cores()))
    watch = _execute(what, values, budget, limit, progress, aside)
    over = _over(watch, budget, limit)
    _write_notebook(aside if over else out, watch.notebook)
    if over:
        where = f"{what.name} ({values['profile']})"
        raise OverBudget(f"{where}: {over}\n  executed notebook: {shown(aside)}")
    aside.unlink(missing_ok=True)
    return watch, out


def _execute(
    what: Runnable,
    values: dict[str, Any],
    budget: Budget,
    limit: float,
    progress: Callable[[Progress], None] | None,
    aside: Path,
) -> Any:
    """Run the notebook under a watch; what fails is kept aside and raised with its story."""
    import nbformat
    import papermill

    from medtutor.course.running import engine

    notebook = _read_notebook(what)
    watch = engine.Watch(
        on_progress=progress and (lambda *seen: progress(Progress(*seen))),
        stop_seconds=PATIENCE * limit,
        stop_gb=PATIENCE * budget.memory_gb,
    )
    where = f"{what.name} ({values['profile']})"
    try:
        with _quiet(), termination_is_an_exit():
            watch.notebook = papermill.execute_notebook(
                notebook,
                None,
                parameters=values,
                engine_name=engine.NAME,
                kernel_name="python3",
                language="python",
                progress_bar=False,
                request_save_on_cell_execute=False,
                watch=watch,
                folder=what.folder,
            )
    except papermill.PapermillExecutionError as error:
        _write_notebook(aside, watch.notebook)
        story = _failure(error, watch)
        raise CellFailed(f"{where}: {story}\n  as far as it came: {shown(aside)}") from None
    except engine.KernelDied as error:
        _write_notebook(aside, watch.notebook)
        raise KernelDied(f"{where}: {error}\n  as far as it came: {shown(aside)}") from None
    except engine.OverLimit:
        pass                                                    # the caller tells, with the budget
    assert isinstance(watch.notebook, nbformat.NotebookNode)
    return watch


def _read_notebook(what: Runnable) -> Any:
    import nbformat

    try:
        notebook = nbformat.read(what.notebook, as_version=4)
    except FileNotFoundError:
        raise ChapterError(f"wanted the notebook {shown(what.notebook)}, given none") from None
    except (nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        reason = str(error).splitlines()[0][:200]
        raise ChapterError(f"{shown(what.notebook)}: wanted a notebook: {reason}") from None
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise ChapterError(
            f"{shown(what.notebook)}: wanted one cell tagged parameters, given {len(tagged)}"
        )
    return notebook


def _failure(error: Any, watch: Any) -> str:
    """Return where it failed, the cell's source, then the end of its traceback."""
    source = "\n".join(f"  | {line}" for line in error.source.splitlines())
    frames = _ANSI.sub("", "\n".join(error.traceback)).splitlines()
    trace = "\n".join(f"    {line}" for line in frames[-12:] if line.strip())
    return (
        f"cell {watch.cell + 1} of {watch.count} ({watch.title}) raised {error.ename}: "
        f"{error.evalue}\n{source}\n{trace}"
    )


def limit_seconds(budget: Budget, cores: int) -> float:
    """Return the time limit on so many cores: budgets are for two, one core has twice the time."""
    return budget.seconds if cores >= 2 else 2 * budget.seconds


def _over(watch: Any, budget: Budget, limit: float) -> str:
    """Return what was exceeded, both numbers named; nothing where all is well."""
    why = ""
    if limit != budget.seconds:
        why = f" ({budget.seconds:g} s for two cores, twice that for this one)"
    over = []
    if watch.seconds > limit:
        over.append(f"took {watch.seconds:.1f} s, its budget is {limit:g} s{why}")
    if watch.peak_gb > budget.memory_gb:
        over.append(f"held {watch.peak_gb:.2f} GB, its budget is {budget.memory_gb:g} GB")
    if watch.stopped:
        over.append(f"was stopped in cell {watch.cell + 1} ({watch.title})")
    return " and ".join(over)


def _lines(chapter: Chapter, watch: Any) -> list[dict[str, Any]]:
    """Return what the ledger recorded, with the facts that only the runner knows."""
    from medtutor.course.results import harvest, source_hash

    facts = {
        "versions": machine.versions(),
        "device": machine.device(),
        "seconds": round(watch.seconds, 2),
        "peak_memory_gb": round(watch.peak_gb, 3),
        "source_hash": source_hash(chapter),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    return [{**line, **facts} for line in harvest(watch.notebook)]


def _record(chapter: Chapter, lines: list[dict[str, Any]], folder: Path, accept: bool) -> None:
    from medtutor.course.results import write_lines

    if lines:
        write_lines(folder / f"{chapter.name}.jsonl", lines, accept=accept)


def _write_notebook(path: Path, notebook: Any) -> None:
    import nbformat

    replace_text(path, nbformat.writes(notebook) + "\n")


@contextlib.contextmanager
def _quiet() -> Any:
    """Keep papermill's and nbclient's remarks off the screen: what matters is raised."""
    log = logging.getLogger("papermill")
    before = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(before)
