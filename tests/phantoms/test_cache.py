"""Made images on disk: the same to the last bit, never old, never damaged, never too many."""

import importlib
import os
import subprocess
import sys
import warnings
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtutor.course import cli
from medtutor.phantoms import cache, cache_key
from medtutor.phantoms.cache import cache_folder, cached, clear, entries, limit_bytes
from medtutor.phantoms.cache_entries import DAMAGE, pack, read_entry, unpack, write_entry
from medtutor.phantoms.chest_xray import chest_xray
from medtutor.phantoms.dermoscopy import dermoscopy, draw_dermoscopy
from medtutor.phantoms.glands import Laboratory, draw_glands, render_glands
from medtutor.phantoms.organs import organs
from medtutor.phantoms.pet import draw_pet, pet, render_pet


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
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


@pytest.mark.parametrize(("function", "parameters"), [
    (organs, dict(count=3, size=(16, 16), areas=(0.2,))),
    (pet, dict(count=2, size=(32, 32), seed=3)),
    (draw_glands, dict(count=2)),
    (draw_dermoscopy, dict(count=3)),
    (dermoscopy, dict(count=2, size=(32, 32))),
    (chest_xray, dict(count=2, size=(32, 32))),
])  # fmt: skip
def test_the_second_time_it_is_read_and_the_same(function, parameters, monkeypatch):
    first = cached(function, **parameters)
    monkeypatch.setattr(cache, "_keep", None)  # nothing may be kept, so nothing may be made
    second = cached(function, **parameters)
    same(first, second)
    same(first, function(**parameters))
    assert first is not second


def test_what_is_returned_is_ones_own():
    first = cached(organs, 2, size=(16, 16), areas=(0.2,))
    first.images[:] = 7
    second = cached(organs, 2, size=(16, 16), areas=(0.2,))
    second.images[:] = 8
    second.factors["noise"] = 9.0
    third = cached(organs, 2, size=(16, 16), areas=(0.2,))
    same(third, organs(2, size=(16, 16), areas=(0.2,)))


def test_scenes_and_own_laboratories_are_arguments_too():
    scenes = draw_pet(1)
    made = cached(render_pet, scenes, size=(32, 32))
    scenes.lesions["suv"] *= 2
    changed = cached(render_pet, scenes, size=(32, 32))
    same(changed, render_pet(scenes, size=(32, 32)))
    assert changed.images.max() > made.images.max()
    tissue = draw_glands(1)
    for amounts in ((1.0, 1.0), (2.0, 1.0)):
        cached(render_glands, tissue, size=(32, 32), laboratory=Laboratory(amounts=amounts))
    assert len(entries()) == 4


def test_each_argument_matters_and_a_default_is_one(made_up):
    module = made_up(phantom=PHANTOM, shapes="def level(): return 1.0")
    a = cached(module.square, 2)
    same(a, cached(module.square, 2, side=4, seed=0))
    same(a, cached(module.square, count=2))
    cached(module.square, 3)
    cached(module.square, 2, side=5)
    cached(module.square, 2, seed=1)
    assert module.calls == [(2, 4, 0), (3, 4, 0), (2, 5, 0), (2, 4, 1)]
    with pytest.raises(TypeError, match="argument"):
        cached(module.square, 2, colour="red")


def test_changed_code_never_serves_old_images(made_up):
    old = cached(made_up(phantom=PHANTOM, shapes="def level(): return 1.0").square, 2)
    module = made_up(phantom=PHANTOM, shapes="def level(): return 2.0")
    new = cached(module.square, 2)
    np.testing.assert_allclose(new, old + 1)
    back = made_up(phantom=PHANTOM, shapes="def level(): return 1.0")
    same(cached(back.square, 2), old)
    assert back.calls == []


def test_code_edited_while_the_program_runs_is_not_kept(made_up, monkeypatch):
    module = made_up(phantom=PHANTOM, shapes="def level(): return 1.0")
    monkeypatch.setattr(cache, "_started", lambda: 0.0)
    with pytest.warns(RuntimeWarning, match="changed after this program started"):
        cached(module.square, 2)
    assert entries() == []


