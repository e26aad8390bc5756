"""Turn what pydantic found wrong into sentences: which key, what was wanted, what was given."""

import difflib
import re
from collections.abc import Iterable
from typing import Any

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
_LIMITS = {
    "greater_than": ("gt", ">"),
    "greater_than_equal": ("ge", ">="),
    "less_than": ("lt", "<"),
    "less_than_equal": ("le", "<="),
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
    elif kind in _LIMITS:
        name, sign = _LIMITS[kind]
        wanted = f"a number {sign} {context[name]}"
    else:
        wanted = _WANTED.get(kind, item["msg"])
    if kind in ("float_type", "int_type") and (bound := _bound(model, place)):
        wanted += bound
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


def _walk(model: type[BaseModel], place: tuple[Any, ...]) -> Any:
    """Return the field or model at a place of the schema, None where there is none."""
    current: Any = model
    for step in place:
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(str(step))
            if field is None:
                return None
            current = _inner(field.annotation) or field
    return current


def _inner(annotation: Any) -> type[BaseModel] | None:
    """Return the model inside ``X``, ``list[X]``, ``dict[str, X]`` or ``X | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        if found := _inner(part):
            return found
    return None


def _fields(model: type[BaseModel], place: tuple[Any, ...]) -> list[str]:
    found = _walk(model, place)
    if isinstance(found, type) and issubclass(found, BaseModel):
        return list(found.model_fields)
    return []


def _bound(model: type[BaseModel], place: tuple[Any, ...]) -> str:
    field = _walk(model, place)
    for rule in getattr(field, "metadata", ()):
        for name, sign in _LIMITS.values():
            if (limit := getattr(rule, name, None)) is not None:
                return f" {sign} {limit}"
    return ""


def _example(pattern: str) -> str:
    return "medtutor.methods.layers.rbf_layers.rbf" if r"\." in pattern else "small_structures"
