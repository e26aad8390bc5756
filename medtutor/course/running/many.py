"""Many chapters: one after the other, or several at a time, each in a process on its own cores."""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import queue
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medtutor.course.chapter import ChapterError, UnknownChapter, load_chapter
from medtutor.course.declaration.parameters import WrongParameter, parse
from medtutor.course.run import Progress, RunError, RunReport, run_chapter
from medtutor.course.running import machine
from medtutor.course.running.ending import termination_is_an_exit

Watcher = Callable[[str, Progress], None]


@dataclass(frozen=True)
class Job:
    """One chapter to run, and how. ``assignments`` are ``name=value``, as the command line has."""

    chapter: str
    profile: str = "quick"
    dataset: str = "default"
    assignments: Sequence[str] = ()
    seeds: Sequence[int] | None = None
    executed: Path | None = None
    results: Path | None = None
    accept: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a job: a report, or what went wrong and whether it was wrongly asked for."""

    chapter: str
    report: RunReport | None = None
    error: str = ""
    wrong_use: bool = field(default=False)


def run_many(
    jobs: Sequence[Job],
    at_once: int = 1,
    progress: Watcher | None = None,
    finished: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Run chapters; one that fails does not stop the others.

    Args:
        jobs: what to run.
        at_once: how many at a time. Beyond one, each runs in a process of its own, which shares
            the cores with the others by affinity: cores // at_once for each.
        progress: called with the chapter's name and where its run stands.
        finished: called with each outcome as it comes.

    Returns:
        The outcomes, in the order of the jobs.
    """
    tell = finished or (lambda outcome: None)
    if at_once == 1:
        outcomes = []
        for job in jobs:
            outcomes.append(run_job(job, progress))
            tell(outcomes[-1])
        return outcomes
    slots: queue.Queue[list[int]] = queue.Queue()
    for share in divided(machine.cores(), at_once):
        slots.put(share)
    running: set[Any] = set()

    def supervise(job: Job) -> Outcome:
        share = slots.get()
        try:
            outcome = _in_a_process(job, share, progress, running)
        finally:
            slots.put(share)
        tell(outcome)
        return outcome

    with termination_is_an_exit(), ThreadPoolExecutor(at_once) as pool:
        try:
            return list(pool.map(supervise, jobs))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(running):
                process.terminate()
            raise


def divided(cores: list[int], count: int) -> list[list[int]]:
    """Divide cores into equal shares of at least one; with more shares than cores, some share."""
    each = max(1, len(cores) // count)
    groups = max(1, len(cores) // each)
    return [cores[i % groups * each : (i % groups + 1) * each] for i in range(count)]


def run_job(job: Job, progress: Watcher | None = None) -> Outcome:
    """Run one job here; what goes wrong becomes its outcome."""
    try:
        chapter = load_chapter(job.chapter)
        report = run_chapter(
            chapter,
            job.profile,
            job.dataset,
            dict(parse(chapter, text) for text in job.assignments),
            job.seeds,
            job.executed,
            job.results,
            progress and (lambda seen: progress(job.chapter, seen)),
            job.accept,
        )
    except (UnknownChapter, WrongParameter) as error:
        return Outcome(job.chapter, error=str(error), wrong_use=True)
    except (ChapterError, RunError, ValueError, OSError) as error:
        return Outcome(job.chapter, error=str(error))
    return Outcome(job.chapter, report)


def _in_a_process(
    job: Job, cores: list[int], progress: Watcher | None, running: set[Any]
) -> Outcome:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(job, cores, theirs, progress is not None))
    process.start()
    running.add(process)
    theirs.close()
    outcome = None
    with contextlib.suppress(EOFError), ours:
        while not isinstance(outcome, Outcome):
            outcome = ours.recv()
            if isinstance(outcome, Progress) and progress is not None:
                progress(job.chapter, outcome)
    process.join()
    running.discard(process)
    if isinstance(outcome, Outcome):
        return outcome
    code = process.exitcode or 0
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return Outcome(job.chapter, error=f"{job.chapter}: the process that ran it {how}")


def _work(job: Job, cores: list[int], out: Any, with_progress: bool) -> None:
    """Run a job in this process, and end with the process that asked for it."""
    machine.use_cores(cores)
    threading.Thread(target=_leave_with_parent, daemon=True).start()

    def send(name: str, seen: Progress) -> None:
        with contextlib.suppress(OSError):
            out.send(seen)

    try:
        out.send(run_job(job, send if with_progress else None))
    except (KeyboardInterrupt, BrokenPipeError):
        raise SystemExit(130) from None


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
