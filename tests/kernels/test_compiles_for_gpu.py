"""Every Triton kernel compiles to machine code for the GPUs that people have, on any machine."""

import ast
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
KERNELS = HERE.parents[1] / "medtutor/kernels"
OPS = sorted(path.parent.name for path in KERNELS.glob("*/_triton.py"))
SHARED_MEMORY = {80: 163 * 1024, 90: 227 * 1024}   # bytes a block may take: A100; H100, H200


def kernels_of(op):
    """The names of the functions in `_triton*.py` that are launched from the host: `*_kernel`."""
    files = (KERNELS / op).glob("_triton*.py")
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files]
    return {node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)
            and node.name.endswith("_kernel")}


def test_every_operation_has_a_triton_form():
    folders = sorted(path.parent.name for path in KERNELS.glob("*/__init__.py"))
    assert OPS == folders


@pytest.mark.skipif(importlib.util.find_spec("triton") is None,
                    reason='not run: Triton is not installed; pip install "medtutor[gpu]"')
@pytest.mark.parametrize("capability", SHARED_MEMORY)
@pytest.mark.parametrize("op", OPS)
def test_kernels_compile(op, capability):
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", HERE / "compile_for_gpu.py", op, str(capability)],
        env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    compiled = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["kernel"] for row in compiled} == kernels_of(op)
    for row in compiled:
        assert row["bytes"] > 0
        assert row["shared"] <= SHARED_MEMORY[capability], row
