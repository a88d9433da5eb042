"""Run `gcl` as a user does."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Gcl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def gcl(tmp_path: Path) -> Gcl:
    def call(*args: object, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "gcl_cli", *map(str, args)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return call
