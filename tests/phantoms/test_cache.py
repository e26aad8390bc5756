"""Made images on disk: found by function, arguments and code, the same to the last bit."""

import subprocess
import sys

import numpy as np
import pytest

from medtutor.phantoms import cache, cache_key
from medtutor.phantoms.cache import cached, entries
from medtutor.phantoms.chest_xray import chest_xray
from medtutor.phantoms.dermoscopy import dermoscopy, draw_dermoscopy
from medtutor.phantoms.glands import Laboratory, draw_glands, render_glands
from medtutor.phantoms.organs import organs
from medtutor.phantoms.pet import draw_pet, pet, render_pet

from .conftest import PHANTOM, same

pytestmark = pytest.mark.usefixtures("folder")


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
