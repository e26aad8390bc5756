"""Pages of the book that are notebooks: executed when the book is built, if they are not already.

``book/phantoms.ipynb`` is one. It makes no claims and has no exercises, so it is no chapter; all it
needs is in the package and, where they are here, in real sets.
"""

from dataclasses import dataclass
from pathlib import Path

from medtutor.course.declaration.schema import Budget
from medtutor.course.paths import build_folder, repository
from medtutor.course.run import execute

BUDGET = Budget(seconds=120, memory_gb=3)
"""Of one page, on two CPU cores: a limit, twice what the page of phantoms takes."""


@dataclass(frozen=True)
class Appendix:
    """A notebook in ``book/``.

    Attributes:
        notebook: the file, stored without outputs.
    """

    notebook: Path

    @property
    def name(self) -> str:
        """Its name and that of its page, ``phantoms``."""
        return self.notebook.stem

    @property
    def folder(self) -> Path:
        """Where its kernel runs."""
        return self.notebook.parent

    def output(self, executed: Path | None = None) -> Path:
        """Where the executed notebook lies, or will; ``build/executed`` when no folder is given."""
        return (executed or build_folder() / "executed") / self.notebook.name

    def is_current(self, executed: Path | None = None) -> bool:
        """Whether it was executed after its last change and after that of the package."""
        output = self.output(executed)
        if not output.is_file():
            return False
        package = Path(__file__).resolve().parents[1]
        sources = [self.notebook, *package.rglob("*.py"), *package.rglob("*.toml")]
        return max(file.stat().st_mtime for file in sources) <= output.stat().st_mtime


def appendices() -> list[Appendix]:
    """Return the notebooks in ``book/``, by name."""
    return [Appendix(file) for file in sorted((repository() / "book").glob("*.ipynb"))]


def execute_appendices(executed: Path | None = None) -> list[Path]:
    """Execute those that are not current; returns the files written.

    Raises:
        RunError: a cell failed, the kernel died, or the budget was not kept.
    """
    return [
        execute(appendix, {"profile": "book"}, BUDGET, executed)[1]
        for appendix in appendices()
        if not appendix.is_current(executed)
    ]
