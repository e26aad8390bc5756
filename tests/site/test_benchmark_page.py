"""The page of the kernels' speed: what was measured, in words, tables and pictures."""

import pytest
from made_up_benchmarks import ROWS, WANTED, row, write_rows
from made_up_course import make_course
from site_under_test import REPOSITORY, working_in

from medtutor.course.pages.api_reference import Module, write_reference
from medtutor.course.pages.benchmark_page import with_benchmarks
from medtutor.course.pages.benchmark_rows import (
    BadRows,
    check_rows,
    read_rows,
    seconds,
    targets,
    times,
)
from medtutor.course.site import stage

PAGE = "<!-- benchmarks: targets -->\n\n<!-- benchmarks: operations -->\n"


def page(rows=ROWS, modules=()):
    return with_benchmarks(PAGE, check_rows(rows, "here"), modules)


def test_a_table_for_each_case(made_up_site):
    text = (made_up_site / "benchmarks.html").read_text(encoding="utf-8")
    assert "2 × 128³ float32" in text and "Moves at least 16 MB" in text
    assert "ours with two threads: 8.00 ms by the clock" in text
    assert "2 MB (in cache)" in text
    assert text.count('class="medtutor-figure"') == 2           # one a series


def test_rows_of_a_table():
    text = page()
    assert "| **ours** | 16.0 ms |  | 10.0 | 3.5 | 14.4 ms – 17.6 ms |" in text
    assert "| MONAI | 64.0 ms | 4.0 | 40.0 | 40.0 | 64.0 ms – 64.0 ms |" in text
    assert "| reference | 8.00 ms | 0.50 |" in text, "a peer that is faster stands here too"
    assert "| copy, 10 GB/s | 1.60 ms |  | 1.00 |  |" in text
    assert "measured 2026-01-31, load 0.5, with python 3.11.2" in text


def test_targets_are_judged_by_what_was_measured():
    found = {t.name: (t.met, t.figure) for t in targets(check_rows(ROWS, "here"))}
    assert found == {
        "monai": ("missed", "4.0"),             # 5 wanted at least
        "floor": ("met", "10.0"),               # 12 at most
        "torchio": ("not measured", "nothing"),
        "megabytes": ("met", "3.5 MB"),         # 3.5 at most
    }
    assert sorted(found) == sorted(WANTED)
    text = page()
    assert "4 targets: 2 met, 1 missed, 1 not measured." in text
    assert "✗ missed</span> | at least 5 times as fast as MONAI | 4.0 |" in text


def test_the_picture_says_in_words_what_it_shows():
    text = page()
    assert (
        "In the largest case, 16 MB, from fast to slow: copy of the same bytes 1.60 ms, reference "
        "8.00 ms, ours 16.0 ms, MONAI 64.0 ms."
    ) in text
    assert "a row for each method" in text, "one size makes no line"


def test_lines_join_cases_that_differ_in_bytes():
    from medtutor.course.pages.benchmark_plot import _are_sizes

    assert _are_sizes([4e6, 1e6, 2e6]) and not _are_sizes([1e6, 1.05e6, 4e6])


def test_several_devices_are_told_apart():
    text = page([*ROWS, row(device="NVIDIA H200", wanted={"floor": 2.0})])
    assert "**NVIDIA H200**" in text and "(NVIDIA H200)" in text


def test_an_operation_links_to_its_reference_where_there_is_one():
    module = Module("medtutor.kernels.shuffle", "Shuffle voxels.")
    assert "Shuffle voxels. Its formula" in page(modules=[module])
    assert "(api/medtutor.kernels.shuffle.md)" in page(modules=[module])
    assert "api/" not in page()


def test_the_pages_of_kernels_link_to_their_speed(tmp_path):
    package = tmp_path / "medtutor"
    for name in ("kernels/warp", "metrics"):
        (package / name).mkdir(parents=True)
        (package / name / "__init__.py").write_text('"""What it is."""')
    write_reference(package, tmp_path / "api", speed=True)
    pages = {path.stem: path.read_text() for path in (tmp_path / "api").glob("*.md")}
    assert "(../benchmarks.md)" in pages["medtutor.kernels.warp"]
    assert "benchmarks" not in pages["medtutor.metrics"]
    write_reference(package, tmp_path / "api")
    assert "benchmarks" not in (tmp_path / "api/medtutor.kernels.warp.md").read_text()


def test_a_course_may_do_without_the_page(tmp_path):
    with working_in(make_course(tmp_path, REPOSITORY / "book")):
        (tmp_path / "book/benchmarks.md").unlink()
        assert not (stage() / "benchmarks.md").exists()


def test_nothing_measured_is_said(tmp_path):
    with working_in(make_course(tmp_path, REPOSITORY / "book")):
        write_rows(tmp_path, [])
        assert "Nothing has been measured yet" in (stage() / "benchmarks.md").read_text()
    assert read_rows(tmp_path / "nowhere") == []


@pytest.mark.parametrize(("text", "said"), [
    ("[", "made-up-machine.json: wanted JSON"),
    ('[{"op": "warp"}]', "made-up-machine.json: 0.case: Field required"),
])
def test_a_wrong_file_is_named(tmp_path, text, said):
    path = write_rows(tmp_path)
    path.write_text(text)
    with pytest.raises(BadRows, match=said):
        read_rows(path.parent)


def test_numbers_as_one_reads_them():
    assert [seconds(x) for x in (2e-9, 4.2e-6, 0.0123, 0.9, 1.5, 131.4)] == [
        "0.00 µs", "4.20 µs", "12.3 ms", "900 ms", "1.50 s", "131 s"]
    assert [times(x) for x in (0.873, 1.04, 4.26, 35.0, 1234.5)] == [
        "0.87", "1.04", "4.3", "35.0", "1234"]
