"""Fixtures of the site's tests."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for the files beside this one, which are no tests


@pytest.fixture(scope="session")
def made_up_site(tmp_path_factory) -> Path:
    from site_under_test import build_made_up_site

    return build_made_up_site(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="session")
def built_site() -> Path:
    from site_under_test import real_site

    return real_site()
