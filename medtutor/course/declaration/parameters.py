"""The values of one run: the profile's, with what was asked for in their place."""

from collections.abc import Mapping, Sequence
from typing import Any

from medtutor.course.chapter import Chapter
from medtutor.course.declaration.explain import nearest
from medtutor.course.declaration.schema import (
    RESERVED,
    TYPES_IN_WORDS,
    ParameterType,
    expanded,
    is_of_type,
)


class WrongParameter(ValueError):
    """A parameter has a value of another type than the chapter declares."""


class UnknownParameter(WrongParameter):
    """The chapter has no such parameter, or no such data set; the message lists those it has."""


def resolve(
    chapter: Chapter,
    profile: str,
    dataset: str = "default",
    parameters: Mapping[str, Any] | None = None,
    seeds: Sequence[int] | None = None,
) -> dict[str, Any]:
    """Return the value of every parameter, as papermill is to inject them."""
    values = chapter.values(profile)
    sets = ["default", *chapter.data.real]
    if dataset not in sets:
        raise UnknownParameter(
            f"{chapter.name}: dataset: wanted one of {', '.join(sets)}, given {dataset!r}"
            f"{nearest(dataset, sets)}"
        )
    values["dataset"] = dataset
    given = dict(parameters or {})
    if seeds is not None:
        given["seeds"] = list(seeds)
    for name, value in given.items():
        kind = _kind(chapter, name)
        if not is_of_type(value, kind):
            raise WrongParameter(
                f"{chapter.name}: parameter {name}: wanted {TYPES_IN_WORDS[kind]}, given {value!r}"
            )
        values[name] = expanded(value, kind)
    if not values["seeds"] or len(set(values["seeds"])) < len(values["seeds"]):
        raise WrongParameter(
            f"{chapter.name}: seeds: wanted at least one, each once, given {values['seeds']}"
        )
    return values


def parse(chapter: Chapter, assignment: str) -> tuple[str, Any]:
    """Read ``name=value`` as the command line has it: ``epochs=3``, ``weights=0.1,0.9``."""
    name, sign, text = assignment.partition("=")
    if not sign:
        raise WrongParameter(f"wanted -p name=value, given {assignment!r}")
    kind = _kind(chapter, name.strip())
    try:
        return name.strip(), parse_value(text.strip(), kind)
    except ValueError:
        raise WrongParameter(
            f"{chapter.name}: parameter {name.strip()}: wanted {TYPES_IN_WORDS[kind]}, "
            f"given {text.strip()!r}"
        ) from None


def parse_value(text: str, kind: ParameterType) -> Any:
    """Read one value. Lists have commas; ``5`` as a list of numbers is a count, ``5,`` a list."""
    if kind in ("ints", "floats", "strs"):
        if kind == "ints" and text.isdecimal():
            return int(text)
        items = [item.strip() for item in text.strip("[]").split(",") if item.strip()]
        read = {"ints": int, "floats": float, "strs": str}[kind]
        return [read(item) for item in items]
    if kind == "bool":
        if text.lower() not in ("true", "false"):
            raise ValueError(text)
        return text.lower() == "true"
    return {"int": int, "float": float, "str": str}[kind](text)


def _kind(chapter: Chapter, name: str) -> ParameterType:
    if name in chapter.parameters:
        return chapter.parameters[name].type
    if name in RESERVED:
        raise UnknownParameter(f"{name}: wanted as --{name}, given as a parameter (-p)")
    known = ", ".join(chapter.parameters)
    raise UnknownParameter(
        f"{chapter.name}: wanted one of the parameters {known}, given {name!r}"
        f"{nearest(name, chapter.parameters)}"
    )
