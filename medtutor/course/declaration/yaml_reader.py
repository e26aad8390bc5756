"""YAML as the course reads it: safe, no key twice, ``1e-3`` is a number."""

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml


class YamlError(ValueError):
    """The file is not the YAML it should be; the message says where and why."""


def read_mapping(path: Path) -> dict[str, Any]:
    """Return the keys and values of a YAML file, or raise :class:`YamlError` with the line."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise YamlError("wanted this file, given nothing: it does not exist") from None
    except UnicodeDecodeError as error:
        raise YamlError(f"wanted UTF-8 text, given other bytes ({error.reason})") from None
    try:
        content = yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        given = text.splitlines()[line - 1].strip() if 0 < line <= len(text.splitlines()) else ""
        raise YamlError(f"line {line}: wanted YAML, given {given!r}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise YamlError(f"wanted YAML: {error}") from None
    if not isinstance(content, dict):
        kind = "nothing" if content is None else type(content).__name__
        raise YamlError(f"wanted keys with values (`number: 14`), given {kind}")
    return {str(key): value for key, value in content.items()}


class _Loader(yaml.SafeLoader):
    """Plain data only; a key that stands twice is an error, where PyYAML keeps the second."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            key = key_node.value
            if key in seen:
                first, mark = seen[key], key_node.start_mark
                problem = f"the key {key!r} stands twice, first in line {first}: keep one"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
            seen[key] = key_node.start_mark.line + 1
        return super().construct_mapping(node, deep=deep)


# YAML 1.1 wants a dot in 1.0e-3 and reads 1e-3 as text, which no author of a learning rate expects.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
)
