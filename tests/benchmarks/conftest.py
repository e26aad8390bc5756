"""The benchmarks are no part of the package: their tests find them in the checkout."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))


@pytest.fixture
def fake():
    """A case that takes no time worth speaking of, with peers that are there, absent and broken."""
    import torch

    from benchmarks.case import Case

    def made(size=1000, op="warp", **changes):
        x = torch.ones(size)

        def absent():
            raise ImportError("No module named 'torchio'")

        def broken():
            def call():
                raise RuntimeError("out of memory\nlong trace")

            return call

        given = {
            "ours": lambda: x * 2,
            "peers": {
                "monai": lambda: lambda: x + x + x,
                "torchio": absent,
                "reference": lambda: lambda: torch.stack([x, x]).sum(0),
                "torch eager": broken,
            },
            "wanted": {"monai": 1e-6, "floor": 1e-6, "torchio": 2.0},
            **changes,
        }
        return Case(op, f"{size} float32", 8 * size, **given)

    return made


@pytest.fixture
def without_copies(monkeypatch):
    """No memory and no second thread are measured: most of the time that a small case takes."""
    from benchmarks.measuring import measure

    monkeypatch.setattr(measure, "_peak", lambda *given: 1.0)
    monkeypatch.setattr(measure, "_with_two_threads", lambda *given: None)
