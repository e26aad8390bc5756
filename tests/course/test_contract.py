"""Each rule of the chapter contract is broken once, and the violation says what to do."""

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from medtutor.course import code_rules
from medtutor.course.chapter import load_chapter
from medtutor.course.contract import violations
from medtutor.course.new import make_chapter

CLAIM = {
    "id": "better",
    "says": "it is better",
    "paper": {"where": "table 1"},
    "measure": {"metric": "dice", "method": "a", "baseline": "b"},
    "kind": "better_than",
}


@pytest.fixture
def chapter(tiny):
    """A whole chapter: the skeleton with a method, a claim, a paper and no draft any more."""
    make_chapter(25, "heat_maps")
    change_declaration(
        draft=False, claims=[CLAIM], method=["json.dumps"], paper={"cite": "someone2020heat"}
    )
    change_cell(3, "from json import dumps\n\nfrom medtutor.course import check, load_chapter, show"
                "\n\nchapter = load_chapter(25)")
    add("show(dumps)", "ledger.record('better', method=[1.0], baseline=[0.0])")
    change_notebook(lambda notebook: notebook.cells.append(
        new_markdown_cell("{cite}`someone2020heat`")))
    return load_chapter(25)


def change_declaration(**keys):
    file = load_chapter(25).folder / "chapter.yml"
    content = yaml.safe_load(file.read_text())
    for key, value in keys.items():
        content[key] = {**content[key], **value} if key in ("budget", "parameters") else value
    file.write_text(yaml.safe_dump(content))


def change_notebook(change, solutions=False):
    file = load_chapter(25).solutions if solutions else load_chapter(25).notebook
    notebook = nbformat.read(file, 4)
    change(notebook)
    nbformat.write(notebook, file)


def change_cell(index, source):
    change_notebook(lambda notebook: notebook.cells[index].update(source=source))


def add(*sources):
    change_notebook(lambda notebook: notebook.cells.extend(map(new_code_cell, sources)))


def only():
    (violation,) = violations(load_chapter(25))
    return violation


def test_whole_chapter_keeps_it(chapter):
    assert violations(chapter) == []


def test_draft_needs_no_claims_and_exercises_yet(chapter):
    change_declaration(draft=True, exercises=[])
    change_notebook(lambda notebook: notebook.cells.pop(-2))            # the ledger's record
    assert violations(load_chapter(25)) == []


def test_budgets(chapter):
    change_declaration(budget={"quick": {"seconds": 61, "memory_gb": 4, "gpu": True},
                               "lesson": {"seconds": 601, "memory_gb": 6, "gpu": False}})
    assert violations(load_chapter(25)) == [
        "budget.quick.seconds: wanted at most 60, given 61",
        "budget.quick.memory_gb: wanted at most 3, given 4",
        "budget.quick.gpu: wanted false: quick runs on two CPU cores",
        "budget.lesson.seconds: wanted at most 600, given 601",
    ]


def test_sections(chapter):
    change_cell(0, "# Another")
    assert only() == "title: wanted one heading `# Heat maps` as in chapter.yml, given ['Another']"
    change_cell(0, "# Heat maps\n\n## Methods")
    assert only().startswith("sections: Methods not of the contract; use ###")
    change_cell(0, "# Heat maps")
    change_cell(2, "Setup")
    assert only() == "sections: missing Setup"
    change_cell(2, "## Parameters")
    change_cell(4, "## Setup")
    assert only().startswith("sections: wanted once each and in this order: What you will")


def test_short_list_of_sections_for_the_start(chapter):
    change_declaration(part="start")
    first, second = violations(load_chapter(25))
    assert first == "sections: missing Where to go next"
    assert "The idea, Baseline and method" in second


def test_long_cell(chapter):
    add("\n".join("x = 1" for _ in range(16)))
    assert "16 lines, wanted at most 15" in only()


@pytest.mark.parametrize("solutions", [False, True])
def test_stored_outputs(chapter, solutions):
    def run(notebook):
        cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
        cell.outputs = [new_output("stream", text="x")]

    change_notebook(run, solutions)
    assert "stored with outputs; clear all outputs" in only()


def test_execution_count_is_an_output(chapter):
    change_notebook(lambda notebook: notebook.cells[3].update(execution_count=1))
    assert "stored with outputs" in only()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("seeds = [0, 1, 2, 3, 4]\nprofile = 'quick'\ndataset = 'default'",
         "parameters: wanted profile = 'lesson' (lesson), given 'quick'"),
        ("seeds = [0, 1, 2, 3, 4]\nprofile = 'lesson'",
         "parameters: wanted dataset = 'default' (lesson), given nothing"),
        ("seeds = [0, 1, 2, 3, 4]\nprofile = 'lesson'\ndataset = 'default'\nrate = 1",
         "parameters: rate is not in chapter.yml; declare it, or take it out"),
        ("seeds = list(range(5))\nprofile = 'lesson'\ndataset = 'default'",
         "parameters: wanted `name = literal` on each line, given `seeds = list(range(5))`"),
    ],
)
def test_parameters(chapter, source, message):
    change_cell(5, source)
    assert only() == message


def test_parameters_cell_is_one(chapter):
    change_notebook(lambda notebook: notebook.cells[5].metadata.update(tags=[]))
    assert only() == "parameters: wanted one cell tagged parameters, given 0"


def test_chapter_loads_itself(chapter):
    change_cell(3, "from json import dumps\nfrom medtutor.course import check, load_chapter, show\n"
                "chapter = load_chapter(24)")
    assert only() == "setup: wanted `chapter = load_chapter(25)` once, given [24]"


