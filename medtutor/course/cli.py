"""The command ``medtutor``. Exit codes: 0 all well, 1 a chapter or check failed, 2 wrong use.

Each command imports what it needs when it runs, so that ``medtutor --help`` is instant.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from medtutor.course.bench import EXAMPLES, bench

if TYPE_CHECKING:
    from rich.console import Console

    from medtutor.course.chapter import Chapter

app = typer.Typer(
    help="Runnable lectures on deep learning for medical image interpretation.",
    epilog="Exit codes: 0 all well, 1 a chapter, claim or check failed, 2 wrong use.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
Which = Annotated[
    list[str], typer.Argument(help="numbers or names of chapters, or [b]all[/b]", metavar="NN...")
]
Some = Annotated[
    list[str] | None, typer.Argument(help="numbers or names of chapters", metavar="[NN...]")
]
ProfileName = Annotated[
    str, typer.Option(help="quick (a minute), lesson (ten minutes) or full (a GPU)")
]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON, for other programs")]


def main() -> None:
    """Run the command line; ends the program with the exit code."""
    app()


@app.callback(invoke_without_command=True)
def _about(
    version: Annotated[bool, typer.Option("--version", help="print the version")] = False,
) -> None:
    if version:
        from medtutor import __version__

        print(__version__)
        raise typer.Exit


@app.command("list", epilog="Example: medtutor list --json")
def list_command(
    as_json: AsJson = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="print the table that stands in README.md")
    ] = False,
) -> None:
    """List the chapters."""
    if markdown:
        from medtutor.course.pages.readme_table import readme_table

        print(readme_table())
        return
    chapters = _chapters([])
    rows = [
        {
            "number": chapter.number,
            "name": chapter.name,
            "title": chapter.title,
            "part": chapter.part,
            "claims": len(chapter.claims),
            "exercises": len(chapter.exercises),
            "draft": chapter.draft,
        }
        for chapter in chapters
    ]
    if as_json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for head in ("nn", "title", "part", "claims", "exercises", ""):
        table.add_column(head, justify="right" if head in ("claims", "exercises") else "left")
    for chapter in chapters:
        table.add_row(
            f"{chapter.number:02}",
            escape(chapter.title),
            chapter.part.replace("_", " "),
            str(len(chapter.claims)),
            str(len(chapter.exercises)),
            "draft" if chapter.draft else "",
        )
    _console().print(table)


@app.command(epilog="Example: medtutor doctor")
def doctor(as_json: AsJson = False) -> None:
    """Say whether this machine is ready, each line OK or what to do."""
    from medtutor.course.doctor import examine, report

    findings = examine()
    if as_json:
        print(json.dumps([finding.__dict__ for finding in findings], indent=1))
    else:
        _console().print(report(findings))
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(1)


@app.command(
    epilog="Examples: medtutor run 14 · medtutor run 14 --profile lesson --dataset busi · "
    "medtutor run 14 --seeds 0,1,2 -p epochs=3 · medtutor run all -j 2"
)
def run(
    chapters: Which,
    profile: ProfileName = "quick",
    dataset: Annotated[str, typer.Option(help="default, or a real set of the chapter")] = "default",
    seeds: Annotated[str | None, typer.Option(help="0,1,2; or a count: 5 is 0,1,2,3,4")] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", help="name=value; its results are not recorded"),
    ] = None,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="chapters at a time")] = 1,
    results: Annotated[
        Path | None, typer.Option(help="folder for the result lines [dim](book/results)[/dim]")
    ] = None,
    executed: Annotated[
        Path | None, typer.Option(help="folder for executed notebooks [dim](build/executed)[/dim]")
    ] = None,
    accept: Annotated[bool, typer.Option("--accept", help="take changed verdicts over")] = False,
) -> None:
    """Execute chapters, hold their cost to the budget, record their claims."""
    from medtutor.course.chapter import check_profile
    from medtutor.course.declaration.parameters import parse_value
    from medtutor.course.declaration.schema import expanded
    from medtutor.course.run import limit_seconds
    from medtutor.course.running.machine import cores
    from medtutor.course.running.many import Job, divided, run_many
    from medtutor.course.running.run_view import RunView

    chosen = _chapters(chapters)
    if not chosen:
        _wrong_use("wanted chapters to run, given none: notebooks/ is empty")
    try:
        name = check_profile(profile)
        drawn = None if seeds is None else expanded(parse_value(seeds, "ints"), "ints")
    except ValueError as error:
        _wrong_use(str(error) if "profile" in str(error) else f"--seeds: wanted 0,1,2, {error}")
    jobs = min(jobs, len(chosen))
    share = len(divided(cores(), jobs)[0])
    budgets = {chapter.name: chapter.budget[name] for chapter in chosen}
    limits = {
        key: (limit_seconds(budget, share), budget.memory_gb) for key, budget in budgets.items()
    }
    view = RunView(limits, _console(), _console(stderr=True))
    work = [
        Job(chapter.name, name, dataset, parameter or (), drawn, executed, results, accept)
        for chapter in chosen
    ]
    with view.shown():
        outcomes = run_many(work, jobs, view.progress if view.live else None, view.finished)
    if len(outcomes) > 1 and view.live:
        view.summary(outcomes)
    if any(outcome.report is None for outcome in outcomes):
        raise typer.Exit(2 if all(outcome.wrong_use for outcome in outcomes) else 1)


@app.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog="Examples: medtutor data list · medtutor data get hrf · medtutor data --help",
)
def data(context: typer.Context) -> None:
    """Data: [b]list[/b], [b]get[/b], [b]verify[/b], [b]where[/b], [b]show[/b], [b]cache[/b]."""
    from medtutor.datasets.commands import app as data_sets

    data_sets(context.args, prog_name="medtutor data")


@app.command(epilog="Example: medtutor claims 14")
def claims(chapters: Some = None, as_json: AsJson = False) -> None:
    """Show what the papers claim, what we measured, and the verdicts; stale lines are marked."""
    from medtutor.course import results
    from medtutor.course.paths import results_folder

    chosen = _chapters(chapters or [])
    by_name = {chapter.name: chapter for chapter in chosen}
    try:
        lines = [line for line in results.read(results_folder()) if line["chapter"] in by_name]
        if as_json:
            marked = [
                {**line, "stale": results.is_stale(line, by_name[line["chapter"]])}
                for line in lines
            ]
            print(json.dumps(marked, indent=1, ensure_ascii=False))
            return
        from medtutor.course.ledger.claims_table import claims_table

        _console().print(claims_table(lines, chosen))
    except ValueError as error:
        _failed(str(error))


@app.command(epilog="Examples: medtutor check · medtutor check 14 --write")
def check(
    chapters: Some = None,
    write: Annotated[
        bool, typer.Option("--write", help="make the exercises' stubs from the solutions anew")
    ] = False,
) -> None:
    """Hold chapters to their contract: sections, cells, parameters, symbols, exercises, claims."""
    from medtutor.course.contract import violations
    from medtutor.course.practice.stubs import write_stubs

    out, errors = _console(), _console(stderr=True)
    broken = 0
    for chapter in _chapters(chapters or []):
        try:
            for name in write_stubs(chapter) if write else []:
                out.print(f"{chapter.name}: wrote the stub of {name}", highlight=False)
        except (ValueError, OSError) as error:
            errors.print(f"{chapter.name}: {error}", markup=False, highlight=False, soft_wrap=True)
        found = violations(chapter)
        broken += bool(found)
        for text in found:
            errors.print(f"{chapter.name}: {text}", markup=False, highlight=False, soft_wrap=True)
        if not found:
            out.print(f"{chapter.name}: OK", highlight=False)
    if broken:
        raise typer.Exit(1)


@app.command(epilog="Example: medtutor new 25 heat_maps --part layers")
def new(
    number: Annotated[int, typer.Argument(help="number of the chapter", min=0, max=99)],
    topic: Annotated[str, typer.Argument(help="its name, like combo_loss")],
    part: Annotated[
        str | None, typer.Option(help="part of the book; that of the chapter before without it")
    ] = None,
) -> None:
    """Make the skeleton of a chapter, marked as a draft."""
    from medtutor.course.new import NotPossible, make_chapter
    from medtutor.course.paths import shown

    try:
        folder = make_chapter(number, topic, part)
    except NotPossible as error:
        _wrong_use(str(error))
    except (ValueError, OSError) as error:
        _failed(str(error))
    said = f"made {shown(folder)}; next: medtutor run {number}, medtutor check {number}"
    _console().print(said, highlight=False)


@app.command(epilog="Examples: medtutor book · medtutor book --profile quick")
def book(
    profile: Annotated[
        str | None, typer.Option(help="execute all chapters in this profile first")
    ] = None,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="chapters at a time")] = 1,
) -> None:
    """Build the site from the executed chapters: build/site/index.html."""
    from medtutor.course.appendix import execute_appendices
    from medtutor.course.paths import build_folder, shown
    from medtutor.course.site import build

    if profile is not None:
        run(["all"], profile, jobs=jobs, results=build_folder() / "results")
    try:
        execute_appendices()
        page = build()
    except (ValueError, OSError, RuntimeError) as error:
        _failed(str(error))
    _console().print(f"built {shown(Path(page))}", highlight=False)


app.command(epilog=EXAMPLES)(bench)


def _chapters(which: list[str]) -> "list[Chapter]":
    """Return the chapters named, each once; all of them for none or ``all``."""
    from medtutor.course.chapter import ChapterError, UnknownChapter, list_chapters, load_chapter
    from medtutor.course.paths import RepositoryNotFound

    try:
        if not which or which == ["all"]:
            return list_chapters()
        return list({chapter.name: chapter for chapter in map(load_chapter, which)}.values())
    except (UnknownChapter, RepositoryNotFound) as error:
        _wrong_use(str(error))
    except ChapterError as error:
        _failed(str(error))


def _console(stderr: bool = False) -> "Console":
    from rich.console import Console

    return Console(stderr=stderr)


def _failed(message: str, code: int = 1) -> NoReturn:
    _console(stderr=True).print(message, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def _wrong_use(message: str) -> NoReturn:
    _failed(message, code=2)
