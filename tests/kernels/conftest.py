"""Where the Triton forms can be run: interpreted on the CPU, or on a GPU."""

import importlib.util

import pytest


@pytest.fixture
def interpreter():
    """Triton's interpreter; reported as not run without Triton, or where a GPU runs the kernels."""
    import torch

    if importlib.util.find_spec("triton") is None:
        pytest.skip('not run: Triton is not installed; pip install "medtutor[gpu]"')
    if torch.cuda.is_available():
        pytest.skip("not run: a CUDA device is here, and runs the kernels instead")
    import triton

    assert triton.knobs.runtime.interpret, "tests/conftest.py sets TRITON_INTERPRET=1"
