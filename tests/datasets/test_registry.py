"""The registry of facts: complete, without inventions, and each reader opens by name."""

import pytest

from medtutor.datasets import all_facts, facts
from medtutor.datasets.labelled_set import LabelledSet
from medtutor.datasets.registry import DataFile, Facts

FORBIDDEN = {"ph2", "derm7pt", "dermofit", "drive", "brats", "exact09"}


@pytest.mark.parametrize("about", all_facts().values(), ids=lambda about: about.name)
def test_each_entry_is_complete(about):
    for key in ("title", "owner", "licence", "citation", "doi", "counts", "splits", "where_to_get"):
        assert getattr(about, key).strip(), f"{about.name}.{key} is empty"
    assert about.landing_page.startswith("http")
    assert bool(about.folders) == (about.access != "package")
    for file in about.files:
        for address in (file.url, *file.mirrors):
            assert address.startswith(("https://", "http://biomedic.doc.ic.ac.uk/"))


def test_what_the_owner_forbids_is_never_downloaded():
    for name in FORBIDDEN:
        about = facts(name)
        assert about.access == "form" and not about.files and about.redistribution == "no"


def test_readers():
    for about in all_facts().values():
        reader = about.open_reader()
        assert issubclass(reader, LabelledSet) and reader.name == about.name
    with pytest.raises(NotImplementedError, match="no reader for busi yet"):
        facts("busi").model_copy(update={"reader": ""}).open_reader()


def test_monai_still_gives_these_addresses_and_checksums():
    from monai.apps import DecathlonDataset

    for name, task in (
        ("msd_brain_tumour", "Task01_BrainTumour"),
        ("msd_hippocampus", "Task04_Hippocampus"),
        ("msd_prostate", "Task05_Prostate"),
    ):
        (file,) = facts(name).files
        assert file.url == DecathlonDataset.resource[task]
        assert file.checksum == f"md5:{DecathlonDataset.md5[task]}"


def test_names_and_addresses():
    first = facts("isic2017").files[0]
    assert first.name == "ISIC-2017_Training_Data.zip"
    assert first.url == f"https://isic-challenge-data.s3.amazonaws.com/2017/{first.name}"
    member = facts("medmnist").files[0]
    assert member.name == "dermamnist.npz" and not member.is_archive
    assert "dermamnist" in facts("medmnist").parts and facts("busi").parts == ()


def test_refuses_what_is_wrong():
    entry = {**facts("busi").model_dump()}
    with pytest.raises(ValueError, match="license"):
        Facts(**entry, license="a second spelling")
    with pytest.raises(ValueError, match="form set has no addresses"):
        Facts(**{**entry, "access": "form"})
    with pytest.raises(ValueError, match="download wants files"):
        Facts(**{**entry, "files": []})
    with pytest.raises(ValueError, match="checksum wants md5"):
        DataFile(url="https://a/b.zip", checksum="0" * 32)
    with pytest.raises(ValueError, match="who gives the checksum"):
        DataFile(url="https://a/b.zip", checksum="md5:" + "0" * 32)
    with pytest.raises(ValueError, match="two files have one name"):
        Facts(**{**entry, "files": [{"url": "https://a/b.zip"}, {"url": "https://c/b.zip"}]})


def test_next_command():
    assert facts("mni152").next_command == "python -m pip install nilearn"
    assert facts("busi").next_command == "medtutor data get busi"
    assert facts("ph2").next_command == "medtutor data get ph2 --from FOLDER_OR_ARCHIVE"
