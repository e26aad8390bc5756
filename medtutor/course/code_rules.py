"""The part of the chapter contract that is about code: read as a syntax tree, never run."""

import ast
import functools
import importlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medtutor.course.chapter import Chapter

_DRAWING = ("matplotlib", "seaborn")
_QUIET = ("rcParams", "style", "cm", "colormaps", "get_cmap", "close")     # of pyplot: draw nothing


@dataclass(frozen=True)
class Code:
    """A code cell: its place in the notebook counted from one, its tags, its syntax tree."""

    number: int
    tags: tuple[str, ...]
    tree: ast.Module
    source: str

    def calls(self) -> Iterator[ast.Call]:
        """Yield every call in the cell."""
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))

    def calls_of(self, name: str) -> Iterator[ast.Call]:
        """Yield the calls of a function or method of a name."""
        return (call for call in self.calls() if _last_name(call.func) == name)


def parsed(cells: Sequence[Any]) -> tuple[list[Code], list[str]]:
    """Return the code cells as trees, IPython's magics translated, and those that do not parse."""
    from IPython.core.inputtransformer2 import TransformerManager

    code, broken = [], []
    for number, cell in enumerate(cells, start=1):
        if cell.cell_type != "code":
            continue
        source = TransformerManager().transform_cell(cell.source)
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            broken.append(f"cell {number}, line {error.lineno}: {error.msg}: {error.text or ''}")
            continue
        code.append(Code(number, tuple(cell.metadata.get("tags", [])), tree, source))
    return code, broken


def literals(cell: Code) -> tuple[dict[str, Any], str]:
    """Return what a cell of plain assignments assigns, or what stands in it that is none."""
    values: dict[str, Any] = {}
    for node in cell.tree.body:
        try:
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                target, value = node.targets[0], ast.literal_eval(node.value)
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                target, value = node.target, ast.literal_eval(node.value)
            else:
                raise ValueError
            if not isinstance(target, ast.Name):
                raise ValueError
        except ValueError:
            text = ast.get_source_segment(cell.source, node)
            return {}, f"parameters: wanted `name = literal` on each line, given `{text}`"
        values[target.id] = value
    return values, ""


def loads_itself(chapter: Chapter, code: list[Code]) -> Iterator[str]:
    """The notebook loads its own chapter: ``chapter = load_chapter(14)``."""
    given = [
        call.args[0].value
        for cell in code
        for call in cell.calls_of("load_chapter")
        if call.args and isinstance(call.args[0], ast.Constant)
    ]
    if given != [chapter.number]:
        yield f"setup: wanted `chapter = load_chapter({chapter.number})` once, given {given}"


def shows_methods(chapter: Chapter, code: list[Code]) -> Iterator[str]:
    """Every symbol under ``method:`` exists and is shown by ``show(...)``."""
    imported = _imports(code)
    shown: list[str] = []
    for cell in code:
        for call in cell.calls_of("show"):
            if call.args and (dotted := _dotted(call.args[0], imported)):
                shown.append(dotted)
    for symbol in chapter.method:
        try:
            wanted = resolve(symbol)
        except (ImportError, AttributeError) as error:
            yield f"method: {symbol} does not resolve: {error}"
            continue
        if symbol not in shown and not any(_is(dotted, wanted) for dotted in shown):
            yield f"method: wanted show({symbol.rpartition('.')[2]}) in a cell, given none"


def resolve(symbol: str) -> Any:
    """Return what a dotted name stands for: a module, or something in one, however deep."""
    parts = symbol.split(".")
    for count in range(len(parts), 0, -1):
        name = ".".join(parts[:count])
        try:
            found: Any = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise
            continue
        for part in parts[count:]:
            found = getattr(found, part)
        return found
    raise ImportError(f"there is no module {parts[0]}")


