"""The guide's backend, word for word: as a third party's tests and from the command line."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import prepared
from gcl_spec.conformance.numpy_arrays import NumPyArrays
from gcl_spec.conformance.suite import BackendSuite
from repository import REPOSITORY

GUIDE = REPOSITORY / "docs" / "backends.md"


@pytest.fixture(scope="module")
def third_party(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the guide's two files."""
    folder = tmp_path_factory.mktemp("third_party")
    backend, tests = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    (folder / "mybackend.py").write_text(backend)
    (folder / "test_mybackend.py").write_text(tests)
    return folder


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path}
    return prepared.run(*args, cwd=folder, env=environment)


PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")


def test_the_guides_backend_passes_the_suite(third_party: Path) -> None:
    done = run(third_party, *PYTEST, "test_mybackend.py")
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 180
    assert "skipped" not in done.stdout


def test_the_suite_rejects_a_wrong_backend(third_party: Path, tmp_path: Path) -> None:
    right = (third_party / "mybackend.py").read_text()
    wrong = right.replace("(z_MBD, log_scale, bias)", "(z_MBD, 1.001 * log_scale, bias)")
    assert wrong != right
    (tmp_path / "mybackend.py").write_text(wrong)
    (tmp_path / "test_mybackend.py").write_text((third_party / "test_mybackend.py").read_text())
    done = run(tmp_path, *PYTEST, "-x", "test_mybackend.py", "-k", "fixed_case")
    assert done.returncode == 1, done.stdout
    assert "rounding explains at most" in done.stdout


def test_the_suite_rejects_wrong_metrics() -> None:
    class Wrong(NumPyArrays):
        def retrieval_metrics(self, *arrays, metrics):
            return np.zeros((len(metrics), 3, len(arrays[0])))

    class TestWrong(BackendSuite):
        backend = Wrong()

    with pytest.raises(AssertionError, match="hit@1 of query 0 is 0, and not 1"):
        TestWrong().test_retrieval_metrics("float64")


def test_the_guides_commands(third_party: Path) -> None:
    """As a console script runs: the current folder is not on the path."""
    words = ["verify-backends", "--backend", "mybackend:MyBackend"]
    one = [*words, "--dtype", "float64"]  # the suite has just tried both
    code = f"from gcl_cli.main import main; main({one})"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=third_party, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mine" in done.stdout
    assert " ".join(words) in GUIDE.read_text()
