"""The API reference: one page for each public module, filled by Sphinx from its docstrings.

The pages are found by reading the source files; nothing is imported here. `show` links to them by
module and name: ``../api/medtutor.metrics.overlap.html#medtutor.metrics.overlap.dice``.
"""

import ast
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

# What a reader looks for first; the machinery of the course stands after it.
_ORDER = ["methods", "kernels", "metrics", "experiment", "phantoms", "datasets", "widgets"]


@dataclass(frozen=True)
class Module:
    """A public module.

    Attributes:
        name: its dotted name.
        summary: the first sentences of its docstring.
        offers: of a package, the names it offers from its modules, each with its home.
    """

    name: str
    summary: str
    offers: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The part of the package it stands in: ``medtutor.methods.loss_functions``."""
        parts = self.name.split(".")
        return ".".join(parts[: 3 if parts[1:2] == ["methods"] else 2])


def public_modules(package: Path) -> list[Module]:
    """Return the modules of a package whose names do not begin with an underscore."""
    found = []
    for file in package.rglob("*.py"):
        parts = file.relative_to(package.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if any(part.startswith("_") for part in name.split(".")):
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        docstring = ast.get_docstring(tree) or ""
        if docstring:
            offers = _offers(tree) if parts[-1] == "__init__" else ()
            found.append(Module(name, " ".join(docstring.split("\n\n")[0].split()), offers))
    return sorted(found, key=lambda module: module.name)


def write_reference(package: Path, out: Path, speed: bool = False) -> list[Module]:
    """Write ``index.md``, which links to all, and a page for each module; returns the modules.

    The pages are no part of the contents beside each page: a hundred names there would bury the
    chapters, and would have to be written into every page.

    Args:
        package: the folder of the package.
        out: where to.
        speed: whether there is a page of the kernels' speed, for theirs to link to.
    """
    out.mkdir(parents=True, exist_ok=True)
    modules = public_modules(package)
    for module in modules:
        (out / f"{module.name}.md").write_text(_page(module, speed), encoding="utf-8")
    (out / "index.md").write_text(_index(modules), encoding="utf-8")
    return modules


def _offers(tree: ast.Module) -> tuple[str, ...]:
    """Return the public names that a package takes from its own modules, as dotted names."""
    return tuple(
        sorted(
            f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("medtutor.")
            for alias in node.names
            if not alias.name.startswith("_")
        )
    )


def _page(module: Module, speed: bool) -> str:
    links = "[API reference](index.md)"
    if speed and module.group == "medtutor.kernels":
        links += " · [Speed of the kernels](../benchmarks.md)"
    offers = ""
    if module.offers:
        roles = ", ".join(f"{{py:obj}}`~{name}`" for name in module.offers)
        offers = f"\nOffered here: {roles}.\n"
    return (
        f"---\norphan: true\n---\n\n# {module.name}\n\n{links}\n\n"
        f"```{{eval-rst}}\n.. automodule:: {module.name}\n   :members:\n"
        f"   :show-inheritance:\n   :ignore-module-all:\n```\n{offers}"
    )


def _index(modules: list[Module]) -> str:
    lines = [
        "# API reference",
        "",
        "Every public module of the package, from its docstrings. The source of each function is",
        "one click away on its page.",
    ]
    for group, members in groupby(sorted(modules, key=_place), lambda module: module.group):
        lines += ["", f"## {group}", "", "| module | what it is |", "|---|---|"]
        for module in members:
            short = module.name.removeprefix(f"{group}.")
            summary = module.summary.replace("|", "\\|").replace("``", "`")
            lines.append(f"| [{short}]({module.name}.md) | {summary} |")
    return "\n".join(lines) + "\n"


def _place(module: Module) -> tuple[int, str, str]:
    parts = module.group.split(".")
    known = _ORDER.index(parts[1]) if parts[1:] and parts[1] in _ORDER else len(_ORDER)
    return known, module.group, module.name