def redefines_nothing(code: list[Code]) -> Iterator[str]:
    """No cell defines again what the package has: code exists once."""
    imported = {
        name for name, dotted in _imports(code).items() if dotted.split(".")[0] == "medtutor"
    }
    for cell in code:
        for node in ast.walk(cell.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names, homes = [node.name], public_names()
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names, homes = [node.id], dict.fromkeys(imported, "the import in this notebook")
            else:
                continue
            for name in names:
                if name in homes:
                    yield (
                        f"cell {cell.number}: defines {name}, a public name of {homes[name]}; "
                        "import and show it, or take another name"
                    )


@functools.cache
def public_names() -> dict[str, str]:
    """Return the functions and classes of the taught package, each with its module.

    The course machinery counts with what it offers to notebooks only; its inner names are free.
    """
    import medtutor
    from medtutor import course

    package = Path(str(medtutor.__file__)).parent
    names = dict.fromkeys(course.__all__, "medtutor.course")
    for file in sorted(package.rglob("*.py")):
        inside = file.relative_to(package).with_suffix("").parts
        private = any(part.startswith("_") and part != "__init__" for part in inside)
        if inside[0] == "course" or private:
            continue
        module = ".".join(("medtutor", *(part for part in inside if part != "__init__")))
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_":
                names.setdefault(node.name, module)
    return names


def shows_figures_with_words(code: list[Code]) -> Iterator[str]:
    """A cell that draws ends in ``show_figure(fig, alt=...)``: no figure without words."""
    imported = _imports(code)
    artists = {
        node.name
        for cell in code
        for node in cell.tree.body
        if isinstance(node, ast.FunctionDef) and _draws(ast.walk(node), imported, set())
    }
    for cell in code:
        for name in ("show_figure", "scrub"):
            for call in cell.calls_of(name):
                alt = next((item.value for item in call.keywords if item.arg == "alt"), None)
                empty = isinstance(alt, ast.Constant) and not str(alt.value or "").strip()
                if (alt is None and not (name == "scrub" and len(call.args) > 2)) or empty:
                    yield f"cell {cell.number}: wanted {name}(..., alt='what is seen'), given none"
        called = [_dotted(call.func, imported) for call in cell.calls()]
        if "matplotlib.pyplot.show" in called:
            yield f"cell {cell.number}: wanted show_figure(fig, alt=...), given plt.show()"
        elif _draws(_run_at_once(cell.tree), imported, artists):
            if not any(cell.calls_of("show_figure")) and not any(cell.calls_of("scrub")):
                yield f"cell {cell.number}: draws, but does not end in show_figure(fig, alt=...)"


def _draws(nodes: Iterable[ast.AST], imported: dict[str, str], artists: set[str]) -> bool:
    """Say whether some node calls matplotlib, or a function of the notebook that does."""
    for node in nodes:
        if isinstance(node, ast.Call):
            parts = (_dotted(node.func, imported) or "").split(".")
            if parts[0] in _DRAWING and not set(parts) & set(_QUIET):
                return True
            if isinstance(node.func, ast.Name) and node.func.id in artists:
                return True
    return False


def _run_at_once(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run with the cell: all but the bodies of its functions."""
    for node in ast.iter_child_nodes(tree):
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _run_at_once(node)


def reads_no_environment(code: list[Code]) -> Iterator[str]:
    """Taught code and tested code are the same: nothing depends on environment variables."""
    imported = _imports(code)
    for cell in code:
        for node in ast.walk(cell.tree):
            if not isinstance(node, ast.Attribute | ast.Name):
                continue
            if _dotted(node, imported) in ("os.environ", "os.getenv", "os.environb"):
                yield f"cell {cell.number}: reads the environment; make it a parameter"
        for call in cell.calls_of("run_line_magic"):
            if isinstance(call.args[0], ast.Constant) and call.args[0].value in ("env", "set_env"):
                yield f"cell {cell.number}: reads the environment; make it a parameter"


def records_claims(chapter: Chapter, code: list[Code]) -> Iterator[str]:
    """Each claim is recorded by the ledger in some cell, and nothing else is."""
    recorded = {
        str(call.args[0].value)
        for cell in code
        for name in ("record", "not_run")
        for call in cell.calls_of(name)
        if call.args and isinstance(call.args[0], ast.Constant)
    }
    declared = [claim.id for claim in chapter.claims]
    for claim in declared:
        if claim not in recorded:
            yield f"claim {claim}: wanted ledger.record({claim!r}, ...) in a cell, given none"
    for claim in sorted(recorded.difference(declared)):
        yield f"claim {claim}: recorded in the notebook, but not in chapter.yml"


def checks_exercises(chapter: Chapter, code: list[Code]) -> Iterator[str]:
    """Each exercise has its tagged cell, and ``check("name", ...)`` in that cell or after it."""
    for name in chapter.exercises:
        tagged = [cell.number for cell in code if f"exercise-{name}" in cell.tags]
        if len(tagged) != 1:
            yield f"exercise {name}: wanted one cell tagged exercise-{name}, given {len(tagged)}"
            continue
        checked = any(
            cell.number >= tagged[0] and call.args and isinstance(call.args[0], ast.Constant)
            and call.args[0].value == name
            for cell in code
            for call in cell.calls_of("check")
        )
        if not checked:
            yield f"exercise {name}: wanted check({name!r}, {name}) after its cell, given none"


def _imports(code: list[Code]) -> dict[str, str]:
    """Return what each imported name of the notebook stands for, dotted."""
    names = {}
    for cell in code:
        for node in ast.walk(cell.tree):
            if isinstance(node, ast.Import):
                for item in node.names:
                    first = item.name.split(".")[0]
                    names[item.asname or first] = item.name if item.asname else first
            elif isinstance(node, ast.ImportFrom) and node.module:
                for item in node.names:
                    names[item.asname or item.name] = f"{node.module}.{item.name}"
    return names


def _dotted(node: ast.AST, imported: dict[str, str]) -> str | None:
    """Return the full name of ``a.b.c`` where ``a`` is imported, or of a text with a name."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value, imported)
        return base and f"{base}.{node.attr}"
    return imported.get(node.id) if isinstance(node, ast.Name) else None


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _is(dotted: str, wanted: Any) -> bool:
    try:
        return resolve(dotted) is wanted
    except (ImportError, AttributeError):
        return False
