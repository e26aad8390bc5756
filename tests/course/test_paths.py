"""The repository is found from any folder in it, and its absence is said."""

from pathlib import Path

import pytest

from medtutor.course import paths


@pytest.fixture
def other_course(tmp_path):
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "notebooks/14_combo_loss").mkdir(parents=True)
    return tmp_path


def test_found_from_inside(other_course, monkeypatch):
    for folder in (other_course, other_course / "notebooks/14_combo_loss"):
        monkeypatch.chdir(folder)
        assert paths.repository() == other_course
    assert paths.notebooks_folder() == other_course / "notebooks"
    assert paths.results_folder() == other_course / "book/results"
    assert paths.build_folder() == other_course / "build"


def test_found_beside_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert paths.repository() == Path(paths.__file__).parents[2]


def test_absent_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(paths, "__file__", str(tmp_path / "site-packages/medtutor/course/paths.py"))
    with pytest.raises(paths.RepositoryNotFound, match="wanted a folder with notebooks/ .* change"):
        paths.repository()


def test_shown_relative_where_inside(other_course, monkeypatch):
    monkeypatch.chdir(other_course)
    assert paths.shown(other_course / "notebooks/x.yml") == "notebooks/x.yml"
    assert paths.shown(Path("/elsewhere/x.yml")) == "/elsewhere/x.yml"