def test_this_program_started_before_now_and_not_long_ago():
    code = "import time; from medtutor.phantoms import cache; print(time.time(), cache._started())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    now, started = map(float, done.stdout.split())
    assert -1 < now - started < 60


def test_the_code_of_a_phantom_is_followed_through_its_imports():
    code = cache_key.code_of(pet)
    names = ("pet", "pet_physics", "pet_scenes", "organ_shapes")
    wanted = {f"medtutor.phantoms.{name}" for name in names}
    assert wanted <= set(code.files)
    assert {"numpy", "scipy", "pandas"} <= code.packages
    assert "medtutor.phantoms.glands" not in code.files


@pytest.mark.parametrize("package", ["numpy", "nilearn"])
def test_another_version_of_a_package_below_gives_another_key(monkeypatch, package):
    code = cache_key.code_of(pet)
    before, version = code.digest(), cache_key._version
    monkeypatch.setattr(
        cache_key, "_version", lambda name: "next" if name == package else version(name)
    )
    assert code.digest() != before


def test_relative_imports_and_lazy_packages_are_followed(made_up):
    lazy = (
        "from importlib import import_module\n"
        "def __getattr__(name): return getattr(import_module('made_up.deep'), name)\n"
    )
    module = made_up(
        phantom="from .shapes import level\nfrom made_up.lazy import depth\ndef f(): return 1",
        shapes="from . import deeper\ndef level(): return 1.0", deeper="", lazy=lazy,
        deep="def depth(): return 3",
    )  # fmt: skip
    files = cache_key.code_of(module.f).files
    assert {f"made_up.{name}" for name in ("phantom", "shapes", "deeper", "lazy", "deep")} == {
        name for name in files if name.startswith("made_up.")
    }


@pytest.mark.parametrize("function", [lambda: 1, print, organs.__call__, type("A", (), {})])
def test_functions_without_a_module_of_their_own_are_refused(function):
    with pytest.raises((TypeError, ValueError)):
        cached(function)
    assert entries() == []


def test_what_cannot_be_kept_is_refused(made_up):
    source = "import numpy as np\ndef f(x=1): return np.array([object()])\ndef g(): return {1}\n"
    module = made_up(phantom=source)
    for call in (lambda: cached(module.f), lambda: cached(module.g),
                 lambda: cached(module.f, object())):  # fmt: skip
        with pytest.raises(TypeError, match="the cache keeps"):
            call()
    assert entries() == []


# Damage.

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


# Room.

def test_those_used_longest_ago_go_first(made_up, monkeypatch):
    module = made_up(phantom=PHANTOM, shapes="def level(): return 1.0")
    monkeypatch.setenv("MEDTUTOR_CACHE_LIMIT", "40 kB")  # an entry of side 40 holds 13 kB
    paths = []
    for seed in range(3):
        cached(module.square, 1, side=40, seed=seed)
        paths.append(next(e.path for e in entries() if f"seed={seed}" in e.call))
        os.utime(paths[-1], (1000 + seed, 1000 + seed))
    cached(module.square, 1, side=40, seed=0)  # used again
    cached(module.square, 1, side=40, seed=3)
    assert [path.exists() for path in paths] == [True, False, True]
    assert sum(entry.bytes for entry in entries()) <= limit_bytes()
    cached(module.square, 1, side=400)  # larger than all the room: made, not kept
    assert len(entries()) == 3


def test_a_limit_of_nothing_keeps_nothing(monkeypatch, folder):
    monkeypatch.setenv("MEDTUTOR_CACHE_LIMIT", "0")
    same(cached(organs, 1, size=(16, 16), areas=(0.2,)), organs(1, size=(16, 16), areas=(0.2,)))
    assert not folder.exists()


