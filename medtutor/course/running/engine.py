"""papermill's engine with a kernel of this very interpreter, measured, and never left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient.exceptions import DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines

from medtutor.course.running.ending import end_tree, ends_with_this_process
from medtutor.course.running.memory import Meter
from medtutor.course.running.titles import title_above

NAME = "medtutor"


class KernelDied(RuntimeError):
    """The kernel ended in mid-run: the message says by which signal, in which cell."""


class OverLimit(RuntimeError):
    """The kernel was stopped since it ran far past a limit."""


@dataclass
class Watch:
    """What is seen of a run while it goes on; the engine fills it, the runner reads it.

    Attributes:
        on_progress: called with cell index, cell count, title, seconds and peak GiB.
        stop_seconds: wall time at which the kernel is stopped.
        stop_gb: memory at which the kernel is stopped.
    """

    on_progress: Callable[[int, int, str, float, float], None] | None = None
    stop_seconds: float = float("inf")
    stop_gb: float = float("inf")
    notebook: Any = None
    cell: int = 0
    count: int = 0
    title: str = "starting the kernel"
    seconds: float = 0.0
    peak_gb: float = 0.0
    stopped: bool = field(default=False, init=False)

    def tell(self) -> None:
        """Report where the run stands."""
        if self.on_progress is not None:
            self.on_progress(self.cell, self.count, self.title, self.seconds, self.peak_gb)


class ThisInterpreter(KernelSpecManager):  # type: ignore[misc]
    """Finds one kernel whatever is asked for: the Python that runs this program.

    An installed kernelspec ``python3`` may belong to another environment, whose medtutor, torch and
    numbers would be measured in place of ours.
    """

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return the kernel of ``sys.executable``."""
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


class MeasuredEngine(NBClientEngine):  # type: ignore[misc]
    """Executes a notebook as papermill's own engine does, under a :class:`Watch`."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, watch: Watch, folder: Path, **kwargs: Any
    ) -> None:
        """Run all cells in a fresh kernel whose working folder is the chapter's."""
        watch.notebook, watch.count = nb_man.nb, len(nb_man.nb.cells)

        def on_cell_start(cell: Any, cell_index: int) -> None:
            watch.cell, watch.title = cell_index, title_above(nb_man.nb.cells, cell_index)
            watch.tell()

        with kernel(folder, watch) as (manager, said):
            client = PapermillNotebookClient(
                nb_man, km=manager, timeout=None, on_cell_start=on_cell_start
            )
            try:
                client.execute()
            except (DeadKernelError, RuntimeError) as error:
                if isinstance(error, DeadKernelError) or "Kernel died" in str(error):
                    _explain_death(manager, watch, said)
                raise
            finally:
                if client.kc is not None:
                    client.kc.stop_channels()


papermill_engines.register(NAME, MeasuredEngine)


@contextlib.contextmanager
def kernel(folder: Path, watch: Watch) -> Iterator[tuple[AsyncKernelManager, Path]]:
    """Start a kernel under a meter; when the block is left, however, its whole tree has ended."""
    with tempfile.TemporaryDirectory(prefix="medtutor-", ignore_cleanup_errors=True) as scratch:
        said = Path(scratch) / "kernel.log"
        environment = {
            **os.environ,
            "IPYTHONDIR": scratch,                              # no start-up files of one's own
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",              # no debugger's remark on stderr
        }
        manager = AsyncKernelManager(
            kernel_name="python3",
            kernel_spec_manager=ThisInterpreter(ensure_native_kernel=False),
            connection_file=str(Path(scratch) / "kernel.json"),
        )
        if os.name == "posix":                  # sockets in the folder, no TCP ports
            manager.transport, manager.ip = "ipc", str(Path(scratch) / "socket")
        meter: Meter | None = None
        with said.open("wb") as log:
            try:
                run_sync(manager.start_kernel)(
                    cwd=str(folder), env=environment, stdout=log, stderr=subprocess.STDOUT
                )
                pid = manager.provisioner.pid
                meter = Meter(pid, on_sample=_limits(watch, pid))
                with ends_with_this_process(pid):
                    meter.start()
                    yield manager, said
                    meter.stop()
                    watch.seconds, watch.peak_gb = meter.seconds, max(watch.peak_gb, meter.peak_gb)
                    run_sync(manager.shutdown_kernel)()
            finally:
                if meter is not None:
                    meter.stop()
                    end_tree(meter.seen)
                run_sync(manager.cleanup_resources)()


def _limits(watch: Watch, pid: int) -> Callable[[float, float], None]:
    def on_sample(seconds: float, peak_gb: float) -> None:
        watch.seconds, watch.peak_gb = seconds, peak_gb
        if seconds > watch.stop_seconds or peak_gb > watch.stop_gb:
            watch.stopped = True
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        watch.tell()

    return on_sample


def _explain_death(manager: AsyncKernelManager, watch: Watch, said: Path) -> NoReturn:
    if watch.stopped:
        raise OverLimit from None
    process = manager.provisioner.process
    code = process.wait() if process is not None else None
    if code is not None and code < 0:
        how = f"was killed by {signal.Signals(-code).name}"
        if code == -signal.SIGKILL:
            how += " (often: the machine ran out of memory)"
    else:
        how = f"ended with exit code {code}"
    lines = said.read_text(errors="replace").strip().splitlines()[-8:]
    last_words = "".join(f"\n  | {line}" for line in lines)
    raise KernelDied(
        f"the kernel {how} in cell {watch.cell + 1} of {watch.count} "
        f"({watch.title}), after {watch.seconds:.1f} s with a peak of {watch.peak_gb:.2f} GB"
        f"{last_words}"
    ) from None
