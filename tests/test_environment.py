"""pyproject.toml (bounds), constraints.txt (exact versions) and environment.yml agree."""

import ast
import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

NOT_PINNED = {"medtutor", "triton", "itkwidgets"}   # triton: torch's CUDA build brings its own


@pytest.fixture(scope="module")
def project(repository):
    return tomllib.loads((repository / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def pins(repository):
    lines = (repository / "constraints.txt").read_text().splitlines()
    pins = {}
    for line in lines:
        if line.strip() and not line.startswith("#"):
            match = re.fullmatch(r"([A-Za-z0-9._-]+)==([^\s;+]+)", line)
            assert match, f"constraints.txt: wanted name==version, found {line!r}"
            name = canonicalize_name(match[1])
            assert name not in pins, f"constraints.txt: {name} stands there twice"
            pins[name] = Version(match[2])
    return pins


@pytest.fixture(scope="module")
def environment(repository):
    return yaml.safe_load((repository / "environment.yml").read_text())


def requirements(project):
    extras = project["optional-dependencies"]
    for line in project["dependencies"] + [line for extra in extras.values() for line in extra]:
        yield Requirement(line)


def test_every_requirement_has_a_bound_and_a_pin_that_satisfies_it(project, pins):
    for requirement in requirements(project):
        name = canonicalize_name(requirement.name)
        if name in NOT_PINNED:
            continue
        assert str(requirement.specifier), f"{name} has no lower bound in pyproject.toml"
        assert name in pins, f"{name} is in pyproject.toml and not in constraints.txt"
        assert pins[name] in requirement.specifier, f"{name}: {pins[name]} not in {requirement}"


def test_torch_is_pinned_as_decided(project, pins):
    assert pins["torch"] == Version("2.13.0")
    torch = next(r for r in requirements(project) if r.name == "torch")
    assert Version("2.11") in torch.specifier and Version("2.10") not in torch.specifier


def test_conda_environment_is_the_same(project, environment):
    conda = [line for line in environment["dependencies"] if isinstance(line, str)]
    pip = next(line["pip"] for line in environment["dependencies"] if isinstance(line, dict))
    python = next(Requirement(line) for line in conda if line.startswith("python"))
    assert python.specifier == SpecifierSet(project["requires-python"])
    assert {"make", "pip"} <= set(conda)
    assert pip == ["-c constraints.txt", "-e .[dev]"]


def test_classifiers_name_the_supported_pythons(project):
    wanted = SpecifierSet(project["requires-python"])
    named = {c.split("::")[-1].strip() for c in project["classifiers"] if ":: 3." in c}
    assert named == {v for v in (f"3.{minor}" for minor in range(8, 20)) if v in wanted}


def test_each_dependency_has_its_reason(repository, project):
    text = (repository / "CONTRIBUTING.md").read_text()
    table = {canonicalize_name(name) for row in re.findall(r"^\| (`[^|]+) \|", text, re.M)
             for name in re.findall(r"`([^`]+)`", row)}
    missing = {canonicalize_name(r.name) for r in requirements(project)} - table - {"medtutor"}
    assert not missing, f"CONTRIBUTING.md gives no reason for: {', '.join(sorted(missing))}"


def test_no_package_index_is_named(repository):
    index = re.compile(r"https?://[^\s\"')]*(pypi|pythonhosted|download\.pytorch|anaconda|npmjs)")
    files = subprocess.run(["git", "ls-files"], cwd=repository, capture_output=True, text=True,
                           check=True).stdout.split("\n")
    named = [name for name in files if name and (repository / name).is_file()
             and (repository / name).stat().st_size < 1_000_000
             and index.search((repository / name).read_text(errors="ignore"))]
    assert not named, f"package indexes are set by the user, not by us: {named}"


@pytest.mark.parametrize("target", ["lab", "book", "test", "bench", "data", "clean"])
def test_make_help_names_each_target(repository, target):
    text = subprocess.run(["make", "--no-print-directory"], cwd=repository, capture_output=True,
                          text=True, check=True).stdout
    assert f"make {target}" in text


IMPORTED_AS = {"PIL": "pillow", "skimage": "scikit-image", "yaml": "pyyaml", "IPython": "ipython",
               "jupyter_book": "jupyter-book", "sklearn": "scikit-learn"}
OPTIONAL = {"triton", "itkwidgets", "dask", "distributed", "dask-jobqueue"}


def test_what_the_package_imports_is_declared(repository, project):
    declared = {canonicalize_name(r.name) for r in requirements(project)} | OPTIONAL
    missing = {}
    for path in [*repository.glob("medtutor/**/*.py"), *repository.glob("benchmarks/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = ([alias.name for alias in node.names] if isinstance(node, ast.Import) else
                     [node.module] if isinstance(node, ast.ImportFrom) and not node.level else [])
            for name in {name.split(".")[0] for name in names} - set(sys.stdlib_module_names):
                package = canonicalize_name(IMPORTED_AS.get(name, name))
                if package not in declared | {"medtutor", "benchmarks"}:
                    missing.setdefault(package, path.relative_to(repository))
    assert not missing, f"imported, not in pyproject.toml: {missing}"
