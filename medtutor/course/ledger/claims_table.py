"""The table of ``medtutor claims``: each claim, the paper's numbers, ours, and the verdict."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from medtutor.course.chapter import Chapter, list_chapters
from medtutor.course.declaration.schema import Claim
from medtutor.course.ledger import wording
from medtutor.course.results import best_lines, is_stale


@dataclass(frozen=True)
class Row:
    """One claim on one data set, in words; empty texts where nothing was measured."""

    chapter: str
    claim: str
    says: str
    paper: str
    ours: str
    difference: str
    verdict: str
    reason: str
    data: str
    profile: str
    cost: str
    stale: bool


def scoreboard_rows(
    chapters: Iterable[Chapter], lines: Iterable[Mapping[str, Any]]
) -> Iterator[Row]:
    """Yield the rows of the scoreboard, by chapter and in the order of its claims.

    Every claim of every chapter that is no draft appears, on each data set for which it has a line
    (the best one, see ``best_lines``), or once as "not run". Lines of a claim that no chapter has
    any more are passed by.
    """
    best = best_lines(lines)
    for chapter in chapters:
        if chapter.draft:
            continue
        for claim in chapter.claims:
            own = [x for x in best if (x["chapter"], x["claim"]) == (chapter.name, claim.id)]
            for line in sorted(own, key=lambda x: (x["dataset"] != "default", x["dataset"])):
                yield _measured(chapter, claim, line)
            if not own:
                yield Row(chapter.name, claim.id, claim.says, wording.paper_says(claim), "", "",
                          "not run", "no line in the results", "", "", "", False)


def claims_table(
    lines: Iterable[Mapping[str, Any]], chapters: Sequence[Chapter] | None = None
) -> Table:
    """Return the table that the terminal shows; a line that no longer fits says ``(stale)``.

    Args:
        lines: result lines, as ``results.read`` gives them.
        chapters: whose claims to show; all of them without it.
    """
    table = Table(title="Claims: the papers and our measurements", show_lines=True, expand=True)
    heads = ("claim", "paper", "ours", "difference", "verdict", "measured on")
    for head, share in zip(heads, (4, 2, 4, 2, 2, 2), strict=True):
        table.add_column(head, overflow="fold", ratio=share)
    count = stale = 0
    for row in scoreboard_rows(list_chapters() if chapters is None else chapters, lines):
        count, stale = count + 1, stale + row.stale
        verdict = wording.verdict(row.verdict) + (" (stale)" if row.stale else "")
        where = ", ".join(text for text in (row.data, row.profile, row.cost) if text)
        paper = row.paper.split(" (")[0]                    # where it says so stands in the book
        claim = f"{row.chapter[:2]} {row.says}"
        cells = (claim, paper, row.ours, row.difference, verdict, where)
        table.add_row(*(cell.replace("[", r"\[") for cell in cells))
    table.caption = f"{count} line{'s' * (count != 1)}, {stale} stale" + (
        ": notebook, method or rule changed since; medtutor run measures again" if stale else ""
    )
    return table


def _measured(chapter: Chapter, claim: Claim, line: Mapping[str, Any]) -> Row:
    ours = ""
    if line["method"] is not None:
        ours = f"{claim.measure.method} {wording.mean_and_spread(line['method'])}"
        if line["baseline"] is not None:
            ours += f"; {claim.measure.baseline} {wording.mean_and_spread(line['baseline'])}"
    return Row(
        chapter=chapter.name,
        claim=claim.id,
        says=claim.says,
        paper=wording.paper_says(claim),
        ours=ours,
        difference=wording.difference(line, claim) if line["method"] is not None else "",
        verdict=str(line["verdict"]),
        reason=str(line.get("reason") or ""),
        data=str(line["dataset"]),
        profile=str(line["profile"]),
        cost=f"{line['seconds']:.0f} s, {line['peak_memory_gb']:.1f} GB, {line['device']}",
        stale=is_stale(line, chapter),
    )
