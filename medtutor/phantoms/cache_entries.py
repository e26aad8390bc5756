"""A phantom as one file and back: arrays as .npy inside a zip, all else as JSON, nothing pickled.

The file is one that ``numpy.load`` opens too. Each member has a checksum, so damage is noticed.
"""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

CONTENTS = "entry.json"
# What reading raises where a file is not what was written.
DAMAGE = (OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, MemoryError,
          NotImplementedError, RuntimeError, zipfile.BadZipFile)  # fmt: skip
Classes = Callable[[str, str], type]
"""Gives a dataclass by module and name, or raises LookupError where it may not be made."""


def pack(value: Any, arrays: list[np.ndarray]) -> Any:
    """A value as something JSON can hold; its arrays are appended to `arrays`.

    Args:
        value: None, a number, text, an array, a DataFrame, a dataclass, or a tuple, list or
            dictionary of these.
        arrays: filled in the order of their numbers in what is returned.

    Raises:
        TypeError: something else; the message names its type.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, np.generic):
        return {"number": _keep(np.asarray(value), arrays)}
    if type(value) is np.ndarray:
        return {"array": _keep(value, arrays)}
    if type(value) in (tuple, list):
        return {type(value).__name__: [pack(item, arrays) for item in value]}
    if type(value) is dict:
        return {"dict": [[pack(k, arrays), pack(v, arrays)] for k, v in value.items()]}
    if type(value) is pd.DataFrame:
        return {"frame": _pack_frame(value, arrays)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kind = type(value)
        kept = {f.name: pack(getattr(value, f.name), arrays) for f in dataclasses.fields(value)}
        return {"dataclass": [kind.__module__, kind.__qualname__], "fields": kept}
    raise TypeError(
        "the cache keeps numbers, text, arrays, DataFrames and dataclasses, tuples, lists and "
        f"dictionaries of these; given {type(value).__module__}.{type(value).__qualname__}"
    )


def unpack(tree: Any, arrays: list[np.ndarray], classes: Classes) -> Any:
    """The value that `pack` was given; dataclasses are made by `classes` alone."""
    if not isinstance(tree, dict):
        return tree
    (kind, held), *_ = tree.items()
    if kind == "number":
        return arrays[held][()]
    if kind == "array":
        return arrays[held]
    if kind in ("tuple", "list"):
        items = [unpack(item, arrays, classes) for item in held]
        return items if kind == "list" else tuple(items)
    if kind == "dict":
        return {unpack(k, arrays, classes): unpack(v, arrays, classes) for k, v in held}
    if kind == "frame":
        return _unpack_frame(held, arrays)
    if kind == "dataclass":
        fields = {name: unpack(item, arrays, classes) for name, item in tree["fields"].items()}
        return classes(*held)(**fields)
    raise ValueError(f"unknown kind {kind!r}")


def write_entry(file: IO[bytes], value: Any, about: Mapping[str, Any]) -> None:
    """Write a value and what is said about it.

    Raises:
        TypeError: the value holds something that `pack` does not know.
    """
    arrays: list[np.ndarray] = []
    text = json.dumps({"about": dict(about), "value": pack(value, arrays), "arrays": len(arrays)})
    with zipfile.ZipFile(file, "w") as entry:
        for number, array in enumerate(arrays):
            with entry.open(f"{number}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
        entry.writestr(CONTENTS, text)


def read_entry(path: Path, key: str, classes: Classes) -> Any:
    """The value in a file, each array a copy of the caller's own.

    Raises:
        FileNotFoundError: no such file.
        Exception: one of `DAMAGE`: it is not what was written, or another entry than `key`.
    """
    with zipfile.ZipFile(path) as entry:
        contents = json.loads(entry.read(CONTENTS))
        if contents["about"]["key"] != key:
            raise ValueError(f"{path} holds another entry")
        # Whole members are read, and so held to their checksums, before anything is made of them.
        arrays = [
            np.lib.format.read_array(io.BytesIO(entry.read(f"{n}.npy")), allow_pickle=False)
            for n in range(contents["arrays"])
        ]
    return unpack(contents["value"], arrays, classes)


def read_about(path: Path) -> dict[str, Any]:
    """What was said about the value in a file; empty where it is damaged."""
    try:
        with zipfile.ZipFile(path) as entry:
            return dict(json.loads(entry.read(CONTENTS))["about"])
    except DAMAGE:
        return {}


def _keep(array: np.ndarray, arrays: list[np.ndarray]) -> int:
    if array.dtype.hasobject:
        raise TypeError(f"the cache keeps arrays of numbers and text; given dtype {array.dtype}")
    arrays.append(array)
    return len(arrays) - 1


def _pack_frame(frame: pd.DataFrame, arrays: list[np.ndarray]) -> dict[str, Any]:
    if not frame.columns.is_unique or not all(isinstance(name, str) for name in frame.columns):
        raise TypeError(f"a table's columns need different names, all text; got {[*frame.columns]}")
    index = frame.index
    if isinstance(index, pd.RangeIndex):
        rows: dict[str, Any] = {"range": [index.start, index.stop, index.step]}
    else:
        rows = {"values": _pack_column(pd.Series(index), arrays)}
    columns = [[name, _pack_column(frame[name], arrays)] for name in frame.columns]
    return {"index": rows, "name": pack(index.name, arrays), "columns": columns}


def _pack_column(column: pd.Series, arrays: list[np.ndarray]) -> dict[str, Any]:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biufcmM":
        return {"array": _keep(column.to_numpy(), arrays)}
    if isinstance(column.dtype, pd.CategoricalDtype):
        kinds = _pack_column(pd.Series(column.cat.categories), arrays)
        codes = _keep(column.cat.codes.to_numpy(), arrays)
        return {"codes": codes, "categories": kinds, "ordered": bool(column.cat.ordered)}
    values = [None if item is None or item is pd.NA or item != item else item for item in column]
    if not all(item is None or type(item) in (str, bool) for item in values):
        raise TypeError(
            f"the cache keeps columns of numbers, text and categories; column {column.name!r} of "
            f"dtype {column.dtype} holds others"
        )
    return {"text": values, "dtype": str(column.dtype)}


def _unpack_frame(held: dict[str, Any], arrays: list[np.ndarray]) -> pd.DataFrame:
    rows, name = held["index"], unpack(held["name"], arrays, _no_class)
    if "range" in rows:
        index: pd.Index = pd.RangeIndex(*rows["range"], name=name)
    else:
        index = pd.Index(_unpack_column(rows["values"], arrays), name=name)
    columns = {name: _unpack_column(column, arrays) for name, column in held["columns"]}
    return pd.DataFrame(columns, index=index)


def _unpack_column(column: dict[str, Any], arrays: list[np.ndarray]) -> Any:
    if "array" in column:
        return arrays[column["array"]]
    if "codes" in column:
        kinds = _unpack_column(column["categories"], arrays)
        codes = arrays[column["codes"]]
        return pd.Categorical.from_codes(codes, kinds, ordered=column["ordered"])
    return pd.array(column["text"], dtype=column["dtype"])


def _no_class(module: str, name: str) -> type:
    raise LookupError(f"{module}.{name} stands where no dataclass may stand")
