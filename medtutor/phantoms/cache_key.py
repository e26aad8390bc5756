"""What a made image depends on: the function, its code, the packages below, its arguments."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import json
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from medtutor.phantoms.cache_entries import pack

FORMAT = 1
"""Of the entries; another number leaves all older ones unused."""
# Packages whose distribution has another name than the module.
_DISTRIBUTIONS = {"skimage": "scikit-image", "sklearn": "scikit-learn", "PIL": "pillow",
                  "yaml": "PyYAML"}  # fmt: skip
_READ = frozenset({"nilearn"})
"""Packages that are read for their files, which no import names: the maps of the average head."""


@dataclass(frozen=True)
class Code:
    """The code that a function leads to.

    Attributes:
        files: module name -> file, for the function's module and each module of this package, or
            of the function's own, that it imports, directly or through another one.
        packages: names of the other packages that these import.
    """

    files: Mapping[str, Path]
    packages: frozenset[str]

    def digest(self) -> str:
        """Hash of all sources, and of the versions of the packages below them."""
        sources = {name: _read(path, _stamp(path)).digest for name, path in self.files.items()}
        others = (self.packages | _READ) - set(sys.stdlib_module_names)
        versions = {name: _version(name) for name in others}
        text = json.dumps([sources, versions, platform.machine()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def changed_after(self, moment: float) -> Path | None:
        """A file that was changed after a moment (seconds since 1970), or None."""
        return next((p for p in self.files.values() if p.stat().st_mtime > moment), None)

    def dataclass_of(self, module: str, name: str) -> type:
        """A dataclass that stands in this code.

        Raises:
            LookupError: it does not, so an entry may not make one.
        """
        found: Any = sys.modules.get(module) if module in self.files else None
        for part in name.split("."):
            found = getattr(found, part, None)
        if not isinstance(found, type) or not hasattr(found, "__dataclass_fields__"):
            raise LookupError(f"{module}.{name} is no dataclass of the phantom's own modules")
        return found


def code_of(function: Callable[..., Any]) -> Code:
    """Follow the imports from a function's module.

    Raises:
        TypeError: it is no function of a module that lies in a file.
    """
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    name = getattr(function, "__qualname__", "")
    file = getattr(module, "__file__", None)
    if getattr(module, name, None) is not function or not file or module.__name__ == "__main__":
        raise TypeError(
            "cached wanted a function that stands in a module, so that a change of its code is "
            f"noticed; given {function!r}: put it into a file and import it"
        )
    own = {"medtutor", module.__name__.split(".")[0]}
    files, packages, waiting = {}, set(), {module.__name__: Path(file)}
    while waiting:
        name, path = waiting.popitem()
        files[name] = path
        for wanted in _imported(name, path):
            if wanted.split(".")[0] not in own:
                packages.add(wanted.split(".")[0])
            elif wanted not in files and (found := _file(wanted)):
                waiting[wanted] = found
    return Code(dict(sorted(files.items())), frozenset(packages))


def key_of(function: Callable[..., Any], code: Code, arguments: Mapping[str, Any]) -> str:
    """Hash of everything that the function's result depends on.

    Raises:
        TypeError: an argument that the cache does not know how to compare.
    """
    arrays: list[np.ndarray] = []
    tree = pack(dict(arguments), arrays)
    name = f"{function.__module__}.{function.__qualname__}"
    digest = hashlib.sha256(json.dumps([FORMAT, name, code.digest(), tree]).encode())
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def arguments_of(
    function: Callable[..., Any], args: tuple[Any, ...], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """All arguments by name, the defaults too."""
    bound = inspect.signature(function).bind(*args, **parameters)
    bound.apply_defaults()
    return dict(bound.arguments)


class _Source(NamedTuple):
    digest: str
    imports: tuple[tuple[str, str, int], ...]
    """Module, name taken from it or nothing, dots before it."""
    lazy: bool
    """Whether the module gives names through ``__getattr__``."""


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


@functools.lru_cache(maxsize=512)
def _read(path: Path, stamp: tuple[int, int]) -> _Source:
    source = path.read_bytes()
    tree = ast.parse(source)
    imports: list[tuple[str, str, int]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [(item.name, "", 0) for item in node.names]
        elif isinstance(node, ast.ImportFrom):
            imports += [(node.module or "", item.name, node.level) for item in node.names]
    lazy = any(isinstance(n, ast.FunctionDef) and n.name == "__getattr__" for n in tree.body)
    return _Source(hashlib.sha256(source).hexdigest(), tuple(imports), lazy)


def _imported(name: str, path: Path) -> set[str]:
    """Modules that a module's source names, and those that lazy packages take names from."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for module, taken, level in _read(path, _stamp(path)).imports:
        if level:
            base = package.split(".")[: len(package.split(".")) - level + 1]
            module = ".".join([*base, *filter(None, [module])])
        found.add(module)
        if taken and module.split(".")[0] in ("medtutor", name.split(".")[0]):
            found.add(f"{module}.{taken}")
            home = _file(module)
            if home and _read(home, _stamp(home)).lazy:
                given = getattr(importlib.import_module(module), taken, None)
                found.add(getattr(given, "__module__", None) or module)
    return found


def _file(module: str) -> Path | None:
    """The source of a module; None where there is no such module."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    origin = spec.origin if spec else None
    return Path(origin) if origin and origin.endswith(".py") else None


@functools.cache
def _version(package: str) -> str:
    try:
        return importlib.metadata.version(_DISTRIBUTIONS.get(package, package))
    except importlib.metadata.PackageNotFoundError:
        return ""
