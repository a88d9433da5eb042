"""Runs tests on mutants in a copy of the tree, in children of a process that has the frameworks."""

import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["copy_of", "load", "outcome"]

_FOLDERS = ("", "backends", "reference", "cli")


def copy_of(repository: Path, scratch: Path) -> None:
    """Copy the tracked files as they are now, and new ones that git does not ignore."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=repository, check=True, capture_output=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (repository / name).is_file():
            (scratch / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(repository / name, scratch / name)


def load(scratch: Path) -> None:
    """Import what is slow, once; what is tested comes from the copy, in this process's children.

    It only imports, because a framework that has started its threads would not outlive a fork.
    """
    # As in tests/conftest.py, whose flags for XLA come early enough there: XLA reads them late.
    os.environ["OMP_NUM_THREADS"] = "1"
    places = [str(scratch / folder) for folder in _FOLDERS]
    os.environ |= {"PYTHONPATH": os.pathsep.join(places), "PYTHONDONTWRITEBYTECODE": "1"}
    os.environ["JAX_PLATFORMS"] = "cpu"
    sys.path[:0] = places
    sys.dont_write_bytecode = True
    warnings.filterwarnings("ignore", message="os.fork", category=RuntimeWarning)
    for name in ("hypothesis", "jax.numpy", "numpy", "pytest", "scipy", "torch"):
        __import__(name)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    os.chdir(scratch)


def outcome(tests: Sequence[str], seconds: float, log: Path) -> str:
    """The outcome "passed", "failed" or "timed out" of tests, which end at the first failure."""
    child = os.fork()
    if child == 0:
        _run(tests, log)
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                child = 0
                return "passed" if os.waitstatus_to_exitcode(status) == 0 else "failed"
            time.sleep(0.05)
        return "timed out"
    finally:
        # It has a session of its own, which no Ctrl-C reaches.
        if child:
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _run(tests: Sequence[str], log: Path) -> None:
    """Run tests in the child, and never return."""
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        number = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        for stream in (1, 2):
            os.dup2(number, stream)
        import pytest

        options = ["-n0", "-x", "-q", "-p", "no:cacheprovider"]
        # hypothesis is imported already, on purpose.
        options += ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]
        code = int(pytest.main([*options, *tests]))
    except BaseException:
        traceback.print_exc()
    finally:
        # Text that is still buffered would be lost.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
