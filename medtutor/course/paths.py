"""Where things lie: the repository, its chapters, its results, its throw-away folder."""

from pathlib import Path


class RepositoryNotFound(ValueError):
    """No folder with the course's chapters, neither here nor beside the package."""


def repository() -> Path:
    """Return the folder that holds ``notebooks/``.

    It is looked for from the current folder upwards (a folder with ``notebooks/`` beside a
    ``pyproject.toml``), then beside the package. A course of one's own, kept in its own repository,
    is therefore found as this one is.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if _is_repository(folder):
            return folder
    beside_package = Path(__file__).resolve().parents[2]
    if _is_repository(beside_package):
        return beside_package
    raise RepositoryNotFound(
        f"wanted a folder with notebooks/ and pyproject.toml, looked from {here} upwards and at "
        f"{beside_package}: change into a checkout of medtutor and try again"
    )


def notebooks_folder() -> Path:
    """Return the folder with one folder a chapter."""
    return repository() / "notebooks"


def results_folder() -> Path:
    """Return the folder of the committed measurements."""
    return repository() / "book" / "results"


def build_folder() -> Path:
    """Return the folder of all that can be made again; git ignores it. It may not exist yet."""
    return repository() / "build"


def shown(path: Path) -> str:
    """Return a path as people want to read it: relative to the repository where it lies inside."""
    try:
        return path.resolve().relative_to(repository().resolve()).as_posix()
    except ValueError:
        return str(path)


def _is_repository(folder: Path) -> bool:
    return (folder / "notebooks").is_dir() and (folder / "pyproject.toml").is_file()
