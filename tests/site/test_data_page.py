"""The page of the data sets: every set of the registry, its terms, and the chapters that use it."""

from types import SimpleNamespace

from site_under_test import REPOSITORY

from medtutor.course.pages.data_page import with_data_sets
from medtutor.datasets.registry import all_facts

CHAPTER = SimpleNamespace(
    number=14, name="14_combo_loss", title="Combo loss", data=SimpleNamespace(real=["busi"])
)


def page(folders=frozenset()):
    text = (REPOSITORY / "book/data.md").read_text(encoding="utf-8")
    return with_data_sets(text, all_facts(), [CHAPTER], folders)


def section(text, name):
    return text.split(f"\n### {name}\n")[1].split("\n(data-")[0]


def test_each_set_has_a_row_and_a_section():
    text = page()
    for name, about in all_facts().items():
        assert f"\n| [{name}](#data-{name.replace('_', '-')}) | " in text
        told = section(text, name)
        for part in (about.owner, about.licence, about.citation, about.where_to_get,
                     about.next_command, about.landing_page):
            assert part in told, (name, part)
    assert "<!-- data" not in text


def test_chapters_are_named_and_linked_to():
    assert section(page(), "busi").rstrip().endswith("Used in\n: 14 Combo loss")
    linked = section(page({"14_combo_loss"}), "busi")
    assert ": [14 Combo loss](chapters/14_combo_loss)" in linked
    assert "Used in" not in section(page(), "drive")


def test_a_doi_is_a_link_only_where_one_is_known():
    known = section(page(), "mni152")
    assert "[doi:10.1016/j.neuroimage.2010.07.033](https://doi.org/10.1016/" in known
    for name, about in all_facts().items():
        assert ("https://doi.org/" in section(page(), name)) == about.doi.startswith("10.")


def test_the_site_has_it(made_up_site):
    text = (made_up_site / "data.html").read_text(encoding="utf-8")
    assert 'id="data-busi"' in text and "<!-- data" not in text
