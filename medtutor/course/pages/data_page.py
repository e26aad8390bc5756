"""The page of the site that says which data sets there are, whose, and on what terms."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from medtutor.course.chapter import Chapter
from medtutor.course.pages.site_pages import cell

if TYPE_CHECKING:
    from medtutor.datasets.registry import Facts

_MARKER = re.compile(r"^<!-- data: (\w+) -->$", re.MULTILINE)
_ACCESS = {"package": "with a package", "download": "by command", "form": "by hand"}
_PASS_ON = {"yes": "allowed", "no": "not allowed", "not stated": "not stated: take it as no"}


def with_data_sets(
    page: str, sets: Mapping[str, "Facts"], chapters: Sequence[Chapter], folders: set[str]
) -> str:
    """Return a page with ``<!-- data: table -->`` and ``<!-- data: sets -->`` replaced.

    Args:
        page: Markdown.
        sets: facts by name, `medtutor.datasets.registry.all_facts`.
        chapters: that exist; those whose ``data: real:`` names a set are named beside it.
        folders: chapters with a page on this site, which can be linked to.
    """
    users = {name: [c for c in chapters if name in c.data.real] for name in sets}
    parts = {
        "table": lambda: _table(sets, users),
        "sets": lambda: "\n\n".join(_set(sets[name], users[name], folders) for name in sets),
    }
    return _MARKER.sub(lambda match: parts[match[1]](), page)


def _table(sets: Mapping[str, "Facts"], users: Mapping[str, Sequence[Chapter]]) -> str:
    lines = [
        "| set | what the whole set holds | got | passing on | chapters |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| [{name}](#{_anchor(name)}) | {cell(about.counts)} | {_ACCESS[about.access]} "
        f"| {about.redistribution} | {', '.join(f'{c.number:02d}' for c in users[name])} |"
        for name, about in sets.items()
    ]
    return "\n".join(lines)


def _set(about: "Facts", chapters: Sequence[Chapter], folders: set[str]) -> str:
    known = bool(re.match(r"10\.\d+/", about.doi))
    doi = f" [doi:{about.doi}](https://doi.org/{quote(about.doi)})" if known else ""
    facts = {
        "Owner": f"{about.owner}; [landing page]({about.landing_page})",
        "Terms": f"{about.licence}. Passing on: {_PASS_ON[about.redistribution]}.",
        "To cite": about.citation + doi,
        "Splits": about.splits,
        "To get it": f"{about.where_to_get}. Then `{about.next_command}`.",
    }
    if chapters:
        facts["Used in"] = ", ".join(_chapter(chapter, folders) for chapter in chapters)
    if not about.reader:
        facts["Reader"] = "none yet"
    title = f"({_anchor(about.name)})=\n### {about.name}"
    lines = [title, "", f"{about.title}: {about.counts}.", ""]
    lines += [f"{key}\n: {text}\n" for key, text in facts.items()]
    return "\n".join(lines).rstrip()


def _chapter(chapter: Chapter, folders: set[str]) -> str:
    words = f"{chapter.number:02d} {chapter.title}"
    return f"[{words}](chapters/{chapter.name})" if chapter.name in folders else words


def _anchor(name: str) -> str:
    return f"data-{name.replace('_', '-')}"
