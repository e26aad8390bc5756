"""The contract of a chapter: what every notebook has, so that readers and machines find it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medtutor.course import code_rules
from medtutor.course.chapter import Chapter
from medtutor.course.declaration.schema import Profile
from medtutor.course.paths import repository, shown
from medtutor.course.running.titles import headings

SECTIONS = (
    "What you will be able to do",
    "Setup",
    "Parameters",
    "The problem",
    "The idea",
    "The method",
    "Baseline and method",
    "Paper and ours",
    "When it fails",
    "Since then",
    "Exercises",
    "Limits and licences",
    "References",
)
FIRST_SECTIONS = (
    "What you will be able to do",
    "Setup",
    "Parameters",
    "The problem",
    "The method",
    "Exercises",
    "Where to go next",
)
LINES = 15
LIMITS: dict[Profile, tuple[float, float | None]] = {   # seconds, GB; of two CPU cores
    "quick": (60, 3),
    "lesson": (600, None),
}


def violations(chapter: Chapter) -> list[str]:
    """Return what a chapter does not keep of the contract, each with what to do; empty when all is.

    A draft need not have claims and exercises in its notebook yet; all else holds for it too.
    """
    found: list[str] = list(_budgets(chapter))
    notebooks = {}
    for path in (chapter.notebook, chapter.solutions):
        notebook, problem = _read(path)
        if problem:
            found.append(problem)
            continue
        notebooks[path] = notebook
        found += _stored(path, notebook)
    if (notebook := notebooks.get(chapter.notebook)) is None:
        return found
    code, broken = code_rules.parsed(notebook.cells)
    found += broken
    found += _sections(chapter, notebook)
    found += _cell_length(notebook)
    found += _parameters(chapter, notebook, code)
    found += _reference(chapter, notebook)
    found += code_rules.loads_itself(chapter, code)
    found += code_rules.shows_methods(chapter, code)
    found += code_rules.redefines_nothing(code)
    found += code_rules.shows_figures_with_words(code)
    found += code_rules.reads_no_environment(code)
    if not chapter.draft:
        found += code_rules.records_claims(chapter, code)
    found += _exercises(chapter, notebook, code)
    return found


def _read(path: Path) -> tuple[Any, str]:
    import nbformat

    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except FileNotFoundError:
        return None, f"wanted {shown(path)}, given no such file"
    except (nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        return None, f"{shown(path)}: wanted a notebook: {str(error).splitlines()[0][:200]}"
    return notebook, ""


def _stored(path: Path, notebook: Any) -> Iterator[str]:
    for index, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code" and (cell.outputs or cell.execution_count is not None):
            yield f"{path.name}, cell {index}: stored with outputs; clear all outputs and save"


def _budgets(chapter: Chapter) -> Iterator[str]:
    for profile, (seconds, memory) in LIMITS.items():
        budget = chapter.budget[profile]
        if budget.seconds > seconds:
            yield f"budget.{profile}.seconds: wanted at most {seconds}, given {budget.seconds:g}"
        if memory is not None and budget.memory_gb > memory:
            yield (
                f"budget.{profile}.memory_gb: wanted at most {memory}, given {budget.memory_gb:g}"
            )
        if budget.gpu:
            yield f"budget.{profile}.gpu: wanted false: {profile} runs on two CPU cores"


def _sections(chapter: Chapter, notebook: Any) -> Iterator[str]:
    wanted = FIRST_SECTIONS if chapter.part == "start" else SECTIONS
    all_headings = [
        heading
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for heading in headings(cell.source)
    ]
    titles = [text for level, text in all_headings if level == 1]
    if titles != [chapter.title]:
        yield f"title: wanted one heading `# {chapter.title}` as in chapter.yml, given {titles}"
    given = tuple(text for level, text in all_headings if level == 2)
    if given == wanted:
        return
    if missing := [text for text in wanted if text not in given]:
        yield f"sections: missing {', '.join(missing)}"
    if extra := [text for text in given if text not in wanted]:
        yield f"sections: {', '.join(extra)} not of the contract; use ### below one of it"
    if not missing and not extra:
        yield f"sections: wanted once each and in this order: {', '.join(wanted)}"


def _cell_length(notebook: Any) -> Iterator[str]:
    for index, cell in enumerate(notebook.cells, start=1):
        count = len(cell.source.splitlines())
        if cell.cell_type == "code" and count > LINES:
            yield (
                f"cell {index}: {count} lines, wanted at most {LINES}; "
                "divide it, or move code to the package"
            )


def _parameters(chapter: Chapter, notebook: Any, code: list[code_rules.Code]) -> Iterator[str]:
    tagged = [cell for cell in code if "parameters" in cell.tags]
    if len(tagged) != 1:
        yield f"parameters: wanted one cell tagged parameters, given {len(tagged)}"
        return
    given, problem = code_rules.literals(tagged[0])
    if problem:
        yield problem
        return
    wanted = chapter.values("lesson")
    for name in [*wanted, *(name for name in given if name not in wanted)]:
        if name not in given:
            yield f"parameters: wanted {name} = {wanted[name]!r} (lesson), given nothing"
        elif name not in wanted:
            yield f"parameters: {name} is not in chapter.yml; declare it, or take it out"
        elif given[name] != wanted[name] or isinstance(given[name], bool) != isinstance(
            wanted[name], bool
        ):
            yield f"parameters: wanted {name} = {wanted[name]!r} (lesson), given {given[name]!r}"


def _reference(chapter: Chapter, notebook: Any) -> Iterator[str]:
    if chapter.paper is None:
        return
    key = chapter.paper.cite
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    if "{cite" not in text or key not in text:
        yield f"references: wanted {{cite}}`{key}` in the text, given none"
    library = repository() / "book" / "references.bib"
    if library.is_file() and f"{{{key}," not in library.read_text(encoding="utf-8"):
        yield f"references: {shown(library)} has no entry {key}"


def _exercises(chapter: Chapter, notebook: Any, code: list[code_rules.Code]) -> Iterator[str]:
    from medtutor.course.exercises import exercises_of
    from medtutor.course.practice.stubs import stale_stubs

    if not chapter.exercises:
        if not chapter.draft:
            yield "exercises: wanted three: one to read, one to change, one to build; given none"
        return
    try:
        exercises_of(chapter)
        stale = stale_stubs(chapter)
    except Exception as error:                      # exercises.py is code: it may raise anything
        yield f"exercises: {error}"
        stale = []
    for name in stale:
        yield (
            f"exercise {name}: its cell is not the stub of the solution; "
            f"do: medtutor check {chapter.number} --write"
        )
    yield from code_rules.checks_exercises(chapter, code)