@pytest.mark.parametrize(("given", "wanted"), [
    ("2 GB", 2e9), ("500MB", 5e8), ("1.5 gb", 1.5e9), ("0", 0), ("64 kB", 64e3), ("7", 7),
    ("1T", None), ("lots", None), ("-1 GB", None),
])  # fmt: skip
def test_sizes(monkeypatch, given, wanted):
    monkeypatch.setenv("MEDTUTOR_CACHE_LIMIT", given)
    if wanted is None:
        with pytest.raises(ValueError, match="MEDTUTOR_CACHE_LIMIT wanted a size as 500 MB"):
            cached(organs, 1)
    else:
        assert limit_bytes() == wanted


def test_half_written_files_of_ended_programs_go(folder):
    folder.mkdir(parents=True)
    old, new = folder / ".old.part", folder / ".new.part"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    cached(organs, 1, size=(16, 16), areas=(0.2,))
    assert not old.exists() and new.exists()


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("MEDTUTOR_CACHE", str(tmp_path / "a file"))
    with pytest.warns(RuntimeWarning, match="cannot be written"):
        made = cached(organs, 1, size=(16, 16), areas=(0.2,))
    same(made, organs(1, size=(16, 16), areas=(0.2,)))


def test_a_full_disk_leaves_nothing_half_written(monkeypatch, folder):
    def full(file, value, about):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("medtutor.phantoms.cache_entries.write_entry", full)
    with pytest.warns(RuntimeWarning, match="No space left"):
        cached(organs, 1, size=(16, 16), areas=(0.2,))
    assert [*folder.iterdir()] == []


def test_several_processes_at_once(folder, tmp_path):
    """Four make, read and push out one another's entries; each gets what it asked for."""
    program = (
        "import numpy as np, sys, time\n"
        "from medtutor.phantoms import cache\n"
        "from medtutor.phantoms.organs import organs\n"
        "cache._started = lambda: np.inf\n"
        "for turn in range(12):\n"
        "    seed = turn % 4\n"
        "    a = cache.cached(organs, 1, size=(16, 16), areas=(0.2,), seed=seed)\n"
        "    b = organs(1, size=(16, 16), areas=(0.2,), seed=seed)\n"
        "    assert np.array_equal(a.images, b.images) and a.factors.equals(b.factors)\n"
    )
    environment = os.environ | {"MEDTUTOR_CACHE_LIMIT": "12 kB", "PYTHONWARNINGS": "error"}
    working = [
        subprocess.Popen([sys.executable, "-c", program], env=environment, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in working:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said.decode()
    assert not list(folder.glob(".*"))


def test_it_lies_where_it_is_told(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "kept" / "phantoms"
    monkeypatch.delenv("MEDTUTOR_CACHE")
    assert cache_folder().parts[-2:] == ("medtutor", "phantoms")


# The commands.

@pytest.fixture
def medtutor(monkeypatch, capfd):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["medtutor", "data", "cache", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capfd.readouterr()
        return ended.value.code, said.out, said.err

    return run


def test_list_and_clear(medtutor, folder):
    assert medtutor("list")[1] == f"0 entries, 0 B of at most 2.0 GB, in {folder}\n"
    cached(organs, 1, size=(16, 16), areas=(0.2,))
    cached(pet, 1, size=(32, 32))
    code, out, _ = medtutor("list")
    assert code == 0 and "organs(1, size=(16, 16), areas=(0.2,))" in out
    assert out.splitlines()[-1].startswith("2 entries, ")
    code, out, _ = medtutor("list", "--json")
    assert code == 0 and '"call": "pet(1, size=(32, 32))"' in out
    assert medtutor("clear", "pet")[1].startswith("removed 1 entry, ")
    assert [entry.name for entry in entries()] == ["organs"]
    assert medtutor("clear")[0] == 0 and entries() == [] == clear()
    assert [*folder.iterdir()] == []


def test_a_wrong_limit_is_wrong_use(medtutor, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_CACHE_LIMIT", "lots")
    code, _, err = medtutor("list")
    assert code == 2 and "wanted a size" in err


def test_warnings_are_not_errors_in_disguise():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cached(organs, 1, size=(16, 16), areas=(0.2,))
    assert Path(entries()[0].path).name.startswith("organs-")
