"""Which test pins a symbol: the mirror file under ``tests/`` and its functions that mention it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from medtutor.course.paths import RepositoryNotFound, repository


def pins(module: str, symbol: str | None) -> tuple[str | None, tuple[str, ...]]:
    """Return the test file of a symbol (relative to the repository) and the tests that mention it.

    ``medtutor.metrics.overlap`` is mirrored by ``tests/metrics/test_overlap.py``; where a module
    has no test of its own, the one of the package that holds it counts, and within a method that
    is a folder all tests of that folder. Without a symbol, all tests of the mirror file pin it.
    """
    try:
        root = repository()
    except RepositoryNotFound:      # installed without its tests
        return None, ()
    files = list(_mirrors(root / "tests", module.split(".")[1:]))
    owner = symbol.split(".")[0] if symbol else None    # of a method: its class
    for wanted in (symbol, owner):
        for file in files:
            if names := tuple(_mentioning(file, wanted)):
                return file.relative_to(root).as_posix(), names
    return None, ()


def _mirrors(tests: Path, parts: list[str]) -> Iterator[Path]:
    folder = tests.joinpath(*parts)
    if folder.is_dir():
        yield from sorted(folder.glob("test_*.py"))
    method = tests.joinpath(*parts[:3])     # methods/training_data/deformations
    if len(parts) > 3 and method.is_dir():
        yield from sorted(method.glob("test_*.py"))
    for end in range(len(parts), 0, -1):
        file = tests.joinpath(*parts[: end - 1]) / f"test_{parts[end - 1]}.py"
        if file.is_file():
            yield file


def _mentioning(file: Path, symbol: str | None) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError, OSError):
        return
    wanted = set(symbol.split(".")) if symbol else set()
    said = _said(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            if wanted <= _reached(node, said):
                yield node.name


def _said(tree: ast.Module) -> dict[str, set[str]]:
    """What each function and constant at the top of a test file mentions."""
    said: dict[str, set[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            said[node.name] = _names(node)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    said[target.id] = _names(node.value)
    return said


def _reached(node: ast.AST, said: dict[str, set[str]]) -> set[str]:
    """Names that a test mentions, itself or through the fixtures and constants it uses."""
    reached: set[str] = set()
    ahead = _names(node)
    while ahead:
        reached |= ahead
        ahead = set().union(*(said.get(name, set()) for name in ahead)) - reached
    return reached


def _names(node: ast.AST) -> set[str]:
    names: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            names.add(part.id)
        elif isinstance(part, ast.Attribute):
            names.add(part.attr)
        elif isinstance(part, ast.arg):
            names.add(part.arg)
    return names
