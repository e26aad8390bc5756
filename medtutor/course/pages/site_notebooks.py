"""Executed notebooks made ready for the page: which there are, when they ran, what is left out."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from medtutor.course.chapter import Chapter
from medtutor.course.ledger.recorded import CLAIM_MIME

_PROGRESS = re.compile(r"\d+%\|.*\||\d+it \[|\?it/s|\d(it/s|s/it)")
_CHAPTER_LINK = re.compile(r"\[([^\]]+)\]\(\.\./(\d\d_\w+)/\2\.ipynb(?:#[^)]*)?\)")
_FOR_NBVAL = "# NBVAL_CHECK_OUTPUT"
_WIDGET = "application/vnd.jupyter.widget-view+json"
# A link that JupyterLab shows and the page hides: it leads to a file of the repository.
_LAB_LINK = re.compile(r'<a class="mt-lab"[^>]*>.*?</a>', re.DOTALL)


@dataclass(frozen=True)
class Execution:
    """A chapter's executed notebook and the run that made it."""

    chapter: Chapter
    path: Path
    node: Any
    parameters: dict[str, Any]
    seconds: float | None
    date: str
    current: bool

    @property
    def profile(self) -> str:
        """The profile the notebook was executed with."""
        return str(self.parameters.get("profile", "lesson"))

    @property
    def dataset(self) -> str:
        """The data set it was executed on."""
        return str(self.parameters.get("dataset", "default"))


def find_execution(chapter: Chapter, executed: Path) -> Execution | None:
    """Return a chapter's executed notebook, or None where it never ran to its end."""
    path = executed / f"{chapter.name}.ipynb"
    if (node := _finished(path)) is None:
        return None
    record = node.metadata.get("papermill", {})
    return Execution(
        chapter=chapter,
        path=path,
        node=node,
        parameters=dict(record.get("parameters") or {}),
        seconds=record.get("duration"),
        date=str(record.get("end_time") or "")[:10],
        current=_code(node) == _code(nbformat.read(chapter.notebook, as_version=4)),
    )


def page_notebook(execution: Execution, present: set[str]) -> str:
    """Return the notebook as the site shows it.

    A line under the title says which run this is; progress bars and widget state, which mean
    nothing without a kernel, are left out, and so are injected parameters that say what the
    parameters cell says; links to other chapters lead to their pages.

    Args:
        execution: the executed notebook.
        present: names of the chapters that have a page.
    """
    node = _for_the_page(execution.node)
    taught, injected = _tagged(node, "parameters"), _tagged(node, "injected-parameters")
    if taught and injected and _values(taught) == _values(injected):
        node.cells.remove(injected)
    for cell in node.cells:
        if cell.cell_type == "markdown":
            cell.source = _CHAPTER_LINK.sub(
                lambda link: f"[{link[1]}]({link[2]}.ipynb)" if link[2] in present else link[1],
                cell.source,
            )
    name = execution.chapter.name
    earlier = "" if execution.current else " The chapter's code has changed since."
    note = (
        f"*Executed{_when(execution.date)} with profile `{execution.profile}` on data set "
        f"`{execution.dataset}`{_took(execution.seconds)}.{earlier} Its notebook is "
        f"`notebooks/{name}/{name}.ipynb`; its claims stand on the [scoreboard](../scoreboard.md).*"
    )
    _add_note(node, execution.chapter.title, note)
    return str(nbformat.writes(node))


def appendix_page(notebook: Path, executed: Path) -> tuple[str, str]:
    """Return a page of the book that is a notebook: the ending of its file, and its content.

    Where it was not executed, or not to its end, the page says so and how to do it.

    Args:
        notebook: in ``book/``, without outputs.
        executed: the same, executed; it may not exist.
    """
    taught = nbformat.read(notebook, as_version=4)
    title = next((t for c in taught.cells if (t := c.source.partition("\n")[0])[:2] == "# "), "")
    title = title or f"# {notebook.stem}"
    if (node := _finished(executed)) is None:
        text = "Not executed in this build. Do: `make book`, or `medtutor book`."
        return ".md", f"{title}\n\n{text}\n"
    earlier = "" if _code(node) == _code(taught) else " Its code has changed since."
    record = node.metadata.get("papermill", {})
    date = str(record.get("end_time") or "")[:10]
    note = (
        f"*Executed{_when(date)}{_took(record.get('duration'))}.{earlier} Its notebook is "
        f"`book/{notebook.name}`.*"
    )
    node = _for_the_page(node)
    if injected := _tagged(node, "injected-parameters"):
        node.cells.remove(injected)
    _add_note(node, title[2:], note)
    return ".ipynb", str(nbformat.writes(node))


def _finished(path: Path) -> Any:
    """Return an executed notebook; None where there is none that ran to its end."""
    if not path.is_file():
        return None
    node = nbformat.read(path, as_version=4)
    failed = any(output.output_type == "error" for output in _outputs(node))
    return None if failed or node.metadata.get("papermill", {}).get("exception") else node


def _for_the_page(executed: Any) -> Any:
    """A copy without what means nothing on a page that has no kernel."""
    node = nbformat.from_dict(json.loads(json.dumps(executed)))
    node.metadata.pop("widgets", None)
    node.metadata.pop("papermill", None)
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.source = cell.source.removeprefix(f"{_FOR_NBVAL}\n")
            cell.outputs = [output for output in map(_shown, cell.outputs) if output is not None]
    return node


def _outputs(node: Any) -> Iterator[Any]:
    for cell in node.cells:
        if cell.cell_type == "code":
            yield from cell.outputs


def _code(node: Any) -> list[str]:
    return [
        cell.source
        for cell in node.cells
        if cell.cell_type == "code" and "injected-parameters" not in cell.metadata.get("tags", [])
    ]


def _tagged(node: Any, tag: str) -> Any:
    return next((cell for cell in node.cells if tag in cell.metadata.get("tags", [])), None)


def _values(cell: Any) -> dict[str, str]:
    """Return each name that the cell sets and the source of its value."""
    return {
        ast.unparse(target): ast.unparse(line.value)
        for line in ast.parse(cell.source).body
        if isinstance(line, ast.Assign)
        for target in line.targets
    }


def _shown(output: Any) -> Any:
    """Return an output as the page shows it, or None where nothing is left of it."""
    if output.output_type == "stream":
        lines = re.split(r"[\r\n]+", output.text)
        kept = [line for line in lines if line.strip() and not _PROGRESS.search(line)]
        if output.name == "stderr":
            output.text = "\n".join(kept) + "\n"
            return output if kept else None
        return output
    data = output.get("data", {})
    data.pop(CLAIM_MIME, None)
    if _WIDGET in data and "text/html" not in data:
        return None
    data.pop(_WIDGET, None)
    if "text/html" in data:
        data["text/html"] = _LAB_LINK.sub("", "".join(data["text/html"]))
    return output if data or output.output_type == "error" else None


def _when(date: str) -> str:
    return f" on {date}" if date else ""


def _took(seconds: float | None) -> str:
    return f" in {seconds:.0f} s" if seconds else ""


def _add_note(node: Any, title: str, note: str) -> None:
    """Write a line under the title."""
    first = node.cells[0] if node.cells else None
    if first is None or first.cell_type != "markdown" or not first.source.startswith("# "):
        first = nbformat.v4.new_markdown_cell(f"# {title}")
        node.cells.insert(0, first)
    title, _, rest = first.source.partition("\n")
    first.source = f"{title}\n\n{note}\n{rest}"
