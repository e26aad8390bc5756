"""The doctor finds what is missing and says what to do."""

import importlib.metadata
import sys
from collections import namedtuple

import pytest
from rich.console import Console

from medtutor.course import doctor
from medtutor.course.running.memory import GIB


def states(findings):
    return {finding.what: finding.state for finding in findings}


def test_this_machine():
    findings = doctor.examine()
    found = states(findings)
    assert found["Python"] == found["torch"] == found["memory"] == found["disk"] == "ok"
    assert {"cores", "device", "threads", "$MEDTUTOR_DATA", "browser", "jupyter-book"} <= set(found)
    console = Console(width=120, record=True, file=open("/dev/null", "w"))
    console.print(doctor.report(findings))
    assert "OK" in console.export_text()


def test_constraints_are_compared(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "constraints.txt").write_text("# exact\nTyper==0.0.1\ntorch==99  # build\n")
    monkeypatch.chdir(tmp_path)
    assert doctor.constraints() == {"typer": "0.0.1", "torch": "99"}
    (finding,) = doctor.packages()
    assert finding.state == "note" and "typer" in finding.text and "(tested: 0.0.1)" in finding.text
    assert "numpy" in doctor.needed_packages() and "pytest" not in doctor.needed_packages()


def test_local_suffix_of_a_build_is_no_difference(monkeypatch):
    torch = importlib.metadata.version("torch").partition("+")[0]
    monkeypatch.setattr(doctor, "constraints", lambda: {"torch": torch})
    assert [finding.state for finding in doctor.packages()] == ["ok"]


def test_missing_package(monkeypatch):
    monkeypatch.setattr(doctor, "needed_packages", lambda: ["no-such-package"])
    (finding,) = doctor.packages()
    assert finding.state == "wrong"
    assert "not installed: no-such-package; do: pip install" in finding.text


def test_old_python(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 0))
    (finding,) = doctor.python()
    assert finding.state == "wrong" and "wanted 3.11, 3.12 or 3.13" in finding.text


def test_torch_that_cannot_be_imported(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (finding,) = doctor.torch_build()
    assert finding.state == "wrong" and "pip install -c constraints.txt torch" in finding.text


def test_little_memory_and_disk(monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(doctor, "memory_limit", lambda: GIB)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage(GIB))
    monkeypatch.setattr(doctor.machine, "cores", lambda: [0])
    found = states(doctor.resources())
    assert found == {"cores": "note", "memory": "wrong", "disk": "wrong"}


def test_absent_data_and_browser_are_notes(monkeypatch):
    monkeypatch.setattr("medtutor.datasets.found", lambda: {"busi": None})
    (_, absent) = doctor.data_sets()
    assert absent.state == "note" and "busi" in absent.text and "medtutor data list" in absent.text
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    assert states(doctor.tools())["browser"] == "note"


@pytest.mark.parametrize("state", ["ok", "wrong"])
def test_last_line_sums_up(state):
    console = Console(width=100, record=True, file=open("/dev/null", "w"))
    console.print(doctor.report([doctor.Finding("x", state, "[text]")]))
    text = console.export_text()
    assert "[text]" in text and ("ready" in text) == (state == "ok")
