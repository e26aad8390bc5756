"""Shared fixtures: where real data lies, one torch thread, and what could not be run."""

import os
import shutil
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")

import torch  # noqa: E402  one thread, said above

# Real data for the tests: $MEDTUTOR_DATA, else a folder shared/data beside the checkout.
if "MEDTUTOR_DATA" not in os.environ and (REPOSITORY.parent / "shared/data").is_dir():
    os.environ["MEDTUTOR_DATA"] = str(REPOSITORY.parent / "shared/data")

# Without a GPU Triton's kernels are interpreted. Read when Triton is first imported.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture
def real_data(request):
    """The folder of one real data set; the test is reported as not run where it is absent.

    Use: ``@pytest.mark.parametrize("real_data", ["busi"], indirect=True)``.
    """
    root = os.environ.get("MEDTUTOR_DATA")
    folder = Path(root) / request.param if root else None
    if folder is None or not folder.is_dir():
        pytest.skip(f"not run: data set {request.param} is not in $MEDTUTOR_DATA")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium; browser tests are reported as not run where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        if path := shutil.which(name):
            return path
    pytest.skip("not run: no Chromium on PATH; install the package chromium")


@pytest.fixture(autouse=True)
def _one_torch_thread():
    torch.set_num_threads(1)
    yield


def pytest_collection_modifyitems(config, items):
    """Notebooks, site and browser last; slow and GPU tests named as not run where they are not."""
    late = ["notebooks", "site", "browser"]
    items.sort(key=lambda item: max(
        (late.index(part) + 1 for part in item.path.relative_to(REPOSITORY).parts if part in late),
        default=0))
    for item in items:
        if item.get_closest_marker("slow") and "slow" not in (config.option.markexpr or ""):
            item.add_marker(pytest.mark.skip(reason="not run: slow; run with -m slow"))
        if item.get_closest_marker("gpu"):
            if not torch.cuda.is_available():
                item.add_marker(pytest.mark.skip(reason="not run: no CUDA device"))
