"""Run `gcl` as a user does."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import prepared

Gcl = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def gcl(tmp_path: Path) -> Gcl:
    def call(*args: object, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        return prepared.run("-m", "gcl_cli", *args, cwd=tmp_path, timeout=timeout)

    return call


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`gcl` in the background; it is gone, and its pipes are closed, when the test has ended."""
    with ExitStack() as stack:

        def call(*args: object, **more: object) -> subprocess.Popen[str]:
            child = subprocess.Popen(
                [sys.executable, "-m", "gcl_cli", *map(str, args)],
                cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more,
            )  # fmt: skip
            stack.enter_context(child)  # closes the pipes, then waits
            stack.callback(child.kill)
            return child

        yield call
