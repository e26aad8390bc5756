"""The README's table of chapters, in Markdown: `medtutor list --markdown`."""

from medtutor.course.chapter import list_chapters
from medtutor.course.pages.site_pages import Entry, read_entries
from medtutor.course.paths import repository


def readme_table() -> str:
    """Return a row for each chapter of the lecture: finished ones linked, the others as planned."""
    entries = read_entries(repository() / "book" / "plan.yml", list_chapters(), {})
    return "\n".join(["| | chapter | what it shows | data |", "|---:|---|---|---|",
                      *map(_row, entries)])


def _row(entry: Entry) -> str:
    chapter = entry.chapter
    if chapter is None or chapter.draft:
        state = "planned" if chapter is None else "draft"
        name = entry.name.replace("_", " ")
        return f"| {entry.number:02} | {name} ({state}) | {entry.subject} | |"
    notebook = chapter.notebook.relative_to(repository()).as_posix()
    data = ", ".join(["made or installed", *chapter.data.real])
    return f"| {entry.number:02} | [{chapter.title}]({notebook}) | {chapter.summary} | {data} |"
