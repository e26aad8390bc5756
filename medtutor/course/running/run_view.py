"""What ``medtutor run`` shows: a bar for each chapter, a line when it ends, a table."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from medtutor.course.run import Progress as Seen
from medtutor.course.running.many import Outcome


class RunView:
    """Shows runs on a terminal; without a terminal, one quiet line for each chapter.

    Args:
        limits: seconds and GB that each chapter may take.
        out: where progress and results go.
        errors: where errors go.
    """

    def __init__(
        self, limits: dict[str, tuple[float, float]], out: Console, errors: Console
    ) -> None:
        self.limits = limits
        self.out = out
        self.errors = errors
        self.live = out.is_terminal
        self._rows: dict[str, TaskID] = {}
        self._bar = Progress(
            TextColumn("[bold]{task.fields[chapter]}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[cost]}"),
            TextColumn("{task.description}"),
            console=out,
            transient=True,
        )

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show the bars while the block runs."""
        if not self.live:
            yield
            return
        with self._bar:
            yield

    def progress(self, chapter: str, seen: Seen) -> None:
        """Move a chapter's bar: cell, title of its section, time and memory against the budget."""
        seconds, memory = self.limits[chapter]
        cost = (
            f"{seen.seconds:.0f} of {seconds:g} s, "
            f"{seen.peak_memory_gb:.1f} of {memory:g} GB"
        )
        if chapter not in self._rows:
            self._rows[chapter] = self._bar.add_task("", total=None, chapter=chapter, cost=cost)
        self._bar.update(
            self._rows[chapter],
            completed=seen.done,
            total=seen.total or None,
            description=escape(seen.title),
            cost=cost,
        )

    def finished(self, outcome: Outcome) -> None:
        """Take the bar away and say how the chapter went."""
        if outcome.chapter in self._rows:
            self._bar.remove_task(self._rows.pop(outcome.chapter))
        if outcome.report is None:
            self.errors.print(outcome.error, markup=False, highlight=False, soft_wrap=True)
            return
        report = outcome.report
        self.out.print(
            f"{report.chapter} {report.profile} {report.dataset}: {_cost(outcome)}; "
            f"{verdicts(outcome)}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )

    def summary(self, outcomes: Sequence[Outcome]) -> None:
        """Print the table of a run of several chapters."""
        table = Table(title="Chapters run")
        for head in ("chapter", "time of budget", "memory of budget", "verdicts"):
            table.add_column(head, overflow="fold")
        for outcome in outcomes:
            if (report := outcome.report) is None:
                reason = outcome.error.splitlines()[0]
                table.add_row(outcome.chapter, "", "", f"[bold red]failed[/] {escape(reason)}")
                continue
            table.add_row(
                report.chapter,
                f"{report.seconds:.1f} of {report.limit_seconds:g} s",
                f"{report.peak_memory_gb:.2f} of {report.limit_memory_gb:g} GB",
                verdicts(outcome),
            )
        self.out.print(table)


def verdicts(outcome: Outcome) -> str:
    """Return ``2 reproduced, 1 inconclusive`` for a run's claims."""
    assert outcome.report is not None
    if not outcome.report.lines:
        return "no claims"
    counts = Counter(line["verdict"] for line in outcome.report.lines)
    text = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
    return text if outcome.report.recorded else f"{text} (not recorded: run with -p)"


def _cost(outcome: Outcome) -> str:
    report = outcome.report
    assert report is not None
    return (
        f"{report.seconds:.1f} s of {report.limit_seconds:g}, "
        f"{report.peak_memory_gb:.2f} GB of {report.limit_memory_gb:g}"
    )
