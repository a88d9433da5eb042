"""Calls on files of one folder that fail at a chosen moment: whatever calls there are, by counting.

Every function of `os` that is given a path in the folder, or a file that is open there, counts;
so do locks, and what file objects do. No list says where the product calls what.
"""

import errno
import fcntl
import io
import os
import posix
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ERRORS = (errno.EIO, errno.ENOSPC, errno.EACCES, errno.EPERM, errno.EROFS, errno.ESTALE)

# They do not ask the system, or nothing can be done about them, or their number is no file's: the
# usual mask, 0o022, is also the number of the 19th open file.
_NO_CALLS = {"fspath", "fsencode", "fsdecode", "isatty", "get_inheritable", "set_inheritable"} | {
    "umask",
    "strerror",
    "urandom",
    "waitpid",
    "kill",
    "sysconf",
    "get_blocking",
    "set_blocking",
}


class Faults:
    """The calls in `folder`; number `at`, from 1, fails, or all that are named `only`.

    names: of the calls up to now.
    places: of them, where none is to fail: the lines of the product that have led to each.
    """

    def __init__(
        self, folder: Path, *, at: int = 0, error: int = errno.EIO, only: str = ""
    ) -> None:
        self.folder, self.at, self.error, self._only = folder, at, error, only
        self.names: list[str] = []
        self.places: list[tuple[tuple[str, int], ...]] = []
        self._files: dict[int, bool] = {}

    def call(self, name: str, where: object) -> None:
        """Count a call; `OSError` where it is to fail."""
        self.names.append(name)
        if not self.at and not self._only:
            self.places.append(tuple(_own_lines()))
        if len(self.names) == self.at or (self._only and name == self._only):
            shown = where if isinstance(where, str) else None
            raise OSError(self.error, os.strerror(self.error), shown)

    def concerns(self, x: object) -> bool:
        """Is it a path in the folder, or a file that is open there?"""
        if isinstance(x, bool):
            return False
        if isinstance(x, int):
            return self._files.get(x, False)
        if isinstance(x, os.PathLike):
            x = os.fspath(x)
        return isinstance(x, str) and x.startswith(str(self.folder))

    def wrapped(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of the system that counts; a file is closed even where closing fails."""

        def called(*args: Any, **more: Any) -> Any:
            # A second argument may be another path; where it is a number, it is a count or a mode.
            given = [*args[:1], *(x for x in args[1:2] if not isinstance(x, int))]
            found = next((x for x in given if self.concerns(x)), None)
            if found is None:
                return function(*args, **more)
            if name == "close":
                self._files.pop(args[0])
                function(*args)
                self.call(name, found)
                return None
            self.call(name, found if isinstance(found, int) else os.fspath(found))
            if name == "fsync":
                return None  # no disk has to be waited for
            returned = function(*args, **more)
            if name == "open":
                self._files[returned] = True
            return returned

        return called

    def open(
        self, file: Any, mode: str = "r", buffering: int = -1, *more: Any, **named: Any
    ) -> Any:
        """`io.open`, whose files count what is read and written."""
        if not self.concerns(file):
            return _OPEN(file, mode, buffering, *more, **named)
        if not isinstance(file, int):
            self.call("open", os.fspath(file))
        raw = _File(self, file, mode.replace("b", "").replace("t", ""))
        self._files[raw.fileno()] = True
        kinds = {"r": io.BufferedReader, "+": io.BufferedRandom}
        kind: Any = next((kinds[m] for m in ("+", "r") if m in mode), io.BufferedWriter)
        buffered = kind(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, *more, **named)


def _own_lines() -> Iterator[tuple[str, int]]:
    frame = sys._getframe(1)
    while frame.f_back is not None:
        frame = frame.f_back
        if "gcl_spec" in frame.f_code.co_filename:
            yield frame.f_code.co_filename, frame.f_lineno


class _File(io.FileIO):
    def __init__(self, faults: Faults, file: Any, mode: str) -> None:
        self._faults = faults
        super().__init__(file, mode)

    def write(self, data: Any, /) -> int:
        try:
            self._faults.call("write", self.name)
        except OSError:  # a full disk takes a part
            super().write(bytes(data)[: len(data) // 2])
            raise
        return super().write(data)

    def readinto(self, buffer: Any, /) -> int:
        self._faults.call("read", self.name)
        return super().readinto(buffer)

    def readall(self) -> bytes:
        self._faults.call("read", self.name)
        return super().readall()

    def close(self) -> None:
        if self.closed:
            return
        self._faults._files.pop(self.fileno(), None)
        super().close()
        self._faults.call("close", self.name)


_OPEN = io.open


@contextmanager
def injected(faults: Faults) -> Iterator[Faults]:
    """In this block the calls are counted, and the chosen one fails."""
    import builtins

    with pytest.MonkeyPatch.context() as patch:
        for name in dir(posix):
            function = getattr(posix, name)
            if (
                not hasattr(os, name)
                or name in _NO_CALLS
                or not callable(function)
                or isinstance(function, type)
            ):
                continue
            patch.setattr(os, name, faults.wrapped(name, function))
        patch.setattr(fcntl, "flock", faults.wrapped("flock", fcntl.flock))
        patch.setattr(io, "open", faults.open)
        patch.setattr(builtins, "open", faults.open)
        for module in [m for name, m in sys.modules.items() if name.startswith("gcl_spec")]:
            if hasattr(module, "safe_open"):
                patch.setattr(module, "safe_open", faults.wrapped("safe_open", module.safe_open))
        yield faults
