"""Whether this machine is ready for the course: each line OK, or what to do."""

import importlib.metadata
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from medtutor.course.paths import RepositoryNotFound, repository
from medtutor.course.running import machine
from medtutor.course.running.memory import GIB

State = Literal["ok", "note", "wrong"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
MEMORY_GB = 4       # a quick run may take three
DISK_GB = 2


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, whether it is well, what was found or what to do.

    ``note`` is for what the course can do without; ``wrong`` for what it needs.
    """

    what: str
    state: State
    text: str


def examine() -> list[Finding]:
    """Look at everything the course needs or can use."""
    parts: tuple[Callable[[], Iterator[Finding]], ...] = (
        python,
        packages,
        torch_build,
        resources,
        data_sets,
        tools,
    )
    return [finding for part in parts for finding in part()]


def report(findings: list[Finding]) -> object:
    """Return the findings as a table for the terminal, with a last line that sums up."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for _ in range(3):
        table.add_column(overflow="fold")
    word = {"ok": "[green]OK[/]", "note": "[yellow]note[/]", "wrong": "[bold red]wrong[/]"}
    for finding in findings:
        table.add_row(word[finding.state], finding.what, escape(finding.text))
    wrong = sum(finding.state == "wrong" for finding in findings)
    verdict = f"{wrong} to mend" if wrong else "ready: open notebooks/00_start_here with make lab"
    table.add_row("", "", f"[bold]{verdict}[/]")
    return table


def python() -> Iterator[Finding]:
    """Python's version, and that it is this project's own environment."""
    version, good = platform.python_version(), (3, 11) <= sys.version_info[:2] <= (3, 13)
    wish = "" if good else ": wanted 3.11, 3.12 or 3.13; make a new environment with one of them"
    yield Finding("Python", "ok" if good else "wrong", f"{version} at {sys.executable}{wish}")


def packages() -> Iterator[Finding]:
    """What medtutor needs is installed; versions other than the tested ones are noted."""
    tested = constraints()
    absent, other = [], []
    needed = needed_packages()
    for name in needed:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            absent.append(name)
            continue
        wanted = tested.get(normal(name))
        if wanted and version.partition("+")[0] != wanted:
            other.append(f"{name} {version} (tested: {wanted})")
    if absent:
        text = f"not installed: {', '.join(absent)}; do: pip install -c constraints.txt -e ."
        yield Finding("packages", "wrong", text)
    if other:
        text = f"other versions than the tested ones: {', '.join(other)}"
        yield Finding("versions", "note", f"{text}; to get those: pip install -c constraints.txt")
    if not absent and not other:
        yield Finding("packages", "ok", f"{len(needed)} installed, in the versions tested")


def needed_packages() -> list[str]:
    """Return the names of the packages that medtutor cannot do without."""
    lines = importlib.metadata.requires("medtutor") or []
    names = [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in lines if "extra ==" not in line]
    return sorted(names, key=str.lower)


def constraints() -> dict[str, str]:
    """Return the exact versions that the course is tested with, from ``constraints.txt``."""
    try:
        text = (repository() / "constraints.txt").read_text(encoding="utf-8")
    except (OSError, RepositoryNotFound):
        return {}
    pairs = (line.split("#")[0].split(";")[0].strip().split("==") for line in text.splitlines())
    return {normal(pair[0]): pair[1] for pair in pairs if len(pair) == 2}


def normal(name: str) -> str:
    """Return a package's name as indices compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def torch_build() -> Iterator[Finding]:
    """Torch can be imported; its build and the device it chooses."""
    try:
        import torch
    except Exception as error:                                  # a broken build raises OSError
        text = f"cannot be imported ({error}); do: pip install -c constraints.txt torch"
        yield Finding("torch", "wrong", text)
        return
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU"
    yield Finding("torch", "ok", f"{torch.__version__}, {build} build")
    yield Finding("device", "ok", machine.device())
    if shutil.which("nvidia-smi") and not torch.cuda.is_available():
        text = "there is a GPU, but this torch cannot use it; for the CUDA build: make lab GPU=1"
        yield Finding("GPU", "note", text)
    yield Finding("threads", "ok", f"torch uses {torch.get_num_threads()}")


def resources() -> Iterator[Finding]:
    """Cores, memory and disk."""
    free, total = len(machine.cores()), os.cpu_count() or 1
    text = f"{free} of {total} may be used" + ("" if free > 1 else "; runs get twice the time")
    yield Finding("cores", "ok" if free > 1 else "note", text)
    memory = memory_limit() / GIB
    enough = memory >= MEMORY_GB
    wish = "" if enough else f"; a quick run may need {MEMORY_GB} GB: close other programs"
    yield Finding("memory", "ok" if enough else "wrong", f"{memory:.1f} GB{wish}")
    try:
        place = repository()
    except RepositoryNotFound as error:
        yield Finding("chapters", "wrong", str(error))
        place = Path.cwd()
    space = shutil.disk_usage(place).free / GIB
    enough = space >= DISK_GB
    wish = "" if enough else f"; wanted {DISK_GB} GB: make room"
    yield Finding("disk", "ok" if enough else "wrong", f"{space:.1f} GB free at {place}{wish}")


def memory_limit() -> int:
    """Return the memory of this machine, or of the container that we are in."""
    total = int(psutil.virtual_memory().total)
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            return min(total, int(Path(file).read_text()))
        except (OSError, ValueError):                           # no such file, or "max"
            continue
    return total


def data_sets() -> Iterator[Finding]:
    """Which real data sets are here; no chapter needs one for its default run."""
    from medtutor.datasets import found

    where = os.environ.get("MEDTUTOR_DATA", "not set")
    yield Finding("$MEDTUTOR_DATA", "ok", where)
    places = found()
    for name, folder in places.items():
        if folder is not None:
            yield Finding(name, "ok", str(folder))
    if absent := [name for name, folder in places.items() if folder is None]:
        text = f"not here, chapters run without: {', '.join(absent)}; see: medtutor data list"
        yield Finding("data sets", "note", text)


def tools() -> Iterator[Finding]:
    """A browser for the browser tests, and what builds the site."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser:
        yield Finding("browser", "ok", browser)
    else:
        yield Finding("browser", "note", "none on PATH; the browser tests want chromium")
    for name in ("jupyterlab", "jupyter-book", "sphinxcontrib-bibtex", "sphinx-mathjax-offline"):
        try:
            yield Finding(name, "ok", importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            text = "not installed; to build the site: pip install -c constraints.txt -e '.[book]'"
            yield Finding(name, "note", text)
