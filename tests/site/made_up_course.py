"""A course of one chapter with everything a page can hold, for tests of the site."""

import json
import shutil
from pathlib import Path

import nbformat
from made_up_benchmarks import write_rows
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

CHAPTER = """\
number: 14
title: A made-up chapter
part: loss_functions
summary: One formula, one figure, one slider, one table.
paper: {cite: asgari2019combo}
data: {default: phantoms.organs}
parameters:
  seeds: {type: ints, quick: [0], lesson: [0, 1, 2, 3, 4], full: 10, help: a list or a count}
budget:
  quick: {seconds: 60, memory_gb: 3}
  lesson: {seconds: 600, memory_gb: 6}
  full: {seconds: 7200, memory_gb: 24}
claims:
  - id: measured
    says: the made-up method is better than | nothing & <none>
    paper: {where: table 2, method: 0.9, baseline: unknown}
    measure: {metric: dice, method: combo, baseline: dice}
    kind: better_than
  - id: missing
    says: a claim that nobody has measured
    paper: {where: abstract}
    measure: {metric: dice, method: combo, baseline: dice}
    kind: better_than
"""
LINE = {
    "chapter": "14_combo_loss", "claim": "measured", "kind": "better_than", "profile": "lesson",
    "dataset": "default", "seeds": [0, 1, 2, 3, 4], "method": [0.8, 0.81, 0.82, 0.8, 0.79],
    "baseline": [0.7, 0.71, 0.7, 0.69, 0.7], "interval": [0.08, 0.13], "verdict": "reproduced",
    "reason": "the interval lies above 0", "versions": {"python": "3.11"},
    "device": "cpu, 2 cores", "seconds": 41.5, "peak_memory_gb": 1.2, "source_hash": "none",
    "date": "2026-01-31T10:00:00+00:00",
}
PIXEL = (  # one dark pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SLIDER = (
    "<iframe sandbox='allow-scripts' title='slider' style='width:100%;height:80px;border:0' "
    "srcdoc='"
    '<label>step <input type="range" min="0" max="4" value="2" '
    'oninput="read.textContent=this.value"></label> <output id="read">2</output>\'></iframe>'
)


def make_course(folder: Path, book: Path) -> Path:
    """Write a repository with the real book, one chapter, its executed notebook and a result."""
    (folder / "pyproject.toml").parent.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text("")
    shutil.copytree(book, folder / "book", ignore=shutil.ignore_patterns("results"))
    chapter = folder / "notebooks/14_combo_loss"
    chapter.mkdir(parents=True)
    (chapter / "chapter.yml").write_text(CHAPTER)
    nbformat.write(notebook(executed=False), chapter / "14_combo_loss.ipynb")
    executed = folder / "build/executed"
    executed.mkdir(parents=True)
    nbformat.write(notebook(executed=True), executed / "14_combo_loss.ipynb")
    (folder / "book/results").mkdir()
    (folder / "book/results/14_combo_loss.jsonl").write_text(json.dumps(LINE) + "\n")
    write_rows(folder)
    return folder


def notebook(executed: bool):
    """The chapter's notebook; executed, it has the outputs that a run leaves."""
    code = [
        ("profile = 'lesson'\nseeds = [0, 1, 2, 3, 4]", []),
        ("slider()", [rich({"text/html": SLIDER, "text/plain": "slider"})]),
        ("show_figure(fig, alt='a pixel')", [rich(figure())]),
        ("ledger.record('measured', ours, theirs)", [rich(claim())]),
        ("table", [rich({"text/html": TABLE, "text/plain": "table"})]),
        ("train()", [progress(), bar(), new_output("stream", name="stdout", text="done\n")]),
    ]
    cells = [
        new_markdown_cell("# A made-up chapter"),
        new_markdown_cell(
            "## The method\n\nThe loss of {cite:t}`asgari2019combo` is\n\n"
            "$$L = \\alpha\\, \\mathrm{CE} - (1 - \\alpha)\\, D$$\n\nwith $\\alpha$ in [0, 1]; see "
            "[another chapter](../15_basic_layers/15_basic_layers.ipynb) and a wide table below. "
            "Marsupial is a word to search for."
        ),
    ]
    for number, (source, outputs) in enumerate(code):
        cell = new_code_cell(source)
        if number == 0:
            cell.metadata["tags"] = ["parameters"]
        if executed:
            cell.outputs, cell.execution_count = outputs, number + 1
        cells.append(cell)
    node = new_notebook(cells=cells)
    node.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    node.metadata["language_info"] = {"name": "python"}
    if executed:
        node.metadata["papermill"] = {"duration": 12.3, "end_time": "2026-01-31T10:00:00",
                                      "exception": None, "parameters": {"profile": "quick"}}
        injected = new_code_cell("profile = 'quick'\nseeds = [0]", execution_count=1)
        injected.metadata["tags"] = ["injected-parameters"]
        node.cells.insert(3, injected)
    return node


TABLE = (
    '<table border="1" class="dataframe"><thead><tr><th></th>'
    + "".join(f"<th>a_long_column_name_{i}</th>" for i in range(12))
    + "</tr></thead><tbody><tr><th>dice</th>"
    + "<td>0.123456</td>" * 12
    + "</tr></tbody></table>"
)


def rich(data: dict):
    return new_output("display_data", data=data)


def figure() -> dict:
    return {
        "text/html": f'<figure class="medtutor-figure"><img src="data:image/png;base64,{PIXEL}" '
                     'alt="a pixel"><figcaption>One pixel.</figcaption></figure>',
        "image/png": PIXEL,
        "text/plain": "[figure] a pixel",
    }


def claim() -> dict:
    return {
        "text/html": '<table class="medtutor-claim"><caption>Claim</caption><tbody>'
                     '<tr><th scope="row">Verdict</th><td>reproduced</td></tr></tbody></table>',
        "text/plain": "reproduced",
        "application/vnd.medtutor.claim+json": LINE,
    }


def progress():
    text = "\rarms:   0%|   | 0/9 [00:00<?, ?it/s]\rarms: 100%|###| 9/9 [00:01<00:00, 7.1it/s]\n"
    return new_output("stream", name="stderr", text=text)


def bar():
    return rich({"application/vnd.jupyter.widget-view+json": {"model_id": "a", "version_major": 2,
                 "version_minor": 0}, "text/plain": "  0%|          | 0/5 [00:00<?, ?it/s]"})
