"""Turn what pydantic found wrong into sentences: which key, what was wanted, what was given."""

import difflib
import re
from collections.abc import Iterable
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

_WANTED = {
    "bool_type": "true or false",
    "dict_type": "keys with values",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
    "string_type": "text",
    "string_too_short": "text that is not empty",
}


class Wrong(ValueError):
    """A value that a model's own check refuses; ``key`` is added to the place pydantic knows."""

    def __init__(self, message: str, *key: str) -> None:
        super().__init__(message)
        self.key = key


def nearest(given: object, known: Iterable[str]) -> str:
    """Return ``": did you mean 'x'?"`` for the known name most like the given one, else nothing."""
    close = difflib.get_close_matches(str(given), list(known), n=1, cutoff=0.6)
    return f": did you mean {close[0]!r}?" if close else ""


def sentences(error: ValidationError, model: type[BaseModel], given: dict[str, Any]) -> list[str]:
    """Return one sentence for each thing wrong in ``given``, which ``model`` refused."""
    return [_sentence(dict(item), model, given) for item in error.errors(include_url=False)]


def _sentence(item: dict[str, Any], model: type[BaseModel], given: dict[str, Any]) -> str:
    kind, context, place = item["type"], item.get("ctx", {}), item["loc"]
    if place and place[-1] == "[key]":
        place = place[:-2] if kind == "literal_error" else place[:-1]
        if kind == "literal_error":                             # a dict whose keys are known
            return f"{_dotted(place, given)}: {_unknown_key(item['input'], _named(context))}"
    where = _dotted(place, given)
    if kind == "extra_forbidden":
        parent = _dotted(place[:-1], given)
        sentence = _unknown_key(place[-1], _fields(model, place[:-1]))
        return f"{parent}: {sentence}" if parent else sentence
    if kind == "missing":
        return f"{where}: wanted a value, given nothing"
    if kind == "value_error":
        cause = context["error"]
        extra = cause.key if isinstance(cause, Wrong) else ()
        full = _dotted((*place, *extra), given)
        return f"{full}: {cause}" if full else str(cause)
    if kind == "literal_error":
        known = _named(context)
        hint = nearest(item["input"], known)
        return f"{where}: wanted one of {', '.join(known)}, given {item['input']!r}{hint}"
    if kind == "string_pattern_mismatch":
        wanted = f"a name like {_example(context['pattern'])}"
    else:
        wanted = _WANTED.get(kind, item["msg"])
    return f"{where}: wanted {wanted}, given {item['input']!r}"


def _named(context: dict[str, Any]) -> list[str]:
    """Return the names in pydantic's list of what is expected: ``'a', 'b' or 'c'``."""
    return re.findall(r"'([^']*)'", context["expected"])


def _unknown_key(key: object, known: list[str]) -> str:
    return f"wanted one of the keys {', '.join(known)}, given {key!r}{nearest(key, known)}"


def _dotted(place: tuple[Any, ...], given: Any) -> str:
    """Return ``claims[small_structures].kind``: a list item by its id where it has one."""
    text = ""
    for step in place:
        try:
            given = given[step]
        except (KeyError, IndexError, TypeError):
            given = None
        if isinstance(step, int):
            name = given.get("id") if isinstance(given, dict) else None
            text += f"[{name if isinstance(name, str) else step}]"
        else:
            text += f".{step}" if text else str(step)
    return text


def _fields(model: type[BaseModel], place: tuple[Any, ...]) -> list[str]:
    """Return the keys that may stand at a place: through fields, lists, dicts and ``X | None``."""
    current: Any = model
    for step in place:
        if hasattr(current, "model_fields"):
            current = current.model_fields[step].annotation
        else:                                                   # list[X] or dict[name, X]
            current = get_args(current)[-1]
        if NoneType in get_args(current):
            current = get_args(current)[0]
    return list(current.model_fields)


def _example(pattern: str) -> str:
    return "medtutor.methods.layers.rbf_layers.rbf" if r"\." in pattern else "small_structures"
