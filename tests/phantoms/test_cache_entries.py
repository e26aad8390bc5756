"""An entry of the cache: values of every kind come back, and damage is noticed."""

import os
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtutor.phantoms import cache_key
from medtutor.phantoms.cache import cached, entries
from medtutor.phantoms.cache_entries import DAMAGE, pack, read_entry, unpack, write_entry
from medtutor.phantoms.organs import organs
from medtutor.phantoms.pet import pet

from .conftest import same

pytestmark = pytest.mark.usefixtures("folder")


@dataclass(frozen=True)
class Held:
    images: np.ndarray
    table: pd.DataFrame


HELD = Held(np.arange(12.0).reshape(3, 4), pd.DataFrame({"kind": ["a", "b"], "size": [1.5, 2]}))


def held(module, name):
    if name != "Held":
        raise LookupError(name)
    return Held


@pytest.mark.parametrize("damage", ["cut", "empty", "other bytes", "a zip of something else"])
def test_a_damaged_entry_is_made_again(damage):
    made = cached(organs, 2, size=(16, 16), areas=(0.2,))
    (entry,) = entries()
    os.chmod(entry.path, 0o666)
    content = bytearray(entry.path.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "empty":
        content = b""
    elif damage == "other bytes":
        content[300:310] = b"0123456789"
    if damage.startswith("a zip"):
        entry.path.unlink()
        np.savez(entry.path, x=np.arange(3))
    else:
        entry.path.write_bytes(content)
    same(cached(organs, 2, size=(16, 16), areas=(0.2,)), made)
    (again,) = entries()
    assert again.call.startswith("organs(2, size=(16, 16)")


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_whatever_happens_to_a_file_it_gives_what_was_written_or_says_so(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "one.npz"
    with path.open("wb") as file:
        write_entry(file, HELD, {"key": "k"})
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
    else:
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    path.write_bytes(content)
    try:
        found = read_entry(path, "k", held)
    except DAMAGE:
        return
    same(found, HELD)


def test_an_entry_makes_no_class_but_the_phantoms_own(tmp_path):
    path = tmp_path / "x.npz"
    with path.open("wb") as file:
        write_entry(file, HELD, {"key": "k"})
    code = cache_key.code_of(organs)
    with pytest.raises(LookupError, match="no dataclass of the phantom's own"):
        read_entry(path, "k", code.dataclass_of)
    for module, name in (("subprocess", "Popen"), ("medtutor.phantoms.organs", "organs"),
                         ("medtutor.phantoms.organs", "np.ndarray")):  # fmt: skip
        with pytest.raises(LookupError):
            code.dataclass_of(module, name)


def test_nothing_is_pickled(folder):
    cached(pet, 1, size=(32, 32))
    (path,) = folder.glob("*.npz")
    with np.load(path, allow_pickle=False) as found:
        assert all(found[name].size for name in found.files if name != "entry.json")
    assert not os.access(path, os.W_OK) or os.geteuid() == 0
    assert path.stat().st_mode & 0o222 == 0


# Values of every kind.

text = st.text(max_size=5)
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text
tables = st.builds(
    lambda a, b, start: pd.DataFrame(
        {"a": a[: len(b)], "b": b[: len(a)], "c": pd.Categorical(b[: len(a)])},
        index=pd.RangeIndex(start, start + min(len(a), len(b)), name="image"),
    ),
    st.lists(st.floats(allow_nan=False), max_size=4), st.lists(text, max_size=4), st.integers(0, 9),
)
arrays = st.builds(
    lambda shape, kind: np.arange(int(np.prod(shape))).astype(kind).reshape(shape),
    st.lists(st.integers(0, 3), max_size=3), st.sampled_from("?bihfdFU"),
)
anything = st.recursive(
    plain | tables | arrays,
    lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple)
    | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)


@given(anything)
@settings(max_examples=60, deadline=None)
def test_packing_and_unpacking_gives_the_same(value):
    kept = []
    compare(unpack(pack(value, kept), kept, held), value)


def compare(one, other):
    assert type(one) is type(other)
    if isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            compare(a, b)
    elif isinstance(one, dict):
        assert [*one] == [*other]
        compare([*one.values()], [*other.values()])
    else:
        same(one, other)


def test_numpy_numbers_and_missing_text():
    kept = []
    value = (np.float32(0.1), np.int64(3), float("inf"))
    back = unpack(pack(value, kept), kept, held)
    assert back == value and [type(x) for x in back] == [type(x) for x in value]
    table = pd.DataFrame({"kind": ["a", None]}, index=["x", "y"])
    same(unpack(pack(table, kept), kept, held), table)
