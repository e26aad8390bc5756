"""How much memory a kernel and everything it started hold, measured while they run."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

GIB = 2**30


def held_bytes(process: psutil.Process) -> int:
    """Return the memory of one process, pages it shares counted by share where the system can tell.

    Workers of a pool share most of their pages with each other: added up as resident size they
    would be counted once a worker. Linux knows the proportional share (PSS), macOS and Windows the
    unique part (USS), and resident size is what remains.
    """
    try:
        full = process.memory_full_info()
    except (psutil.AccessDenied, OSError):
        return int(process.memory_info().rss)
    return int(getattr(full, "pss", 0) or getattr(full, "uss", 0) or full.rss)


class Meter(threading.Thread):
    """Samples the process tree below a kernel, keeps the peak and remembers every process seen.

    Args:
        root: process id of the kernel.
        every: seconds between samples.
        on_sample: called with seconds so far and the peak in GiB after each sample.
    """

    def __init__(
        self,
        root: int,
        every: float = 0.5,
        on_sample: Callable[[float, float], None] | None = None,
    ) -> None:
        super().__init__(daemon=True, name="memory meter")
        self.root = psutil.Process(root)
        self.seen: set[psutil.Process] = {self.root}
        self.peak_bytes = 0
        self._every = every
        self._on_sample = on_sample
        self._began = time.monotonic()
        self._ended = threading.Event()

    @property
    def peak_gb(self) -> float:
        """The peak in GiB: the largest sample, or the kernel's own high-water mark if larger."""
        return self.peak_bytes / GIB

    @property
    def seconds(self) -> float:
        """Seconds since the meter was made."""
        return time.monotonic() - self._began

    def run(self) -> None:
        """Sample until :meth:`stop` is called or the kernel is gone."""
        while not self._ended.wait(self._every) and self.sample():
            if self._on_sample is not None:
                self._on_sample(self.seconds, self.peak_gb)

    def sample(self) -> bool:
        """Take one sample; False when the kernel is gone."""
        try:
            tree = [self.root, *self.root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return False
        self.seen.update(tree)
        total = 0
        for process in tree:
            try:
                total += held_bytes(process)
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue                                        # a worker that ended just now
        self.peak_bytes = max(self.peak_bytes, total)
        return total > 0

    def stop(self) -> None:
        """Take the last sample, with the kernel's high-water mark, and end the thread."""
        self._ended.set()
        self.sample()
        self.peak_bytes = max(self.peak_bytes, _high_water_mark(self.root.pid))
        if self.is_alive() and threading.current_thread() is not self:
            self.join()


def _high_water_mark(pid: int) -> int:
    """Return Linux's record of a process's largest resident size: no sample can miss it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
