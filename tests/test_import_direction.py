"""Imports point one way: what a folder may import, for every file of the package."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "medtutor"
TAUGHT = {"methods", "kernels", "metrics", "phantoms", "datasets", "experiment", "widgets"}

# Folder: which other folders of the package it may import when it is itself imported.
ALLOWED = {
    "course": set(),
    "methods": {"metrics", "kernels"},
    "metrics": {"kernels"},
    "kernels": set(),
    "phantoms": set(),
    "datasets": set(),
    "experiment": set(),
    "widgets": set(),
}
# What a file may import beyond its folder's rule, and why.
ALSO = {
    "course/cli.py": {"datasets"},                      # medtutor data, when asked
    "course/doctor.py": {"datasets"},                   # says which sets are found, when asked
    "course/pages/data_page.py": {"datasets"},          # lists the sets, when the site is built
    "course/site.py": {"datasets"},                     # as above
    "datasets/commands.py": {"phantoms"},               # medtutor data cache
    "datasets/split.py": {"experiment"},                # splits by the one rule there is
    "phantoms/brain_mri_anatomy.py": {"methods"},       # is built from deformations
    "phantoms/brain_mri_template.py": {"datasets"},     # where the MNI152 maps lie
}


def files():
    return sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def imports(file):
    """Every imported name of a file, absolute, with its line: also those inside functions."""
    path = PACKAGE / file
    home = ["medtutor", *Path(file).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((item.name, node.lineno) for item in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = home[: len(home) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            yield from ((f"{module}.{item.name}", node.lineno) for item in node.names)


@pytest.mark.parametrize("file", files())
def test_imports_point_one_way(file):
    if "/" not in file:                                 # __init__, __main__: see below
        return
    folder = file.split("/")[0]
    assert folder in ALLOWED, f"medtutor/{folder} is new: say in this test what it may import"
    allowed = ALLOWED[folder] | {folder} | ALSO.get(file, set())
    wrong = [
        f"medtutor/{file}:{line} imports {name}; {folder} may import {sorted(allowed)}"
        for name, line in imports(file)
        if name.startswith("medtutor.") and name.split(".")[1] in {"course", *TAUGHT} - allowed
    ]
    assert not wrong, "\n".join(wrong)


def test_the_rule_sees_a_wrong_import(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels/bad.py").write_text("def f():\n    from ..methods import layers\n")
    with pytest.raises(AssertionError, match=r"kernels/bad.py:2 imports medtutor.methods.layers"):
        test_imports_point_one_way("kernels/bad.py")


def test_methods_share_only_what_is_shared():
    shared = (
        "medtutor.methods.loss_functions.inputs",       # what every loss checks at the door
        "medtutor.methods.loss_functions.overlap",
        "medtutor.methods.architectures.unet",
    )
    for file in files():
        if not file.startswith("methods/") or file.endswith("__init__.py"):
            continue
        own = Path(file).parent if len(Path(file).parts) > 3 else Path(file).with_suffix("")
        home = ".".join(["medtutor", *own.parts])
        for name, line in imports(file):
            if name.startswith("medtutor.methods.") and not name.startswith((home, *shared)):
                raise AssertionError(f"medtutor/{file}:{line} imports {name}, another method")


def test_import_medtutor_is_light():
    heavy = "numpy torch pandas matplotlib pydantic IPython rich papermill monai".split()
    loaded(["medtutor"], never=heavy)
    loaded(["medtutor.course"], never=heavy)


def test_the_course_machinery_imports_no_torch():
    modules = [
        "medtutor." + file.removesuffix(".py").replace("/", ".")
        for file in files()
        if file.startswith("course/") and not file.endswith("__init__.py")
    ]
    loaded(modules, never=["torch", "monai"])


def loaded(modules, never):
    code = f"import sys, {', '.join(modules)}; print(*[m for m in {never!r} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == []
