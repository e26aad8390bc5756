"""A new chapter: a skeleton that keeps the contract and runs, marked as a draft."""

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import yaml

from medtutor.course.chapter import list_chapters, load_chapter
from medtutor.course.contract import SECTIONS
from medtutor.course.declaration.explain import nearest
from medtutor.course.declaration.schema import PARTS
from medtutor.course.paths import notebooks_folder
from medtutor.course.practice.stubs import stub_of
from medtutor.course.writing import replace_text

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

# What a fresh section says: what belongs there, for the author to replace.
_TEXT = {
    "What you will be able to do": "- say in one sentence what the method does, and when to use it",
    "Setup": "",
    "Parameters": "",
    "The problem": "Show the data, and what goes wrong on it.",
    "The idea": "One picture, one widget.",
    "The method": "The equation, then the package's own source through `show`, shapes, a check by "
    "hand.",
    "Baseline and method": "Both at equal budget, the baseline first. After each figure, say what "
    "to see and which number shows it.",
    "Paper and ours": "Each claim of `chapter.yml`, recorded in the ledger.",
    "When it fails": "Where it fails, shown.",
    "Since then": "A successor, run beside it.",
    "Exercises": "Replace the `...`, run the cell and the `check` below it.\n\n"
    "**Read.** What is the Dice overlap of two equal, non-empty masks?",
    "Limits and licences": "What was not shown; whose data, under which terms.",
    "References": "The paper, by its key in `references.bib`.",
}
_SOLUTION = """\
### BEGIN SOLUTION
dice_of_equals = 1.0
### END SOLUTION"""
_EXERCISES = '''\
"""The exercises of chapter {number:02}."""

from medtutor.course.exercises import Exercise

EXERCISES = [
    Exercise(
        name="dice_of_equals",
        kind="read",
        reference=lambda: 1.0,
        hint="Twice what they share, over the sum of both.",
        mistakes=[0.5, 2.0],
    ),
]
'''


class NotPossible(ValueError):
    """The chapter cannot be made: number or name are taken or are none."""


def make_chapter(number: int, topic: str, part: str | None = None) -> Path:
    """Make ``notebooks/NN_topic`` with its four files, whole or not at all; return the folder.

    Args:
        number: from 0 to 99, not taken.
        topic: lower case, words joined by underscores; not the name of another chapter.
        part: part of the book; without it, that of the chapter before.

    Raises:
        NotPossible: the message says what is wrong with number, name or part.
    """
    part = _allowed(number, topic, part)
    name = f"{number:02}_{topic}"
    title = topic.replace("_", " ").capitalize()
    home = notebooks_folder()
    folder = home / name
    made = Path(tempfile.mkdtemp(dir=home, prefix=".new_"))
    try:
        made.chmod(0o755)
        replace_text(made / "chapter.yml", _declaration(number, title, part))
        replace_text(made / "exercises.py", _EXERCISES.format(number=number))
        replace_text(made / f"{name}.ipynb", _notebook(number, title))
        replace_text(made / f"{name}_solutions.ipynb", _solutions(number, title))
        made.rename(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    load_chapter(folder)
    return folder


def _allowed(number: int, topic: str, part: str | None) -> str:
    """Return the part of the new chapter, or raise what speaks against it."""
    if not 0 <= number <= 99:
        raise NotPossible(f"number: wanted one from 0 to 99, given {number}")
    if not _NAME.fullmatch(topic):
        close = re.sub(r"[^a-z0-9]+", "_", topic.lower()).strip("_0123456789")
        hint = f": did you mean {close!r}?" if _NAME.fullmatch(close) else ""
        raise NotPossible(f"name: wanted one like combo_loss, given {topic!r}{hint}")
    parts = [known for known in PARTS if known != "start"]      # chapter 00 is there already
    if part is not None and part not in parts:
        hint = nearest(part, parts)
        raise NotPossible(f"part: wanted one of {', '.join(parts)}, given {part!r}{hint}")
    chapters = list_chapters()
    for chapter in chapters:
        if number == chapter.number or chapter.name.split("_", 1)[1] == topic:
            raise NotPossible(f"wanted number and name not taken, given {chapter.name}'s")
    if taken := sorted(notebooks_folder().glob(f"{number:02}_*")):
        raise NotPossible(f"wanted a number not taken, given that of the folder {taken[0].name}")
    before = [chapter.part for chapter in chapters if 0 < chapter.number < number]
    return part or (before[-1] if before else "opening")


def _declaration(number: int, title: str, part: str) -> str:
    content = {
        "number": number,
        "title": title,
        "part": part,
        "summary": "What this chapter shows, in one sentence.",
        "data": {"default": "made in the notebook"},
        "parameters": _Flow({
            "seeds": {"type": "ints", "quick": [0], "lesson": 5, "full": 10,
                      "help": "a list, or a count"},
        }),
        "budget": _Flow({
            "quick": {"seconds": 60, "memory_gb": 3},
            "lesson": {"seconds": 600, "memory_gb": 6},
            "full": {"seconds": 7200, "memory_gb": 24, "gpu": True},
        }),
        "claims": [],
        "exercises": ["dice_of_equals"],
        "draft": True,
    }
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)


class _Flow(dict[str, Any]):
    """A mapping whose values stand on one line each, as chapters write parameters and budgets."""


class _Dumper(yaml.SafeDumper):
    """Writes lists of plain values on one line."""


def _rows(dumper: yaml.SafeDumper, rows: _Flow) -> yaml.Node:
    node = dumper.represent_dict(rows.items())
    for _, value in node.value:
        value.flow_style = True
    return node


def _items(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)


_Dumper.add_representer(_Flow, _rows)
_Dumper.add_representer(list, _items)


def _notebook(number: int, title: str) -> str:
    from nbformat.v4 import new_code_cell, new_markdown_cell

    code: dict[str, list[Any]] = {
        "Setup": [
            new_code_cell(
                "from medtutor.course import check, load_chapter\n\n"
                f"chapter = load_chapter({number})"
            )
        ],
        "Parameters": [
            new_code_cell(
                'profile = "lesson"\ndataset = "default"\nseeds = [0, 1, 2, 3, 4]',
                metadata={"tags": ["parameters"]},
            ),
            new_code_cell("ledger = chapter.ledger(profile, dataset, seeds)"),
        ],
        "Exercises": [
            new_code_cell(
                stub_of(_SOLUTION), metadata={"tags": ["exercise-dice_of_equals"]}
            ),
            new_code_cell('check("dice_of_equals", dice_of_equals)'),
        ],
    }
    cells = [new_markdown_cell(f"# {title}")]
    for section in SECTIONS:
        cells.append(new_markdown_cell(f"## {section}\n\n{_TEXT[section]}".rstrip()))
        cells += code.get(section, [])
    return _written(cells)


def _solutions(number: int, title: str) -> str:
    from nbformat.v4 import new_code_cell, new_markdown_cell

    return _written([
        new_markdown_cell(f"# {title}: solutions"),
        new_code_cell(
            f"from medtutor.course import check, load_chapter\n\nchapter = load_chapter({number})"
        ),
        new_code_cell(_SOLUTION, metadata={"tags": ["exercise-dice_of_equals"]}),
        new_code_cell('check("dice_of_equals", dice_of_equals)'),
    ])


def _written(cells: list[Any]) -> str:
    import nbformat
    from nbformat.v4 import new_notebook

    for index, cell in enumerate(cells):
        cell.id = f"cell-{index:02}"                            # the same skeleton, the same bytes
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
    }
    return str(nbformat.writes(new_notebook(cells=cells, metadata=metadata))) + "\n"
