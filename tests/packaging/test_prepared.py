"""A process of the tests' prepared Python is what `python ARGS` starts."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prepared import Fresh, Server

ASKS = """
import json, os, sys
print(json.dumps([sys.argv[1:], os.getcwd(), os.environ.get("ASKED"), sys.path[0], __name__]))
print("to stderr", file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture(scope="module", params=["prepared", "fresh"])
def prepared(request: pytest.FixtureRequest) -> Iterator[Server | Fresh]:
    made = Server(["json"]) if request.param == "prepared" else Fresh()
    yield made
    made.close()


def output(prepared: Server | Fresh, folder: Path, *args: object) -> tuple[int, str, str]:
    out, err = folder / "out", folder / "err"
    environment = {**os.environ, "ASKED": "é \udce9"}
    with out.open("w") as stdout, err.open("w") as stderr:
        child = prepared.start(args, cwd=folder, env=environment, stdout=stdout, stderr=stderr)
        code = child.wait(60)
    return code, out.read_text(), err.read_text()


@pytest.mark.parametrize("kind", ["file", "module"])
@pytest.mark.parametrize("code", [0, 3])
def test_it_is_what_python_starts(
    prepared: Server | Fresh, tmp_path: Path, kind: str, code: int
) -> None:
    (tmp_path / "asks.py").write_text(ASKS)
    args = [tmp_path / "asks.py"] if kind == "file" else ["-m", "asks"]
    args += [code, "a b", "ü"]
    want = subprocess.run(
        [sys.executable, *map(str, args)], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "ASKED": "é \udce9"}, check=False,
    )  # fmt: skip
    assert output(prepared, tmp_path, *args) == (want.returncode, want.stdout, want.stderr)
    assert want.returncode == code


def test_an_error_is_a_traceback_and_code_1(prepared: Server | Fresh, tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text("raise ValueError('no luck')\n")
    code, _, said = output(prepared, tmp_path, tmp_path / "fails.py")
    assert code == 1
    assert said.endswith("ValueError: no luck\n")


AT_ITS_END = """
import atexit, sys, threading, time
atexit.register(lambda: print("at exit"))
threading.Thread(target=lambda: (time.sleep(0.1), print("of a thread"))).start()
print("first")
sys.exit(4)
"""


def test_threads_are_waited_for_and_what_is_registered_is_done(
    prepared: Server | Fresh, tmp_path: Path
) -> None:
    (tmp_path / "ends.py").write_text(AT_ITS_END)
    code, printed, _ = output(prepared, tmp_path, tmp_path / "ends.py")
    assert (code, printed.splitlines()) == (4, ["first", "of a thread", "at exit"])


def test_what_cannot_be_written_at_the_end_is_said(
    prepared: Server | Fresh, tmp_path: Path
) -> None:
    buffered = "sys.stdout = open(1, 'w', closefd=False)"  # whatever PYTHONUNBUFFERED says
    (tmp_path / "full.py").write_text(f"import sys\n{buffered}\nprint('x')\n")
    with Path("/dev/full").open("w") as full, (tmp_path / "err").open("w") as err:
        child = prepared.start([tmp_path / "full.py"], stdout=full, stderr=err)
        assert child.wait(60) == 120
    assert "No space left on device" in (tmp_path / "err").read_text()


def test_processes_end_as_they_are_told(prepared: Server | Fresh, tmp_path: Path) -> None:
    """Several at once; a signal reaches one, and its code says which it was."""
    (tmp_path / "sleeps.py").write_text("print(1, flush=True)\nimport time\ntime.sleep(600)\n")
    with (tmp_path / "out").open("w") as file:
        args = [tmp_path / "sleeps.py"]
        first, second = (prepared.start(args, stdout=file, stderr=file) for _ in range(2))
        try:
            while (tmp_path / "out").read_text().count("1") < 2:
                time.sleep(0.01)
            assert (first.poll(), second.poll()) == (None, None)
            first.send_signal(signal.SIGTERM)
            assert first.wait(60) == -signal.SIGTERM
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(0.05)
        finally:
            first.kill()
            second.kill()
        assert second.wait(60) == -signal.SIGKILL
    first.send_signal(signal.SIGKILL)  # has ended: no other process with its number gets it
