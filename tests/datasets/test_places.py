"""Where data is looked for, and what is said where it is absent."""

import subprocess
import sys

import pytest

from medtutor import datasets
from medtutor.datasets import DatasetAbsent, facts, folder, found


def test_unknown_name():
    with pytest.raises(ValueError, match="one of mni152, msd_hippocampus, .*; given 'bussi'"):
        folder("bussi")


def test_found_in_the_chosen_folder(hippocampus, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_DATA", str(hippocampus.parent))
    assert found()["msd_hippocampus"] == folder("msd_hippocampus") == hippocampus
    assert found()["busi"] is None
    assert found()["mni152"] is not None  # from the installed package


def test_found_under_the_official_name(hippocampus, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_DATA", str(hippocampus.parent))
    official = hippocampus.rename(hippocampus.with_name("Task04_Hippocampus"))
    assert folder("msd_hippocampus") == official


def test_a_folder_without_its_parts_is_not_found(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_DATA", str(tmp_path))
    (tmp_path / "busi" / "benign").mkdir(parents=True)
    assert found()["busi"] is None


def test_user_cache_without_the_variable(monkeypatch, tmp_path):
    monkeypatch.delenv("MEDTUTOR_DATA", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *a, **k: str(tmp_path))
    assert datasets.data_root() == tmp_path / "data"


@pytest.mark.parametrize("name", ["msd_hippocampus", "busi"])
def test_absent_says_everything(name, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_DATA", str(tmp_path))
    with pytest.raises(DatasetAbsent) as caught:
        folder(name)
    message, about = str(caught.value), facts(name)
    for wanted in (about.licence, about.citation, about.landing_page, about.where_to_get):
        assert wanted in message
    assert str(tmp_path / name) in message
    assert f"next command:     {about.next_command}" in message


def test_absent_package(monkeypatch):
    monkeypatch.setattr("medtutor.datasets.places.find_spec", lambda name: None)
    with pytest.raises(DatasetAbsent, match="pip install nilearn"):
        folder("mni152")


def test_looking_is_light():
    code = (
        "import sys; from medtutor import datasets; datasets.found(); "
        "print([m for m in ('torch', 'nilearn', 'nibabel', 'monai') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_exported_name_exists():
    for name in datasets.__all__:
        assert getattr(datasets, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Bussi'"):
        _ = datasets.Bussi
