"""What is measured on: names, versions, cache, load, threads."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = {
    "monai": "monai",
    "torchio": "torchio",
    "batchgeneratorsv2": "batchgeneratorsv2",
    "simpleitk": "SimpleITK",
    "scikit-image": "scikit-image",
}
"""Peers that are packages of their own, with the name each is installed by."""
OURS = {"cpu": ("medtutor", "torch", "numpy", "numba"), "cuda": ("medtutor", "torch", "triton")}


def device_name(device: str) -> str:
    """The processor's or the GPU's name, as far as the system tells it."""
    if device == "cuda":
        import torch

        return str(torch.cuda.get_device_name())
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        found = re.search(r"model name\s*:\s*(.+)", info)
    except OSError:
        found = None
    name = found[1].strip() if found else platform.processor() or platform.machine()
    return f"{name}, 1 thread"


def cache_bytes(device: str) -> int | None:
    """The largest cache: what fits into it is copied faster than memory can."""
    if device == "cuda":
        import torch

        return int(torch.cuda.get_device_properties(0).L2_cache_size)
    try:
        sizes = Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")
        return max(int(size.read_text().strip().removesuffix("K")) * 1024 for size in sizes)
    except (OSError, ValueError):
        return None


def versions(device: str, peer: str | None = None) -> dict[str, str]:
    """Of Python, of what our forms need on the device, and of the peer where it is a package."""
    names = [*OURS[device], *([PACKAGES[peer]] if peer in PACKAGES else [])]
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def load() -> float | None:
    """How many processes want a processor: above the number of cores, times read high."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
