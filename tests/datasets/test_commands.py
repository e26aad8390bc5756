"""``medtutor data ...`` and the scripts: what is printed, where, and the exit codes 0, 1, 2."""

import importlib.util
import json
import re
import runpy
import sys
import textwrap

import pytest
from PIL import Image

from medtutor.course import cli
from medtutor.datasets import all_facts, facts
from medtutor.datasets.fetch import FetchFailed

SCRIPTS = sorted(name for name, about in all_facts().items() if about.access != "package")


@pytest.fixture
def medtutor(monkeypatch, capfd):
    """Run a command in this process; returns exit code, standard output, standard error."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["medtutor", *words])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capfd.readouterr()
        return ended.value.code, said.out, said.err

    return run


@pytest.fixture
def here(busi, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_DATA", str(busi.parent))
    return busi


def test_list(medtutor, here):
    code, out, _ = medtutor("data", "list")
    assert code == 0
    for name in all_facts():
        assert re.search(rf"^{name}\b", out, re.M)
    (line,) = (line for line in out.splitlines() if line.startswith("busi"))
    assert "found" in line and "download" in line and "250 MB" in line
    (line,) = (line for line in out.splitlines() if line.startswith("drive"))
    assert "absent" in line and "by hand" in line


def test_list_as_json(medtutor, here):
    code, out, _ = medtutor("data", "list", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0 and set(rows) == set(all_facts())
    assert rows["busi"]["folder"] == str(here) and rows["hrf"]["folder"] is None
    assert rows["busi"]["licence"] == facts("busi").licence
    assert rows["ixi"]["size"] == "" and rows["isles2022"]["size"] == "1.7 GB"
    assert rows["isic2017"]["size"] == "5.8 GB+"  # some files' sizes are not stated


def test_where(medtutor, here):
    assert medtutor("data", "where") == (0, f"{here.parent}\n", "")
    assert medtutor("data", "where", "busi")[:2] == (0, f"{here}\n")
    code, out, err = medtutor("data", "where", "hrf")
    assert code == 1 and out == "" and "next command:     medtutor data get hrf" in err


def test_unknown_names_are_wrong_use(medtutor, here):
    for command in ("get", "verify", "where", "show"):
        code, _, err = medtutor("data", command, "bussi")
        assert code == 2 and "one of mni152" in err
    assert medtutor("data", "frobnicate")[0] == 2


def test_help(medtutor):
    code, out, err = medtutor("data", "--help")
    assert code == 0
    for word in ("list", "get", "verify", "where", "show"):
        assert re.search(rf"\b{word}\b", out + err)
    _, out, err = medtutor("data", "get", "--help")
    assert "--from" in out + err and "never moved" in out + err
    assert "data" in "".join(medtutor("--help")[1:])


def test_get_says_terms_first(medtutor, here):
    code, out, _ = medtutor("data", "get", "busi")
    about = facts("busi")
    assert code == 0 and f"in place: {here}" in out
    for wanted in (about.licence, about.citation, "do not try to find out who they are"):
        assert wanted in out
    assert "passing it on: not stated to be allowed" in out


def test_get_by_hand(medtutor, here):
    code, out, err = medtutor("data", "get", "ph2")
    assert code == 1 and "passing it on: not allowed" in out
    assert "fill in the form" in err and "--from FOLDER_OR_ARCHIVE" in err


def test_get_from_a_package(medtutor, here, monkeypatch):
    code, out, _ = medtutor("data", "get", "mni152")
    assert code == 0 and "found already" in out and "nilearn" in out
    monkeypatch.setattr("medtutor.datasets.places.find_spec", lambda name: None)
    code, _, err = medtutor("data", "get", "mni152")
    assert code == 1 and "pip install nilearn" in err


def test_get_does_not_double_a_set_that_lies_elsewhere(medtutor, here):
    other = here.rename(here.with_name("Dataset_BUSI_with_GT"))
    code, out, _ = medtutor("data", "get", "busi")
    assert code == 0 and f"found already: {other}" in out and "MEDTUTOR_DATA" in out


def test_get_passes_its_words_on(medtutor, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_DATA", str(tmp_path))
    given = {}

    def install(about, **more):
        given.update(more, name=about.name)
        return tmp_path / "there"

    monkeypatch.setattr("medtutor.datasets.fetch.install", install)
    code, out, _ = medtutor("data", "get", "medmnist", "--only", "dermamnist", "--only",
                            "bloodmnist", "--from", "downloads", "--link")  # fmt: skip
    assert code == 0 and f"in place: {tmp_path / 'there'}" in out
    assert given["name"] == "medmnist" and given["only"] == ["dermamnist", "bloodmnist"]
    assert str(given["given"]) == "downloads" and given["link"] is True
    code, out, _ = medtutor("data", "get", "isic2017")
    assert "ISIC-2017_Test_v2_Data.zip: no checksum is known" in out
    assert "from memory" not in out


def test_get_fails_with_the_message(medtutor, tmp_path, monkeypatch):
    def install(about, **more):
        raise FetchFailed("the whole manual way")

    monkeypatch.setenv("MEDTUTOR_DATA", str(tmp_path))
    monkeypatch.setattr("medtutor.datasets.fetch.install", install)
    code, _, err = medtutor("data", "get", "hrf")
    assert code == 1 and err.endswith("the whole manual way\n")


def test_unchecked_addresses_are_said(medtutor, tmp_path, monkeypatch):
    entry = facts("hrf").model_copy(update={"address_checked": False})
    monkeypatch.setenv("MEDTUTOR_DATA", str(tmp_path))
    monkeypatch.setattr("medtutor.datasets.registry.facts", lambda name: entry)
    monkeypatch.setattr("medtutor.datasets.fetch.install", lambda *a, **k: tmp_path)
    assert "the addresses are from memory and may be wrong" in medtutor("data", "get", "hrf")[1]


def test_verify(medtutor, here):
    code, out, _ = medtutor("data", "verify", "busi")
    assert code == 0
    assert "note   no SHA256SUMS" in out and "16 cases of 780: a part of the set" in out
    assert "ok     all cases read; 5 normal, 5 benign, 6 malignant" in out
    (here / "benign/benign (2).png").write_bytes(b"broken")
    (here / "SHA256SUMS").write_text(f"{'0' * 64}  benign/benign (10).png\n{'0' * 64}  gone.png\n")
    code, out, _ = medtutor("data", "verify", "busi", "--json")
    wrong = [line["text"] for line in json.loads(out) if line["state"] == "wrong"]
    assert code == 1 and len(wrong) == 3
    assert "benign (10).png: wanted sha256:0000" in wrong[0] and "gone.png: is missing" in wrong[1]
    assert "benign (2).png: cannot be read as a picture" in wrong[2]


def test_verify_what_cannot_be_opened(medtutor, here):
    (here / "benign/benign (2)_mask.png").unlink()
    (here / "benign/benign (2)_mask_1.png").unlink()
    code, out, _ = medtutor("data", "verify", "busi")
    assert code == 1 and "wrong  " in out and "do not pair; alone: benign (2)" in out


def test_verify_without_a_reader(medtutor, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_DATA", str(tmp_path))
    entry = facts("vascusynth").model_copy(update={"reader": ""})
    monkeypatch.setattr("medtutor.datasets.registry.facts", lambda name: entry)
    (tmp_path / "vascusynth/Group1").mkdir(parents=True)
    code, out, _ = medtutor("data", "verify", "vascusynth")
    assert code == 0 and "note   no reader yet" in out
    assert medtutor("data", "show", "vascusynth")[0] == 1


def test_show(medtutor, here, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = medtutor("data", "show", "busi")
    sheet = tmp_path / "build/data/busi.png"
    assert code == 0 and out.splitlines()[0] == "build/data/busi.png"
    assert [line.split() for line in out.splitlines()[1:]] == [
        ["5", "normal"], ["5", "benign"], ["6", "malignant"]
    ]  # fmt: skip
    with Image.open(sheet) as picture:
        assert picture.width > 800 and len(set(picture.convert("L").tobytes())) > 50
    assert [p.name for p in sheet.parent.iterdir()] == ["busi.png"]
    code, out, _ = medtutor("data", "show", "busi", "--out", "two.png", "--count", "2")
    assert code == 0 and (tmp_path / "two.png").exists()


def test_show_a_volume(medtutor, hippocampus, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTUTOR_DATA", str(hippocampus.parent))
    code, _, _ = medtutor("data", "show", "msd_hippocampus", "--out", str(tmp_path / "a.png"))
    assert code == 0 and (tmp_path / "a.png").stat().st_size > 1000


def test_the_module_does_the_same(here, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["medtutor.datasets"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("medtutor.datasets", run_name="__main__")
    assert ended.value.code == 0 and "vascusynth" in capsys.readouterr().out


def script(repository, name):
    path = repository / "data_scripts" / f"get_{name}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return path, module


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_script_states_licence_citation_and_patients(repository, name):
    path, module = script(repository, name)
    said, about = " ".join(module.__doc__.split()), facts(name)
    assert about.licence in said and about.citation in said
    assert ("do not try to find out who they are" in said) == about.people
    assert f'run("{name}", __doc__)' in path.read_text(encoding="utf-8")
    assert f"python data_scripts/get_{name}.py" in said


def test_no_script_without_a_set(repository):
    names = {path.stem.removeprefix("get_") for path in repository.glob("data_scripts/get_*.py")}
    assert names == set(SCRIPTS)


def test_script(repository, here, capfd):
    _, module = script(repository, "busi")
    assert module.run("busi", module.__doc__, []) == 0
    assert "in place" in capfd.readouterr().out
    _, module = script(repository, "drive")
    assert module.run("drive", module.__doc__, []) == 1
    assert "register on the landing page" in capfd.readouterr().err
    assert module.run("drive", module.__doc__, ["nowhere.zip"]) == 1
    assert "nowhere.zip: no such file or folder" in capfd.readouterr().err
    with pytest.raises(SystemExit):
        module.run("drive", module.__doc__, ["--help"])
    shown = capfd.readouterr().out
    assert textwrap.shorten(facts("drive").licence, 40, placeholder="") in shown
