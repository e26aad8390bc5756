"""A hash over what a result rests on: the notebook's code and the source of the method's modules.

Comments, docstrings, blank lines and prose do not count: whoever explains better makes nothing
stale. The text itself is hashed, not the parsed tree, so that every Python version gives the same.
"""

import ast
import hashlib
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import nbformat

import medtutor
from medtutor.course.chapter import Chapter


class MethodNotFound(ValueError):
    """``chapter.yml`` names a method that no module of the package holds."""


def source_hash(chapter: Chapter) -> str:
    """Return the SHA-256 of the chapter's code cells and of its method's modules.

    A method that is a folder (``methods/layers/rbf_layers/``) counts with all its files. Outputs,
    text cells and the order in which ``chapter.yml`` lists the methods do not count.
    """
    digest = hashlib.sha256()
    notebook = nbformat.read(chapter.notebook, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            _add(digest, "cell", code_only(cell.source))
    for file in sorted({file for symbol in chapter.method for file in _files(symbol)}):
        name = file.relative_to(_package()).as_posix()
        _add(digest, name, code_only(file.read_text(encoding="utf-8")))
    return digest.hexdigest()


def code_only(source: str) -> str:
    """Return Python source without comments, docstrings, blank lines and spaces at line ends.

    Source that is not Python (a cell with a magic) is returned whole, without spaces at its ends.
    """
    lines = source.splitlines()
    try:
        spans = [*_docstrings(source), *_comments(source, lines)]
    except (SyntaxError, tokenize.TokenError):
        return source.strip()
    raw = [line.encode() for line in lines]
    for first, start, last, stop in sorted(spans, reverse=True):
        raw[first : last + 1] = [raw[first][:start] + raw[last][stop:]]
    kept = (line.decode().rstrip() for line in raw)
    return "\n".join(line for line in kept if line)


def _docstrings(source: str) -> Iterator[tuple[int, int, int, int]]:
    """First line, first byte, last line and byte after it, lines counted from 0."""
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, holders) or ast.get_docstring(node, clean=False) is None:
            continue
        text = node.body[0]
        if text.end_lineno is not None and text.end_col_offset is not None:
            yield text.lineno - 1, text.col_offset, text.end_lineno - 1, text.end_col_offset


def _comments(source: str, lines: list[str]) -> Iterator[tuple[int, int, int, int]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            line = token.start[0] - 1
            start, stop = (len(lines[line][:at].encode()) for at in (token.start[1], token.end[1]))
            yield line, start, line, stop


def _package() -> Path:
    return Path(medtutor.__file__).resolve().parent


def _files(symbol: str) -> list[Path]:
    """The files of the method that holds a symbol: found by their place, nothing is imported."""
    package, *steps = symbol.split(".")
    place = _package()
    for index, step in enumerate(steps if package == "medtutor" else []):
        if (place / f"{step}.py").is_file():
            place = place / f"{step}.py"
            break
        if not (place / step).is_dir() or index == len(steps) - 1:
            break
        place = place / step
    where = place.relative_to(_package()).parts
    if where[:1] == ("methods",) and len(where) > 3:                # methods/part/method/file.py
        return sorted(_package().joinpath(*where[:3]).rglob("*.py"))
    if place.is_file():
        return [place]
    if len(where) > 1 and symbol.count(".") == len(where) + 1:      # a name in a folder's __init__
        return sorted(place.rglob("*.py"))
    raise MethodNotFound(
        f"method: wanted a symbol in a module of medtutor, given {symbol!r}: no such file under "
        f"{_package()}"
    )


def _add(digest: "hashlib._Hash", name: str, text: str) -> None:
    """Add one part with its name and length, so that no two sequences of parts run together."""
    content = text.encode()
    digest.update(f"{name}\0{len(content)}\0".encode())
    digest.update(content)
