"""Which form of an operation takes given tensors: numba, Triton, or the plain torch reference."""

from __future__ import annotations

import warnings
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

CPU_TYPES = (torch.float32, torch.float64)
GPU_TYPES = (torch.float32, torch.float16, torch.bfloat16)


def has_fast_form(*tensors: Tensor) -> bool:
    """Whether these tensors lie together on a device that a fast form of an operation serves.

    True on the CPU, and on a CUDA device where Triton is installed, for the floating types that
    the form takes there (`CPU_TYPES`, `GPU_TYPES`); integer tensors such as labels may come along.
    Elsewhere the reference runs: slower, with the same result.

    Raises:
        ValueError: tensors on several devices.
    """
    devices = {tensor.device for tensor in tensors}
    if len(devices) != 1:
        raise ValueError(
            f"tensors must be on one device, got {', '.join(sorted(map(str, devices)))}: "
            "move them with .to(device)"
        )
    device = devices.pop().type
    if device == "cuda" and not _triton_is_here():
        return False
    taken = {"cpu": CPU_TYPES, "cuda": GPU_TYPES}.get(device, ())
    return all(tensor.dtype in taken for tensor in tensors if tensor.is_floating_point())


@cache
def _triton_is_here() -> bool:
    if find_spec("triton") is not None:
        return True
    warnings.warn(
        "Triton is not installed: kernels run in plain torch on the GPU, several times slower; "
        'pip install "medtutor[gpu]" (Linux) brings it',
        stacklevel=4,
    )
    return False
