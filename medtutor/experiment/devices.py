"""What this machine offers: the device to compute on, and how many cores are ours."""

from __future__ import annotations

import os

import torch
from torch import nn


def choose_device(name: str | None = None) -> torch.device:
    """The named device, or a GPU where there is one, else the CPU.

    Args:
        name: "cpu", "cuda", "cuda:1", "mps"; None chooses.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f'device must be "cpu", "cuda", "cuda:N" or "mps"; got {name!r}') from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device {name!r} was asked for, but torch {torch.__version__} sees no CUDA device: "
            'take "cpu", or install a CUDA build of torch'
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device {name!r}: there are {torch.cuda.device_count()} CUDA devices")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"device {name!r} was asked for, but this machine has no MPS device")
    return device


def core_count() -> int:
    """Cores that this process may use: fewer than the machine has, under a cluster's scheduler."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


def memory_format(model: nn.Module, device: torch.device, spatial: int) -> torch.memory_format:
    """The layout in which this model runs fastest: channels last, or the contiguous one.

    Channels last suits convolutions everywhere. On a CPU, though, torch's instance and group norm
    are several times slower in it, which costs more than the convolutions gain; so a model that
    has them stays contiguous there. (Subclasses are taken to look after themselves.)

    Args:
        model: the network.
        device: where it will run.
        spatial: number of spatial axes of its input; other than 2 or 3 means contiguous.
    """
    slow_on_cpu = (nn.GroupNorm, nn.InstanceNorm2d, nn.InstanceNorm3d)
    if device.type == "cpu" and any(type(m) in slow_on_cpu for m in model.modules()):
        return torch.contiguous_format
    formats = {2: torch.channels_last, 3: torch.channels_last_3d}
    return formats.get(spatial, torch.contiguous_format)
