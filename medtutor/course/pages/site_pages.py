"""Pages that nobody writes: tables of chapters, the record of runs, the contents."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from medtutor.course.chapter import Chapter
from medtutor.course.pages.site_notebooks import Execution

_MARKER = re.compile(r"^<!-- chapters: (\w+) -->$", re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """A chapter of the lecture: planned, written, or executed and therefore on the site."""

    number: int
    name: str
    part: str
    subject: str
    chapter: Chapter | None = None
    execution: Execution | None = None

    @property
    def folder(self) -> str:
        """The name of its folder and of its page, ``14_combo_loss``."""
        return f"{self.number:02d}_{self.name}"


def read_entries(
    plan: Path, chapters: Sequence[Chapter], executions: dict[str, Execution]
) -> list[Entry]:
    """Return all chapters by number: those of the plan, and those that came on top of it."""
    written = {chapter.name: chapter for chapter in chapters}
    planned = {
        f"{item['number']:02d}_{item['name']}": item
        for item in yaml.safe_load(plan.read_text(encoding="utf-8"))
    }
    entries = [
        Entry(item["number"], item["name"], item["part"], item["subject"])
        for folder, item in planned.items()
        if folder not in written
    ]
    for folder, chapter in written.items():
        name = folder.split("_", 1)[1]
        run = executions.get(folder)
        entries.append(Entry(chapter.number, name, chapter.part, chapter.title, chapter, run))
    return sorted(entries, key=lambda entry: entry.number)


def with_tables(page: str, entries: Sequence[Entry], up: str) -> str:
    """Return a page with each ``<!-- chapters: part -->`` replaced by that part's table."""

    def table(match: re.Match[str]) -> str:
        chosen = [entry for entry in entries if match[1] in ("all", entry.part)]
        return chapter_table(chosen, up)

    return _MARKER.sub(table, page)


def chapter_table(entries: Sequence[Entry], up: str) -> str:
    """Return a table of chapters; ``up`` leads from the page to the top of the site."""
    lines = ["| | chapter | what it shows |", "|---:|---|---|"]
    for entry in entries:
        lines.append(f"| {entry.number:02d} | {_title(entry, up)} | {_words(entry)} |")
    return "\n".join(lines)


def contents(toc: dict[str, Any], entries: Sequence[Entry]) -> dict[str, Any]:
    """Return the table of contents with the executed chapters below their parts."""
    for part in toc["parts"]:
        for page in part["chapters"]:
            below = [
                {"file": f"chapters/{entry.folder}", "title": f"{entry.number:02d} {entry.subject}"}
                for entry in entries
                if page["file"] == f"parts/{entry.part}" and entry.execution
            ]
            if below:
                page["sections"] = below
    return toc


def status_page(entries: Sequence[Entry], lines: Sequence[Mapping[str, Any]]) -> str:
    """Return the page that says which chapters exist, which were executed, and what runs cost."""
    page = [
        "# Chapters and what they cost",
        "",
        "The notebooks shown on this site, and the run that each page shows. A budget is a limit",
        "on two CPU cores: a run that needs more is an error.",
        "",
        "| | chapter | state | shown here | seconds | budget |",
        "|---:|---|---|---|---:|---:|",
    ]
    page += [_status_row(entry) for entry in entries]
    page += [
        "",
        "## Measured runs",
        "",
        "Every run whose measurements are recorded, with the time and the peak memory of its whole",
        "kernel process tree.",
        "",
    ]
    runs = {
        (line["chapter"], line["profile"], line["dataset"], line["date"]): line
        for line in lines
        if line.get("seconds") is not None
    }
    if not runs:
        return "\n".join([*page, "No run has been recorded yet.", ""])
    page += [
        "| chapter | profile | data | date | seconds | peak GB | device |",
        "|---|---|---|---|---:|---:|---|",
    ]
    page += [
        f"| {name} | {profile} | {dataset} | {date[:10]} | {line['seconds']:.0f} "
        f"| {_memory(line)} | {cell(line.get('device') or '')} |"
        for (name, profile, dataset, date), line in sorted(runs.items())
    ]
    return "\n".join([*page, ""])


def cell(text: object) -> str:
    """Return text that a table's cell can hold."""
    return " ".join(str(text).split()).replace("|", "\\|")


def _title(entry: Entry, up: str) -> str:
    if entry.execution:
        return f"[{cell(entry.subject)}]({up}chapters/{entry.folder}.ipynb)"
    return cell(entry.subject)


def _words(entry: Entry) -> str:
    if entry.chapter is None:
        return "planned"
    draft = "draft: " if entry.chapter.draft else ""
    missing = "" if entry.execution else " (not executed in this build)"
    return f"{draft}{cell(entry.chapter.summary)}{missing}"


def _status_row(entry: Entry) -> str:
    run, chapter = entry.execution, entry.chapter
    state = "planned" if chapter is None else "draft" if chapter.draft else "written"
    shown, seconds, budget = "", "", ""
    if chapter and not run:
        shown = "not executed in this build"
    if run and chapter:
        shown = f"{run.profile}, {run.dataset}, {run.date}"
        shown += "" if run.current else ", before the last change"
        seconds = f"{run.seconds:.0f}" if run.seconds is not None else ""
        limit = next((b for name, b in chapter.budget.items() if name == run.profile), None)
        budget = f"{limit.seconds:.0f}" if limit else ""
    number, title = f"{entry.number:02d}", _title(entry, "")
    return f"| {number} | {title} | {state} | {shown} | {seconds} | {budget} |"


def _memory(line: Mapping[str, Any]) -> str:
    peak = line.get("peak_memory_gb")
    return f"{peak:.1f}" if peak is not None else ""
