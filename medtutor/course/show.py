"""`show`: the live source of a part of medtutor, where it stands, and the test that pins it.

The code of a method exists once, in the package; a notebook shows it instead of retyping it.
Docstrings are folded, a long function can be shown by regions marked in its source::

    # region: blend
    ...
    # endregion
"""

from __future__ import annotations

import ast
import inspect
import linecache
import re
import textwrap
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = "medtutor"
_REGION = re.compile(r"\s*# (?:region: *(?P<name>\S+)|(?P<end>endregion)\b.*)\s*")


@dataclass(frozen=True)
class Source:
    """Live source text and where it stands.

    Attributes:
        name: the qualified name, ``Deformation.apply``; of a module, its last part.
        module: the module it stands in, ``medtutor.methods.training_data.deformations``.
        path: the file, from the package's folder on, with forward slashes.
        line: number of the first line shown.
        text: the source itself, without common indentation.
        region: the region shown, if only one is.
        test: the file that pins it, relative to the repository, if there is one.
        pinned_by: names of the test functions in it that mention the symbol.
        whole_module: whether a module is shown, not a part of one.
    """

    name: str
    module: str
    path: str
    line: int
    text: str
    region: str | None = None
    test: str | None = None
    pinned_by: tuple[str, ...] = ()
    whole_module: bool = False

    def __str__(self) -> str:
        part = f", region {self.region}" if self.region else ""
        pins = f"{self.test}: {', '.join(self.pinned_by)}" if self.test else "no test yet"
        head = f"# {self.module}.{self.name}{part}\n# {self.path}, line {self.line}\n"
        return f"{head}# pinned by {pins}\n\n{self.text.rstrip()}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from medtutor.course.show_html import page

        return {"text/html": page(self), "text/plain": str(self)}


def show(symbol: Any, region: str | None = None) -> None:
    """Display the live source of a function, class, method or module of medtutor.

    Args:
        symbol: the object itself, not its name: ``show(dice)``.
        region: only the lines between ``# region: NAME`` and ``# endregion``.
    """
    from IPython.display import display

    source = source_of(symbol, region)
    bundle = source._repr_mimebundle_()
    if _in_notebook():
        display(bundle, raw=True)
    else:
        print(source)


def source_of(symbol: Any, region: str | None = None) -> Source:
    """What `show` displays, as an object."""
    from medtutor.course.pins import pins

    part = _defined(symbol)
    module = part.__name__ if isinstance(part, ModuleType) else part.__module__
    name = module.rpartition(".")[2] if isinstance(part, ModuleType) else part.__qualname__
    file = Path(inspect.getsourcefile(part) or "")
    linecache.checkcache(str(file))     # the file as it is now, not as it was imported
    lines, first = inspect.getsourcelines(part)
    if region is not None:
        lines, offset = _within(lines, region, name)
        first += offset
    test, pinned_by = pins(module, None if isinstance(part, ModuleType) else name)
    return Source(
        name=name,
        module=module,
        path=module.replace(".", "/") + ("/__init__.py" if file.stem == "__init__" else ".py"),
        line=max(first, 1),
        text=textwrap.dedent("".join(lines)),
        region=region,
        test=test,
        pinned_by=pinned_by,
        whole_module=inspect.ismodule(part),
    )


def _defined(symbol: Any) -> Any:
    """The function, class or module behind decorators, bound methods and properties."""
    part = symbol
    if isinstance(part, str):
        raise TypeError(f"show wanted the thing itself, given its name: show({part.strip()})")
    if isinstance(part, property):
        part = part.fget
    if isinstance(part, partial):
        part = part.func
    part = inspect.unwrap(part) if callable(part) else part
    part = getattr(part, "__func__", part)
    if not (inspect.isclass(part) or inspect.isroutine(part) or inspect.ismodule(part)):
        kind = type(part).__name__
        home = type(part).__module__.split(".")[0]
        ours = f": show({kind}) shows its class" if home == PACKAGE else ""
        raise TypeError(f"show wanted a function, class, method or module, given {kind}{ours}")
    module = getattr(part, "__name__" if inspect.ismodule(part) else "__module__", None) or ""
    name = getattr(part, "__qualname__", module)
    if module == "__main__":
        raise ValueError(f"show wanted a part of {PACKAGE}; {name} is defined in this notebook")
    if module.split(".")[0] != PACKAGE:
        where = module if module not in ("", "builtins") else "Python itself"
        raise ValueError(f"show wanted a part of {PACKAGE}; {name} is from {where}: try help(...)")
    return part


def _within(lines: list[str], region: str, name: str) -> tuple[list[str], int]:
    """The lines of one region and how far below the symbol's first line they start."""
    found: dict[str, tuple[int, int]] = {}
    open_regions: list[tuple[str, int]] = []
    for number, line in enumerate(lines):
        if (mark := _REGION.fullmatch(line)) is None:
            continue
        if mark["name"]:
            open_regions.append((mark["name"], number + 1))
        elif open_regions:
            title, start = open_regions.pop()
            found[title] = (start, number)
    if open_regions:
        raise ValueError(f"{name}: region {open_regions[-1][0]!r} has no '# endregion'")
    if region not in found:
        known = ", ".join(found) or "none: mark one with '# region: NAME' and '# endregion'"
        raise ValueError(f"{name} has no region {region!r}; its regions: {known}")
    start, end = found[region]
    inside = [line for line in lines[start:end] if not _REGION.fullmatch(line)]
    return inside, start


def _in_notebook() -> bool:
    import sys

    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return get_ipython() is not None


def docstrings(text: str) -> list[tuple[int, int]]:
    """First and last line (from 1) of each docstring of more than one line, in order."""
    try:
        tree = ast.parse(text)
    except SyntaxError:     # a region need not be a whole statement
        return []
    spans = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            doc = node.body[0]
            last = doc.end_lineno or doc.lineno
            alone = len(node.body) == 1 or node.body[1].lineno > last
            if last > doc.lineno and alone:
                spans.append((doc.lineno, last))
    return sorted(spans)
