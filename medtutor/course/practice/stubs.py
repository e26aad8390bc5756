"""Student stubs: solutions are written once, the chapter's empty cells are generated from them.

In the solutions notebook a code cell tagged ``exercise-NAME`` holds the solution, its answer
between two comments::

    def dice_by_hand(mine, truth):
        ### BEGIN SOLUTION
        return 2 * (mine & truth).sum() / (mine.sum() + truth.sum())
        ### END SOLUTION

The chapter's cell with the same tag is the same text with ``return ...`` in the answer's place
(outside a function, ``name = ...`` for every name assigned there).
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

from medtutor.course.chapter import Chapter
from medtutor.course.writing import replace_text

TAG = "exercise-"
_BEGIN, _END = "### BEGIN SOLUTION", "### END SOLUTION"
_HERE = "# your code here"


class StubError(ValueError):
    """A solution cell or a notebook from which no stub can be made; the message says why."""


def stub_of(cell_source: str) -> str:
    """Return the student's form of a solution cell."""
    lines = cell_source.splitlines()
    try:
        tree = ast.parse(cell_source)
    except SyntaxError as error:
        raise StubError(f"the solution does not parse: {error}") from None
    stub: list[str] = []
    begin = None
    for number, line in enumerate(lines, start=1):
        mark = line.strip()
        if mark == _BEGIN and begin is None:
            begin = number
        elif mark == _END and begin is not None:
            indent = line[: len(line) - len(line.lstrip())]
            stub += [f"{indent}{blank}" for blank in _blanks(tree, begin, number)]
            begin = None
        elif mark in (_BEGIN, _END):
            raise StubError(f"line {number}: {mark!r} without its partner before it")
        elif begin is None:
            stub.append(line)
    if begin is not None:
        raise StubError(f"line {begin}: {_BEGIN!r} without {_END!r}")
    if stub == lines:
        raise StubError(f"wanted an answer between {_BEGIN!r} and {_END!r}, found none")
    return "\n".join(stub)


def _blanks(tree: ast.Module, begin: int, end: int) -> list[str]:
    """What stands in place of an answer between two lines."""
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.lineno < begin and end <= _next_line(tree, node):
                return [f"return ...  {_HERE}"]
            if begin < node.lineno < end:
                raise StubError(
                    f"line {node.lineno}: the answer holds the whole of {node.name}: "
                    "put the two comments inside the function"
                )
        if isinstance(node, ast.Assign) and begin < node.lineno < end:
            for target in node.targets:
                names += [part.id for part in ast.walk(target) if isinstance(part, ast.Name)]
    if not names:
        raise StubError(f"lines {begin} to {end}: the answer neither returns nor assigns a name")
    return [f"{name} = ...  {_HERE}" for name in dict.fromkeys(names)]


def _next_line(tree: ast.Module, function: ast.AST) -> float:
    """First line after a function (the closing comment is in no node, so its end will not do)."""
    last: int = getattr(function, "end_lineno", 0)
    starts = [node.lineno for node in tree.body if node.lineno > last]
    return min(starts, default=float("inf"))


def stubs(chapter: Chapter) -> dict[str, str]:
    """Return the stub of each exercise, as the solutions notebook has it now."""
    found = {}
    for name, cell in _tagged(_read(chapter.solutions)[0], chapter.solutions).items():
        try:
            found[name] = stub_of(_source(cell))
        except StubError as error:
            raise StubError(f"{chapter.solutions.name}, cell {TAG}{name}: {error}") from None
    return found


def stale_stubs(chapter: Chapter) -> list[str]:
    """Return the exercises whose cell in the chapter is not (or no longer) the generated stub."""
    cells = _tagged(_read(chapter.notebook)[0], chapter.notebook)
    wanted = stubs(chapter)
    stale = [
        name for name, stub in wanted.items() if name not in cells or _source(cells[name]) != stub
    ]
    return stale + [name for name in cells if name not in wanted]


def write_stubs(chapter: Chapter) -> list[str]:
    """Write the stubs into the chapter's notebook; returns the exercises that changed.

    Nothing else in the file changes, by a byte; the file is replaced as a whole or not at all.
    """
    notebook, text, indent, ascii_only = _read(chapter.notebook)
    cells = _tagged(notebook, chapter.notebook)
    changed = []
    for name, stub in stubs(chapter).items():
        if name not in cells:
            raise StubError(f"{chapter.notebook.name} has no code cell tagged {TAG}{name}")
        if _source(cells[name]) != stub:
            as_lines = isinstance(cells[name]["source"], list)
            cells[name]["source"] = stub.splitlines(keepends=True) if as_lines else stub
            changed.append(name)
    if changed:
        replace_text(chapter.notebook, _written(notebook, text, indent, ascii_only))
    return changed


def _read(file: Path) -> tuple[Any, str, int, bool]:
    """A notebook's content, its text, and how it is written: indentation, ASCII only or not."""
    if not file.is_file():
        raise StubError(f"there is no {file}")
    text = file.read_bytes().decode("utf-8")
    try:
        notebook = json.loads(text)
    except json.JSONDecodeError as error:
        raise StubError(f"{file} is not a notebook: {error}") from None
    indent = len((re.match(r"\{\r?\n( +)", text) or ["", ""])[1])
    for ascii_only in (False, True):
        if _written(notebook, text, indent, ascii_only) == text:
            return notebook, text, indent, ascii_only
    raise StubError(f"{file} is not written as Jupyter writes it: open it, save it, try again")


def _written(notebook: Any, text: str, indent: int, ascii_only: bool) -> str:
    ending = text[len(text.rstrip()) :]
    return json.dumps(notebook, indent=indent or None, ensure_ascii=ascii_only) + ending


def _tagged(notebook: Any, file: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for cell in notebook.get("cells", []):
        if cell.get("cell_type") != "code":
            continue
        for tag in cell.get("metadata", {}).get("tags", []):
            if tag.startswith(TAG):
                name = tag.removeprefix(TAG)
                if name in found:
                    raise StubError(f"{file.name}: two cells are tagged {tag}")
                found[name] = cell
    return found


def _source(cell: Any) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)
