"""What a run was measured on: cores, device, versions."""

import functools
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

RECORDED = ("medtutor", "torch", "numpy", "monai")


def cores() -> list[int]:
    """Return the cores that this process may use, by number."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def use_cores(chosen: list[int]) -> None:
    """Keep this process and what it starts on some cores, where the system offers that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, chosen)


def versions() -> dict[str, str]:
    """Return the versions that a result depends on; none of these packages is imported."""
    found = {"python": platform.python_version()}
    for name in RECORDED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def device() -> str:
    """Return the device that experiments choose here, with its name: ``cpu: ..., 2 cores``."""
    count = len(cores())
    return accelerator() or f"cpu: {processor()}, {count} core{'s' if count > 1 else ''}"


@functools.cache
def accelerator() -> str:
    """Return ``cuda: NAME`` or ``mps`` if torch can use one, else nothing.

    Torch is asked in a process of its own, so that neither its import nor its share of the device
    stays with the runner; where there is no driver, it is not asked at all.
    """
    driver = shutil.which("nvidia-smi") or Path("/proc/driver/nvidia").exists()
    if not driver and sys.platform != "darwin":
        return ""
    question = (
        "import torch\n"
        "if torch.cuda.is_available(): print('cuda:', torch.cuda.get_device_name(0))\n"
        "elif torch.backends.mps.is_available(): print('mps')\n"
    )
    answer = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True)
    return answer.stdout.strip()


def processor() -> str:
    """Return the processor's name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
