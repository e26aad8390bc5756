"""Checkpoints: written whole or not at all, read without pickle, refused by another run."""

from __future__ import annotations

import io
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from medtutor.experiment.batches import take, tensors
from medtutor.experiment.outcome import write_whole


class CheckpointError(ValueError):
    """A checkpoint cannot be read, or belongs to another run."""


def describe_run(
    model: nn.Module, loss: Any, augment: Any, optimizer: Any, data: Any, **settings: Any
) -> dict[str, Any]:
    """What must be the same for a run to go on from a checkpoint: all but the number of steps."""
    return {
        "model": type(model).__name__,
        "weights": {name: list(value.shape) for name, value in model.state_dict().items()},
        "loss": _name(loss),
        "augment": _name(augment),
        "optimizer": type(optimizer).__name__,
        "data": [[*x.shape, str(x.dtype)] for x in tensors(data)],
        "first images": zlib.crc32(
            b"".join(
                x.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
                for x in tensors(take(data, slice(0, 8)))
                if x.ndim
            )
        ),
        **settings,
    }


def save_checkpoint(path: str | Path, about: dict[str, Any], state: dict[str, Any]) -> None:
    """Write state under a temporary name, then rename: a killed run leaves the previous one."""
    buffer = io.BytesIO()
    torch.save({"about": about, "state": state}, buffer)
    write_whole(Path(path), buffer.getvalue())


def load_checkpoint(path: str | Path, about: dict[str, Any]) -> dict[str, Any] | None:
    """The stored state, or None where there is no such file.

    Raises:
        CheckpointError: unreadable, or of a run that differs; the message names the difference.
    """
    path = Path(path)
    if not path.exists():
        return None
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        there, state = stored["about"], stored["state"]
    except Exception as error:
        raise CheckpointError(
            f"checkpoint {path} cannot be read ({type(error).__name__}): delete it to start anew"
        ) from error
    for key in about:
        if there.get(key) != about[key]:
            raise CheckpointError(
                f"checkpoint {path} belongs to another run: {_difference(key, there, about)}; "
                "give another path, or delete it to start anew"
            )
    return state


def _difference(key: str, there: dict[str, Any], here: dict[str, Any]) -> str:
    if key == "weights" and isinstance(there.get(key), dict):
        old, new = there[key], here[key]
        name = next(n for n in (*new, *old) if old.get(n) != new.get(n))
        return f"weight {name} has shape {old.get(name)} there, {new.get(name)} here"
    return f"{key} is {there.get(key)!r} there, {here[key]!r} here"


def _name(function: Any) -> str | None:
    if function is None:
        return None
    if isinstance(function, partial):
        return f"{_name(function.func)}{function.args or ''}{sorted(function.keywords.items())}"
    return getattr(function, "__qualname__", type(function).__name__)
