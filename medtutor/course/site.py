"""The site: staged from ``book/``, the executed notebooks and what is generated, then built.

`stage` writes everything that jupyter-book reads into ``build/site_source``; `build` runs
jupyter-book on it with warnings as errors and puts the finished site in the place of the old one.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from medtutor.course.chapter import list_chapters
from medtutor.course.ledger.scoreboard import believed, scoreboard_page
from medtutor.course.pages.api_reference import write_reference
from medtutor.course.pages.benchmark_page import with_benchmarks
from medtutor.course.pages.benchmark_rows import read_rows
from medtutor.course.pages.data_page import with_data_sets
from medtutor.course.pages.site_html import broken_links, finish_pages, outside_requests
from medtutor.course.pages.site_notebooks import appendix_page, find_execution, page_notebook
from medtutor.course.pages.site_pages import contents, read_entries, status_page, with_tables
from medtutor.course.paths import build_folder, repository, results_folder, shown
from medtutor.course.results import read

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class SiteFailed(ValueError):
    """The site could not be built; the message holds the warnings, one a line."""


def stage(
    out: Path | None = None,
    *,
    executed: Path | None = None,
    results: Sequence[Path] | None = None,
) -> Path:
    """Write what jupyter-book reads: the book, executed notebooks and generated pages.

    Args:
        out: where to; ``build/site_source`` when not given. It is replaced as a whole.
        executed: folder of executed notebooks; ``build/executed`` when not given.
        results: folders of result lines, the one to be believed first at the beginning; when not
            given, the committed ones in ``book/results``, then those of the last throw-away run.

    Returns:
        The folder written.
    """
    out = out or build_folder() / "site_source"
    executed = executed or build_folder() / "executed"
    folders = results if results is not None else [results_folder(), build_folder() / "results"]
    work = out.with_name(out.name + ".part")
    shutil.rmtree(work, ignore_errors=True)
    book = repository() / "book"
    left_out = shutil.ignore_patterns("results", "*.py", "*.ipynb", "__pycache__", ".ipynb_*")
    shutil.copytree(book, work, ignore=left_out)
    chapters = list_chapters()
    runs = {chapter.name: find_execution(chapter, executed) for chapter in chapters}
    executions = {name: run for name, run in runs.items() if run is not None}
    (work / "chapters").mkdir()
    for name, run in executions.items():
        notebook = page_notebook(run, set(executions))
        (work / "chapters" / f"{name}.ipynb").write_text(notebook, encoding="utf-8")
    for file in book.glob("*.ipynb"):
        ending, text = appendix_page(file, executed / file.name)
        (work / f"{file.stem}{ending}").write_text(text, encoding="utf-8")
    entries = read_entries(book / "plan.yml", chapters, executions)
    for page in [work / "intro.md", *(work / "parts").glob("*.md")]:
        up = "" if page.parent == work else "../"
        text = with_tables(page.read_text(encoding="utf-8"), entries, up)
        page.write_text(text, encoding="utf-8")
    lines = believed([read(folder) for folder in folders])
    (work / "status.md").write_text(status_page(entries, lines), encoding="utf-8")
    board = scoreboard_page(chapters, lines, set(executions))
    (work / "scoreboard.md").write_text(board, encoding="utf-8")
    speed = work / "benchmarks.md"
    package = Path(__file__).resolve().parents[1]
    modules = write_reference(package, work / "api", speed.is_file())
    if speed.is_file():         # a course of one's own may do without
        rows = read_rows(repository() / "benchmarks" / "results")
        text = with_benchmarks(speed.read_text(encoding="utf-8"), rows, modules)
        speed.write_text(text, encoding="utf-8")
    data = work / "data.md"
    if data.is_file():
        from medtutor.datasets.registry import all_facts

        text = data.read_text(encoding="utf-8")
        text = with_data_sets(text, all_facts(), chapters, set(executions))
        data.write_text(text, encoding="utf-8")
    toc = yaml.safe_load((book / "_toc.yml").read_text(encoding="utf-8"))
    text = yaml.safe_dump(contents(toc, entries), sort_keys=False)
    (work / "_toc.yml").write_text(text, encoding="utf-8")
    _replace(work, out)
    return out


def build(
    site: Path | None = None,
    *,
    executed: Path | None = None,
    results: Sequence[Path] | None = None,
) -> Path:
    """Build the site; a warning, a dead link or a request to another host is an error.

    Args:
        site: where to; ``build/site`` when not given. The old site stays until the new one is
            complete.
        executed: folder of executed notebooks, see `stage`.
        results: folders of result lines, see `stage`.

    Returns:
        The first page, ``index.html`` in the folder of the site.

    Raises:
        SiteFailed: with every warning in the message.
    """
    site = site or build_folder() / "site"
    site.parent.mkdir(parents=True, exist_ok=True)
    source = stage(site.with_name(site.name + "_source"), executed=executed, results=results)
    work = site.with_name(site.name + "_work")
    shutil.rmtree(work, ignore_errors=True)
    _run_jupyter_book(source, work)
    html = work / "_build" / "html"
    finish_pages(html)
    if faults := broken_links(html) + outside_requests(html):
        raise SiteFailed("the site was built, but:\n" + "\n".join(faults))
    _replace(html, site)
    shutil.rmtree(work, ignore_errors=True)
    return site / "index.html"


def _run_jupyter_book(source: Path, work: Path) -> None:
    options = ["-W", "-n", "--keep-going", "-q", "--path-output", str(work)]
    program = "from jupyter_book.cli.main import main; main()"
    environment = {
        **os.environ,
        "PYTHONWARNINGS": "ignore",
        "MPLBACKEND": "agg",
        "JUPYTER_PLATFORM_DIRS": "1",
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", program, "build", *options, str(source)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=source,
    )
    if done.returncode == 0:
        return
    said = _COLOUR.sub("", done.stderr or done.stdout).replace(f"{source}/", "").splitlines()
    found = [line for line in dict.fromkeys(said) if line.strip()]
    message = "\n".join(found[-200:])
    raise SiteFailed(f"jupyter-book did not accept {shown(source)}:\n{message}")


def _replace(new: Path, old: Path) -> None:
    """Put a finished folder in the place of another; a reader sees one or the other."""
    aside = old.with_name(old.name + ".old")
    shutil.rmtree(aside, ignore_errors=True)
    if old.exists():
        os.rename(old, aside)
    os.rename(new, old)
    shutil.rmtree(aside, ignore_errors=True)

