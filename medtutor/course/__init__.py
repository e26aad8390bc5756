"""The course machinery: chapters, runs, claims, exercises. It knows no method and imports no torch.

What a chapter notebook needs stands here under one name, and each is imported when first used::

    from medtutor.course import check, load_chapter, show, show_figure
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from medtutor.course.show import show  # at once: its module has the same name

if TYPE_CHECKING:
    from medtutor.course.chapter import list_chapters, load_chapter
    from medtutor.course.exercises import check
    from medtutor.course.figures import show_figure
    from medtutor.course.slider import scrub

_HOME = {
    "load_chapter": "chapter",
    "list_chapters": "chapter",
    "check": "exercises",
    "show_figure": "figures",
    "scrub": "slider",
}
__all__ = ["check", "list_chapters", "load_chapter", "scrub", "show", "show_figure"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
