"""What one arm at one seed came to, in plain values that can be stored without pickle."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch


@dataclass
class Outcome:
    """Scores of one arm at one seed, and what they cost.

    Args:
        scores: metric -> value over the whole test set.
        cases: metric -> a value for each test case, in the same order for every arm.
        parameters: numbers that were trained.
        steps: updates of the weights.
        images_seen: images that went through training, repeats counted.
        seconds: of training.
        extra: pictures, curves: numbers, text, lists, dicts and arrays. A dataclass (a History)
            is kept as a dict, a tensor as an array.
    """

    scores: dict[str, float]
    cases: dict[str, list[float]] = field(default_factory=dict)
    parameters: int = 0
    steps: int = 0
    images_seen: int = 0
    seconds: float = 0.0
    extra: dict[str, Any] = field(default_factory=dict)

    def plain(self) -> Outcome:
        """The same in plain Python values and arrays, as a stored outcome would come back."""
        plain = Outcome(**_plain(dataclasses.asdict(self), "outcome"))
        plain.cases = {name: [float(v) for v in values] for name, values in plain.cases.items()}
        return plain


def save_outcome(path: Path, outcome: Outcome, about: Mapping[str, Any]) -> None:
    """Write an outcome to a .npz of arrays and one JSON text; whole or not at all."""
    arrays: dict[str, np.ndarray] = {}

    def park(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            name = f"array_{len(arrays)}"
            arrays[name] = value
            return {"__array__": name}
        if isinstance(value, dict):
            return {key: park(item) for key, item in value.items()}
        if isinstance(value, list):
            return [park(item) for item in value]
        return value

    body = {"about": dict(about), "outcome": park(dataclasses.asdict(outcome.plain()))}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, json=np.array(json.dumps(body)), **arrays)
    write_whole(path, buffer.getvalue())


def load_outcome(path: Path) -> tuple[Outcome, dict[str, Any]]:
    """Read what ``save_outcome`` wrote: the outcome, and what it was said to be about."""
    with np.load(path, allow_pickle=False) as stored:
        body = json.loads(str(stored["json"]))

        def fetch(value: Any) -> Any:
            if isinstance(value, dict):
                if set(value) == {"__array__"}:
                    return stored[value["__array__"]]
                return {key: fetch(item) for key, item in value.items()}
            return [fetch(item) for item in value] if isinstance(value, list) else value

        return Outcome(**fetch(body["outcome"])), body["about"]


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name beside it, then rename: never half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _plain(value: Any, where: str) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().float() if value.dtype == torch.bfloat16 else value.detach()
        return value.cpu().numpy() if value.ndim else value.item()
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(dataclasses.asdict(value), where)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    raise TypeError(
        f"{where} must be a number, text, list, dict, array or dataclass, to be stored; "
        f"got {type(value).__name__}"
    )
