"""What the tests of the cache share: a cache of their own, and a made-up phantom."""

import importlib
import sys
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from medtutor.phantoms import cache


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of a cache of its own, still absent."""
    monkeypatch.setenv("MEDTUTOR_CACHE", str(tmp_path / "kept"))
    monkeypatch.delenv("MEDTUTOR_CACHE_LIMIT", raising=False)
    monkeypatch.setattr(cache, "_started", lambda: np.inf)  # files were edited before we started
    return tmp_path / "kept" / "phantoms"


@pytest.fixture
def made_up(tmp_path, monkeypatch):
    """Write a module of a made-up package, import it anew, and return it."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(**sources):
        package = tmp_path / "made_up"
        package.mkdir(exist_ok=True)
        for name, text in sources.items():
            (package / f"{name}.py").write_text(text)
        for name in [n for n in sys.modules if n.split(".")[0] == "made_up"]:
            del sys.modules[name]
        importlib.invalidate_caches()
        sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
        try:
            return importlib.import_module("made_up.phantom")
        finally:
            sys.dont_write_bytecode = before

    yield write
    for name in [n for n in sys.modules if n.split(".")[0] == "made_up"]:
        del sys.modules[name]


PHANTOM = """
import numpy as np
from made_up.shapes import level
calls = []
def square(count, *, side=4, seed=0):
    calls.append((count, side, seed))
    return level() + np.random.default_rng(seed).random((count, side, side))
"""


def same(one, other):
    """Whether two values are alike to the last bit, types and all."""
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype and type(one) is type(other)
        np.testing.assert_array_equal(one, other)
    elif hasattr(one, "__dataclass_fields__"):
        assert type(one) is type(other)
        for field in fields(one):
            same(getattr(one, field.name), getattr(other, field.name))
    else:
        assert one == other and type(one) is type(other)
