"""Do two values agree? Numbers, arrays, tensors, texts and what is made of them, with a tolerance.

`difference` says in one sentence how a student's value differs from the expected one; `brief`
writes a value on one line. Neither imports torch: a tensor is known by its methods.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def difference(mine: Any, expected: Any, tolerance: float = 1e-6) -> str | None:
    """Return how ``mine`` differs from ``expected``, or None when they agree.

    Numbers agree within ``tolerance``, relative to the expected number where that exceeds one.
    """
    if mine is Ellipsis:
        return "a part is still `...`"
    if mine is None and expected is not None:
        return f"wanted {kind(expected)}, given None: is there a `return`?"
    if isinstance(expected, str) or expected is None:
        if type(mine) is not type(expected):
            return _wrong_kind(mine, expected)
        return None if mine == expected else f"wanted {expected!r}, given {mine!r}"
    if isinstance(expected, Mapping):
        return _mapping(mine, expected, tolerance)
    if isinstance(expected, Sequence):
        return _sequence(mine, expected, tolerance)
    if _is_numeric(expected):
        return _numbers(mine, expected, tolerance)
    if type(mine) is not type(expected):
        return _wrong_kind(mine, expected)
    return None if mine == expected else f"wanted {brief(expected)}, given {brief(mine)}"


def kind(value: Any) -> str:
    """Say what a value is, for people: "an array of shape (2, 3)"."""
    if isinstance(value, bool | np.bool_):
        return "True or False"
    if _is_tensor(value):
        return f"a tensor of shape {tuple(value.shape)}" if value.ndim else "a number"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}" if value.ndim else "a number"
    if isinstance(value, int | float | np.number):
        return "a number"
    if callable(value):
        return "a function"
    names = {"str": "a text", "dict": "a dictionary", "NoneType": "None"}
    name = type(value).__name__
    return names.get(name, f"a {name}")


def brief(value: Any, width: int = 240) -> str:
    """Write a value on few lines, cut where it is long."""
    if _is_tensor(value):
        value = value.detach().cpu()
    if isinstance(value, np.generic):
        value = value.item()
    with np.printoptions(precision=6, threshold=40, edgeitems=3, suppress=True):
        text = f"{value:.9g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= width else f"{text[: width - 2]} …"


def _numbers(mine: Any, expected: Any, tolerance: float) -> str | None:
    if not _is_numeric(mine):
        return _wrong_kind(mine, expected)
    if _is_tensor(expected) and expected.ndim and not _is_tensor(mine):
        return _wrong_kind(mine, expected)
    ours, theirs = _array(mine), _array(expected)
    if ours.shape != theirs.shape:
        return f"wanted {kind(expected)}, given {kind(mine)}"
    if not ours.size:
        return None
    lost = np.isnan(ours) & ~np.isnan(theirs)
    if lost.any():
        share = f"{int(lost.sum())} of {ours.size} values are NaN" if ours.ndim else "it is NaN"
        return f"{share}: a division by zero, or a logarithm of zero?"
    with np.errstate(invalid="ignore"):
        gap = np.abs(ours - theirs)
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))     # infinities, too
    allowed = tolerance * np.maximum(1, np.abs(np.where(np.isfinite(theirs), theirs, 1)))
    wrong = ~(same | (gap <= allowed))
    if not wrong.any():
        return None
    if not ours.ndim:
        return f"wanted {_short(theirs[()])}, given {_short(ours[()])}"
    at = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
    where = ", ".join(map(str, at))
    return (
        f"{int(wrong.sum())} of {ours.size} values differ; the first at [{where}]: "
        f"wanted {_short(theirs[at])}, given {_short(ours[at])}"
    )


def _mapping(mine: Any, expected: Mapping[Any, Any], tolerance: float) -> str | None:
    if not isinstance(mine, Mapping):
        return _wrong_kind(mine, expected)
    for words, keys in (("lacks", expected.keys() - mine.keys()),
                        ("has, beyond what is wanted,", mine.keys() - expected.keys())):
        if keys:
            return f"the dictionary {words} {', '.join(sorted(map(repr, keys)))}"
    for key, value in expected.items():
        if found := difference(mine[key], value, tolerance):
            return f"at {key!r}: {found}"
    return None


def _sequence(mine: Any, expected: Sequence[Any], tolerance: float) -> str | None:
    if isinstance(mine, str) or not isinstance(mine, Sequence):
        return _wrong_kind(mine, expected)
    if len(mine) != len(expected):
        return f"wanted {len(expected)} values, given {len(mine)}"
    for place, (ours, theirs) in enumerate(zip(mine, expected, strict=True)):
        if found := difference(ours, theirs, tolerance):
            return f"at position {place}: {found}"
    return None


def _wrong_kind(mine: Any, expected: Any) -> str:
    given = kind(mine) if mine is None or callable(mine) else f"{kind(mine)}, {brief(mine, 60)}"
    return f"wanted {kind(expected)}, given {given}"


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "detach") and hasattr(value, "cpu") and hasattr(value, "shape")


def _is_numeric(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biuf"
    return _is_tensor(value) or isinstance(value, bool | np.bool_ | int | float | np.number)


def _array(value: Any) -> Any:
    if _is_tensor(value):
        value = value.detach().cpu().double().numpy()
    return np.asarray(value, dtype=float)


def _short(value: Any) -> str:
    number = float(value)
    return str(int(number)) if math.isfinite(number) and number.is_integer() else f"{number:.6g}"
