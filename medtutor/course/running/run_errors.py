"""What can go wrong in a run, one name each."""


class RunError(RuntimeError):
    """A chapter did not run as it should."""


class CellFailed(RunError):
    """A cell raised: the message has its source, the error, and the partly executed notebook."""


class KernelDied(RunError):
    """The kernel ended in mid-run, most often since the system killed it for its memory."""


class OverBudget(RunError):
    """The run took more time or memory than its budget; the message names both numbers."""


class GpuAbsent(RunError):
    """The profile needs a CUDA device, and torch finds none."""
