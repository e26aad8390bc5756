"""Peak memory of one call beyond what was there before it: outputs, gradients, what is in between.

On the CPU the call is made in a forked copy of the process that prepared and warmed it, so that
each method begins from the same state; memory that earlier calls freed goes back to the system
first, or it would be used again unseen. On Linux only: None elsewhere.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
from pathlib import Path

from benchmarks.case import Call
from benchmarks.measuring.forked import CAN_FORK, in_a_copy

MEGABYTE = 1e6
WARM_BELOW = 3.0
"""Calls shorter than this many seconds are made once before, in the copy, for a few megabytes of
program text that a copy has to read in again."""


def peak_mb(call: Call, device: str, seconds: float) -> float | None:
    """Megabytes (10^6 bytes) that one warm call takes at its peak.

    Args:
        call: made before, and leaving nothing behind.
        device: "cpu" or "cuda".
        seconds: that a call takes.

    Raises:
        ChildFailed: the copy that was to make the call died or took too long.
    """
    if device == "cuda":
        return _on_gpu(call)
    if not CAN_FORK:
        return None
    _give_back_freed_memory()
    return float(in_a_copy(lambda: _grown(call, warm=seconds < WARM_BELOW), 60 + 10 * seconds))


def _grown(call: Call, warm: bool) -> float:
    gc.collect()
    if warm and _can_forget_the_peak():
        call()
        gc.collect()
        _give_back_freed_memory()
        _can_forget_the_peak()
    before = _status("VmRSS")
    call()
    return max(0.0, _status("VmHWM") - before) / MEGABYTE


def _status(key: str) -> float:
    """Bytes of the key in /proc/self/status; VmHWM is the most that VmRSS has been."""
    text = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    line = next(line for line in text.splitlines() if line.startswith(f"{key}:"))
    return 1024.0 * int(line.split()[1])


def _can_forget_the_peak() -> bool:
    """Let VmHWM begin anew; a forked process begins anew by itself."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _give_back_freed_memory() -> None:
    with contextlib.suppress(AttributeError, OSError):      # not every C library has it
        ctypes.CDLL(None).malloc_trim(0)


def _on_gpu(call: Call) -> float:
    import torch

    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    call()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / MEGABYTE
