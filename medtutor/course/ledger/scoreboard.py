"""The scoreboard page: every claim with the paper's numbers, ours, the interval and the verdict."""

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from medtutor.course.chapter import Chapter
from medtutor.course.ledger import wording
from medtutor.course.ledger.claims_table import Row, scoreboard_rows
from medtutor.course.ledger.verdicts import VERDICTS
from medtutor.course.pages.site_pages import cell

_HEAD = (
    "| claim | verdict | paper | ours | difference | measured on | cost |\n"
    "|---|---|---|---|---|---|---|"
)
_INTRODUCTION = """\
---
html_theme.sidebar_secondary.remove: true
---

# Scoreboard

Every claim of every chapter, measured. A verdict is computed from the values, never typed: method
and baseline are run with the same seeds, and the 95 % interval of the paired difference decides.

reproduced
: The whole interval lies where the claim says.

direction only
: The difference points the way the claim says, but there are fewer than five seeds, the run was too
  small to judge, or a curve rises or falls as a whole and not every step of it is shown by itself.

inconclusive
: The interval allows both, or a small run points the other way.

not reproduced
: The whole interval lies elsewhere. The chapter says why.

not run
: Nothing was measured. Where a reason is known, it stands there.

A line is marked *stale* when the chapter's notebook, its method or the claim's rule has changed
since it was measured."""


def believed(sources: Sequence[Sequence[Mapping[str, Any]]]) -> list[Mapping[str, Any]]:
    """Return result lines of several sources; a claim has its lines from the first that has any."""
    lines: list[Mapping[str, Any]] = []
    for source in sources:
        known = {(line["chapter"], line["claim"]) for line in lines}
        lines += [line for line in source if (line["chapter"], line["claim"]) not in known]
    return lines


def scoreboard_page(
    chapters: Sequence[Chapter], lines: Sequence[Mapping[str, Any]], pages: set[str]
) -> str:
    """Return the page in Markdown.

    Args:
        chapters: all chapters; drafts and those without claims are passed by.
        lines: result lines, see `believed`.
        pages: names of the chapters that have a page to link to.
    """
    rows = list(scoreboard_rows(chapters, lines))
    titles = {chapter.name: f"{chapter.number:02d} {chapter.title}" for chapter in chapters}
    parts = [_INTRODUCTION, _summary(rows)]
    for name, own in groupby(rows, lambda row: row.chapter):
        title = cell(titles[name])
        link = f"[{title}](chapters/{name}.ipynb)" if name in pages else title
        body = "\n".join(map(_row, own))
        parts.append(f"## {link}\n\n::::{{div}} scoreboard\n{_HEAD}\n{body}\n::::")
    return "\n\n".join(parts) + "\n"


def _summary(rows: Sequence[Row]) -> str:
    if not rows:
        return "No chapter with claims has been written yet."
    count = Counter(row.verdict for row in rows)
    counts = ", ".join(f"{count[name]} {name}" for name in VERDICTS if count[name])
    stale = sum(row.stale for row in rows)
    return f"**{len(rows)} lines: {counts}" + (f"; {stale} stale.**" if stale else ".**")


def _row(row: Row) -> str:
    ours = row.ours or row.reason
    where = ", ".join(text for text in (row.data, row.profile) if text)
    texts = [row.paper, ours, row.difference, where, row.cost]
    said, *measured = (html.escape(cell(text), quote=False) for text in [row.says, *texts])
    return f"| {' | '.join([said, _verdict(row), *measured])} |"


def _verdict(row: Row) -> str:
    name = row.verdict.replace(" ", "-")
    text = f'<span class="verdict verdict-{name}">{wording.verdict(row.verdict)}</span>'
    return text + (' <span class="stale">stale</span>' if row.stale else "")