def test_method_is_shown_under_any_name(chapter):
    change_cell(3, "import json as j\nfrom medtutor.course import check, load_chapter, show\n"
                "chapter = load_chapter(25)")
    for good in ("show(j.dumps)", "show(j.dumps, region='a')", "show('json.dumps')"):
        change_cell(-3, good)
        assert violations(load_chapter(25)) == []
    change_cell(-3, "show(j.loads)")
    assert only() == "method: wanted show(dumps) in a cell, given none"


def test_method_that_does_not_resolve(chapter):
    change_declaration(method=["json.dumps", "json.dump_all", "medtutor.nowhere.f"])
    first, second = violations(load_chapter(25))
    assert first.startswith("method: json.dump_all does not resolve: module 'json' has no attr")
    assert second.startswith("method: medtutor.nowhere.f does not resolve")


def test_resolve_reaches_into_modules():
    import os.path

    assert code_rules.resolve("os.path.join") is os.path.join
    assert code_rules.resolve("medtutor.course.chapter") is not None
    with pytest.raises(ImportError, match="no module nothing"):
        code_rules.resolve("nothing.here")


def test_nothing_is_redefined(chapter):
    add("def dice(a, b):\n    return 0")
    assert "defines dice, a public name of medtutor.metrics.overlap; import and show it" in only()
    change_cell(-1, "show = 3")
    assert "defines show, a public name of the import in this notebook" in only()
    change_cell(-1, "nearest = 3\ndef nearest_one(a):\n    dice = a\n    return dice")
    assert violations(load_chapter(25)) == []
    homes = set(code_rules.public_names().values())
    assert not [home for home in homes if "._" in home], "what private modules define is free"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("plt.plot([1])\nplt.show()", "wanted show_figure(fig, alt=...), given plt.show()"),
        ("fig, ax = plt.subplots()\nax.plot([1])", "draws, but does not end in show_figure"),
        ("fig, ax = plt.subplots()\nshow_figure(fig)", "wanted show_figure(..., alt='what is seen"),
        ("fig, ax = plt.subplots()\nshow_figure(fig, alt=' ')", "wanted show_figure(..., alt="),
        ("def draw():\n    return plt.figure()\ndraw()", "draws, but does not end in show_figure"),
    ],
)
def test_figures_have_words(chapter, source, message):
    add("import matplotlib.pyplot as plt\nfrom medtutor.course import show_figure", source)
    assert message in only()


@pytest.mark.parametrize(
    "source",
    [
        "fig, ax = plt.subplots()\nshow_figure(fig, alt='a line')",
        "def draw():\n    return plt.figure()",
        "plt.rcParams.update({})",
        "fig = plt.figure()\nshow_figure(fig, alt=f'{fig}')",
    ],
)
def test_figures_with_words_pass(chapter, source):
    add("import matplotlib.pyplot as plt\nfrom medtutor.course import show_figure", source)
    assert violations(load_chapter(25)) == []


@pytest.mark.parametrize(
    "source",
    ["import os\nos.environ['A']", "import os as o\no.getenv('A')", "from os import environ\n"
     "environ.get('A')", "%env A"],
)
def test_no_environment(chapter, source):
    add(source)
    assert "reads the environment; make it a parameter" in only()


def test_claims_are_recorded(chapter):
    change_cell(-2, "ledger.not_run('better', because='no data')")
    assert violations(load_chapter(25)) == []
    change_cell(-2, "ledger.record('bettr', method=[1.0], baseline=[0.0])")
    assert violations(load_chapter(25)) == [
        "claim better: wanted ledger.record('better', ...) in a cell, given none",
        "claim bettr: recorded in the notebook, but not in chapter.yml",
    ]


def test_exercise_has_its_stub_and_its_check(chapter):
    cells = nbformat.read(chapter.notebook, 4).cells
    stub = next(i for i, cell in enumerate(cells) if cell.metadata.get("tags") ==
                ["exercise-dice_of_equals"])
    change_cell(stub, "dice_of_equals = 1.0")
    assert "not the stub of the solution; do: medtutor check 25 --write" in only()
    change_cell(stub, cells[stub].source)
    change_cell(stub + 1, "check('another', 1)")
    assert "wanted check('dice_of_equals', dice_of_equals) after its cell" in only()
    change_declaration(exercises=[])
    assert any("exercises: wanted three" in text for text in violations(load_chapter(25)))


def test_exercises_file_that_raises(chapter):
    (chapter.folder / "exercises.py").write_text("1 / 0")
    assert only() == "exercises: division by zero"


def test_reference_is_cited_and_known(chapter, tiny):
    change_cell(-1, "no citation")
    assert only() == "references: wanted {cite}`someone2020heat` in the text, given none"
    change_cell(-1, "{cite}`someone2020heat`")
    (tiny.root / "book").mkdir()
    (tiny.root / "book/references.bib").write_text("@article{other,\n}")
    assert only() == "references: book/references.bib has no entry someone2020heat"


def test_cell_that_does_not_parse(chapter):
    add("def f(:\n    pass")
    assert "line 1: invalid syntax" in only()


def test_notebooks_that_are_missing_or_none(chapter):
    chapter.solutions.unlink()
    assert any("wanted notebooks/25_heat_maps/25_heat_maps_solutions.ipynb" in text
               for text in violations(chapter))
    chapter.notebook.write_text("{}")
    assert any("25_heat_maps.ipynb: wanted a notebook" in text for text in violations(chapter))
