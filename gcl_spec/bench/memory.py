"""Peak memory of this process, on every system that Python's `resource` module knows."""

import ctypes
import gc
import sys
from pathlib import Path

__all__ = ["ProcessMemory"]

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


class ProcessMemory:
    """A meter of the resident set of this process.

    On Linux its high-water mark, which only ever grows, is set back first (proc_pid_clear_refs(5)).
    Where that is not possible, earlier peaks hide smaller ones: the difference of `ru_maxrss` is
    then a lower bound. Linux does not use `ru_maxrss`, because a child starts with its parent's.
    """

    def __init__(self) -> None:
        self.kind = "VmHWM" if _reset() else "ru_maxrss"
        self._start = 0

    def start(self) -> None:
        """Give freed memory back to the system, then count from what is in use."""
        gc.collect()
        _trim()
        if self.kind == "VmHWM":
            _reset()
        self._start = self.high()

    def peak(self) -> int:
        """The bytes by which the peak since `start` is over the state at `start`."""
        return self.high() - self._start

    def high(self) -> int:
        """The bytes of the whole process at the peak since `start`."""
        if self.kind == "VmHWM":
            lines = _STATUS.read_text().splitlines()
            return next(1024 * int(x.split()[1]) for x in lines if x.startswith("VmHWM:"))
        import resource  # Windows has no such module

        high = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return high if sys.platform == "darwin" else 1024 * high


def _reset() -> bool:
    """Set the high-water mark back to the present (proc_pid_clear_refs(5)); False if that fails."""
    try:
        _CLEAR.write_text("5")
    except OSError:
        return False
    return True


def _trim() -> None:
    # glibc keeps freed memory, and a loss that reused it would look smaller than it is.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
