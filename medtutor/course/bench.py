"""``medtutor bench``: starts the benchmarks of this checkout, which are no part of the package."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from medtutor.course.paths import RepositoryNotFound, repository

EXAMPLES = "Examples: medtutor bench · medtutor bench warp --peers · medtutor bench random --quick"


class NoBenchmarks(ValueError):
    """There is nothing to run, or no operation of that name; the message says what is wanted."""


def bench(
    ops: Annotated[
        list[str] | None,
        typer.Argument(
            help="operations of medtutor.kernels, or how their names begin; all without it",
            metavar="OP",
        ),
    ] = None,
    peers: Annotated[
        bool,
        typer.Option("--peers", help="also peers that are packages: pip install -e '.\\[peers]'"),
    ] = False,
    device: Annotated[
        Literal["cpu", "cuda"], typer.Option(help="one thread of the CPU, or an NVIDIA GPU")
    ] = "cpu",
    rounds: Annotated[int, typer.Option(min=2, help="measurements a method, at most")] = 15,
    quick: Annotated[
        bool, typer.Option("--quick", help="the smallest case, 3 rounds; nothing is written")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="write even if rows of peers not measured now go")
    ] = False,
) -> None:
    """Time the kernels beside their peers and a copy of the same bytes.

    Replaces the measured operations' rows in benchmarks/results; the site has a page of them.
    """
    switches = {"--peers": peers, "--quick": quick, "--replace": replace}
    options = ["--device", device, "--rounds", str(rounds)]
    options += [name for name, chosen in switches.items() if chosen]
    try:
        code = run_benchmarks(ops or [], options)
    except (NoBenchmarks, RepositoryNotFound) as error:
        typer.echo(str(error), err=True)
        code = 2
    raise typer.Exit(code)


def run_benchmarks(ops: Sequence[str], options: Sequence[str]) -> int:
    """Run ``python -m benchmarks`` in the checkout, its output as it comes; returns its exit code.

    Args:
        ops: operations, or how their names begin; all when there is none.
        options: of ``python -m benchmarks``.

    Raises:
        NoBenchmarks: this is not a checkout of medtutor, or there is no such operation.
    """
    root = repository()
    if not (root / "benchmarks" / "__main__.py").is_file():
        raise NoBenchmarks(
            f"wanted a checkout of medtutor with benchmarks/, found none in {root}: an installed "
            "package has no benchmarks; clone the repository and change into it"
        )
    names = operations(root)
    chosen = [completed(given, names) for given in ops]
    command = [sys.executable, "-m", "benchmarks", *chosen, *options]
    try:
        return subprocess.run(command, cwd=root).returncode
    except KeyboardInterrupt:       # the benchmarks were told as well, and have ended
        return 130


def operations(root: Path) -> list[str]:
    """Return the operations by name: each has a folder of its own in ``medtutor/kernels``."""
    return sorted(file.parent.name for file in (root / "medtutor/kernels").glob("*/__init__.py"))


def completed(given: str, names: Sequence[str]) -> str:
    """Return the operation that is named, or the only one whose name begins so.

    Raises:
        NoBenchmarks: none or several do.
    """
    fitting = [given] if given in names else [name for name in names if name.startswith(given)]
    if len(fitting) == 1:
        return fitting[0]
    said = f"{given!r}, which could be {' or '.join(fitting)}" if fitting else repr(given)
    raise NoBenchmarks(f"wanted one of {', '.join(names)}, given {said}")
