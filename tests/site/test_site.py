"""The site as files: what is staged, what is built, what its pages link to and load."""

import json

import nbformat
import pytest
from made_up_course import LINE, make_course
from site_under_test import REPOSITORY, working_in

from medtutor.course.pages.site_html import broken_links, outside_requests, read_links
from medtutor.course.paths import build_folder
from medtutor.course.site import SiteFailed, build, stage

CHAPTER = "14_combo_loss"


@pytest.fixture
def course(tmp_path):
    with working_in(make_course(tmp_path, REPOSITORY / "book")):
        yield tmp_path


def text_of(site, page):
    return (site / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("which", ["made_up_site", "built_site"])
def test_every_link_leads_somewhere(which, request):
    assert broken_links(request.getfixturevalue(which)) == []


@pytest.mark.parametrize("which", ["made_up_site", "built_site"])
def test_no_page_loads_from_another_host(which, request):
    assert outside_requests(request.getfixturevalue(which)) == []


@pytest.mark.parametrize("which", ["made_up_site", "built_site"])
def test_every_picture_has_a_text_alternative(which, request):
    site = request.getfixturevalue(which)
    missing = {
        page.relative_to(site).as_posix(): count
        for page in site.rglob("*.html")
        if "_static" not in page.parts
        if (count := read_links(page).pictures_without_alt)
    }
    assert missing == {}


@pytest.mark.parametrize("which", ["made_up_site", "built_site"])
def test_every_header_cell_has_its_scope(which, request):
    site = request.getfixturevalue(which)
    for page in site.rglob("*.html"):
        if "_static" not in page.parts:
            text = page.read_text(encoding="utf-8")
            assert text.count("<th ") + text.count("<th>") == text.count('<th scope="'), page


def test_chapter_page_shows_the_run(made_up_site):
    page = text_of(made_up_site, f"chapters/{CHAPTER}.html")
    assert "Executed on 2026-01-31 with profile" in page
    assert "12 s" in page
    assert 'alt="a pixel"' in page
    assert "medtutor-claim" in page
    assert "done" in page


def test_chapter_page_leaves_out_what_needs_a_kernel(made_up_site):
    page = text_of(made_up_site, f"chapters/{CHAPTER}.html")
    assert "it/s" not in page and "0%|" not in page
    assert "15_basic_layers.ipynb" not in page, "a link to a chapter that has no page"


def test_scoreboard_lists_every_claim(made_up_site):
    page = text_of(made_up_site, "scoreboard.html")
    assert "✓ reproduced" in page and "– not run" in page
    assert "a claim that nobody has measured" in page
    assert "better than | nothing &amp; &lt;none&gt;" in page
    assert "stale" in page, "the made-up line's hash fits nothing"
    assert "0.804" in page and "method 0.9, baseline unknown (table 2)" in page


def test_planned_chapters_are_named_without_link(made_up_site):
    page = text_of(made_up_site, "parts/loss_functions.html")
    assert "A star-shape prior in the loss" in page
    assert "planned" in page
    assert f"../chapters/{CHAPTER}.html" in page
    assert "11_star_shape_loss.html" not in page


def test_status_names_budget_and_measured_run(made_up_site):
    page = text_of(made_up_site, "status.html")
    assert "quick, default, 2026-01-31" in page
    assert "cpu, 2 cores" in page


def test_chapter_without_execution_is_said_and_not_shown(course):
    (course / "build/executed" / f"{CHAPTER}.ipynb").unlink()
    source = stage()
    assert not list((source / "chapters").iterdir())
    assert "not executed in this build" in (source / "status.md").read_text()
    assert CHAPTER not in (source / "_toc.yml").read_text()


def test_run_that_stopped_at_an_error_is_not_shown(course):
    path = course / "build/executed" / f"{CHAPTER}.ipynb"
    node = nbformat.read(path, as_version=4)
    node.cells[2].outputs = [nbformat.v4.new_output("error", ename="E", evalue="no")]
    nbformat.write(node, path)
    assert not list((stage() / "chapters").iterdir())


def test_run_of_an_earlier_version_says_so(course):
    path = course / "notebooks" / CHAPTER / f"{CHAPTER}.ipynb"
    node = nbformat.read(path, as_version=4)
    node.cells[2].source += "\nseeds = [7]"
    nbformat.write(node, path)
    assert "has changed since" in (stage() / "chapters" / f"{CHAPTER}.ipynb").read_text()
    assert "before the last change" in (build_folder() / "site_source/status.md").read_text()


@pytest.mark.parametrize("same", [True, False])
def test_injected_parameters_are_shown_where_they_differ(course, same):
    path = course / "build/executed" / f"{CHAPTER}.ipynb"
    node = nbformat.read(path, as_version=4)
    injected, = (c for c in node.cells if "injected-parameters" in c.metadata.get("tags", []))
    taught, = (c for c in node.cells if "parameters" in c.metadata.get("tags", []))
    injected.source = "# Parameters\n" + taught.source if same else "seeds = [7]  # injected"
    nbformat.write(node, path)
    page = (stage() / "chapters" / f"{CHAPTER}.ipynb").read_text()
    assert ("injected" in page) is not same


def test_committed_lines_go_before_throw_away_ones(course):
    folder = course / "build/results"
    folder.mkdir()
    lines = [
        {**LINE, "verdict": "not reproduced", "profile": "full"},
        {**LINE, "claim": "missing", "verdict": "inconclusive", "profile": "quick"},
    ]
    (folder / f"{CHAPTER}.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    page = (stage() / "scoreboard.md").read_text()
    assert "✓ reproduced" in page and "✗ not reproduced" not in page
    assert "? inconclusive" in page


def test_warning_stops_the_build_and_keeps_the_old_site(course, monkeypatch):
    monkeypatch.setattr("medtutor.course.pages.api_reference.public_modules", lambda package: [])
    old = build_folder() / "site"
    old.mkdir()
    (old / "index.html").write_text("the old one")
    with (course / "book/references.md").open("a") as page:
        page.write("\nSee {cite}`nobody1900nothing` and [nowhere](nowhere.md).\n")
    with pytest.raises(SiteFailed, match="nobody1900nothing") as failed:
        build()
    assert "nowhere.md" in str(failed.value)
    assert (old / "index.html").read_text() == "the old one"


def test_dead_links_and_other_hosts_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="b.html#here">x</a><a href="b.html#gone">x</a><a href="c.html">x</a>'
        '<a href="https://example.org">fine</a><img src="https://example.org/x.png" alt="">'
    )
    (tmp_path / "b.html").write_text('<p id="here"></p><script src="//example.org/x.js"></script>')
    (tmp_path / "s.css").write_text("@import 'https://example.org/font.css';")
    assert [line.split()[1] for line in broken_links(tmp_path)] == ["b.html#gone", "c.html"]
    assert len(outside_requests(tmp_path)) == 3
