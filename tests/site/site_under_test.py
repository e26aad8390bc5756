"""The sites that tests look at: a small made-up one, and the real one from the last execution."""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest
from made_up_course import make_course

from medtutor.course.pages import api_reference
from medtutor.course.paths import build_folder
from medtutor.course.site import build

REPOSITORY = Path(__file__).resolve().parents[2]


@contextmanager
def working_in(folder: Path):
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def build_made_up_site(folder: Path) -> Path:
    """Build a course of one chapter; of the API reference it has a few modules, to be quick."""
    whole = api_reference.public_modules
    course = make_course(folder, REPOSITORY / "book")
    with pytest.MonkeyPatch.context() as patch, working_in(course):
        patch.setattr(
            api_reference,
            "public_modules",
            lambda package: [m for m in whole(package) if m.name.endswith(("wording", "schema"))],
        )
        return build().parent


def real_site() -> Path:
    """Return the site of this repository, built anew when something it shows is newer."""
    with working_in(REPOSITORY):
        executed = list((build_folder() / "executed").glob("*.ipynb"))
        if not executed:
            pytest.skip("not run: no chapter has been executed; make book, or medtutor run all")
        inputs = [*executed, *_files("book"), *_files("medtutor"), *_files("notebooks")]
        page = build_folder() / "site" / "index.html"
        newest = max(file.stat().st_mtime for file in inputs)
        if not page.is_file() or page.stat().st_mtime < newest:
            page = build()
        return page.parent


def _files(folder: str) -> list[Path]:
    return [
        file
        for file in (REPOSITORY / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    ]
