"""Processes as `python ARGS` starts them, without the seconds that importing a framework takes.

They are forks of a Python that has imported it. What libraries read when they are imported, such as
HF_HOME, they have read in that Python's environment; a test of that starts a Python of its own.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any

_SERVER = Path(__file__).with_name("prepared_server.py")
_COMMON = ("gcl_cli.main", "PIL.Image", "rich.console", "gcl_spec.train.training")
_MODULES = {
    "torch": (
        "torch", "torch._dynamo", "torch.distributed.fsdp", "gcl_torch.backend",
        "transformers.models.clip.modeling_clip",
    ),
    "jax": ("jax", "flax.nnx", "optax", "gcl_jax.backend"),
}  # fmt: skip


class Child:
    """A process of a `Server`; the methods are those of `subprocess.Popen`."""

    def __init__(self, server: "Server", pid: int) -> None:
        self._server, self.pid = server, pid

    @property
    def returncode(self) -> int | None:
        return self._server.codes.get(self.pid)

    def poll(self) -> int | None:
        self._server.listen(0)
        return self.returncode

    def wait(self, timeout: float = 400) -> int:
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            left = until - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
            self._server.listen(left)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it, and wait until it has ended."""
        self.send_signal(signal.SIGKILL)
        self.wait()


class Server:
    """A Python that has imported modules, and forks."""

    def __init__(self, modules: Sequence[str]) -> None:
        self.codes: dict[int, int] = {}
        self._started: list[int] = []
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        number = theirs.fileno()
        command = [sys.executable, str(_SERVER), str(number), *modules]
        # One thread: a library's others would be missing in a fork.
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(command, pass_fds=[number], env=env)
        theirs.close()
        atexit.register(self.close)

    def start(
        self,
        args: Sequence[object],
        *,
        stdout: IO[Any],
        stderr: IO[Any],
        cwd: Path | str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Child:
        """`python ARGS`, where ARGS is `-m MODULE ...` or `FILE.py ...`."""
        request = {
            "args": list(map(str, args)),
            "cwd": os.fspath(cwd or Path.cwd()),
            "env": dict(os.environ if env is None else env),
        }
        with Path(os.devnull).open() as stdin:
            streams = [stream.fileno() for stream in (stdin, stdout, stderr)]
            socket.send_fds(self._socket, [json.dumps(request).encode()], streams)
        while not self._started:
            self.listen(None)
        return Child(self, self._started.pop())

    def listen(self, seconds: float | None) -> None:
        """Read what the server says, waiting so long for the first message."""
        while select.select([self._socket], [], [], seconds)[0]:
            message = self._socket.recv(1024)
            if not message:
                raise RuntimeError(f"the server has ended with code {self._process.wait()}")
            said = json.loads(message)
            if "started" in said:
                self._started.append(said["started"])
            else:
                self.codes[said["ended"]] = said["code"]
            seconds = 0

    def close(self) -> None:
        """End the server; its children end by themselves."""
        self._socket.close()
        self._process.wait()


class Fresh:
    """A `Server` without anything prepared, for systems on which a fork would not do."""

    def start(
        self,
        args: Sequence[object],
        *,
        stdout: IO[Any],
        stderr: IO[Any],
        cwd: Path | str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> "subprocess.Popen[bytes]":
        """`python ARGS`, as `Server.start` has it."""
        command, nothing = [sys.executable, *map(str, args)], subprocess.DEVNULL
        return subprocess.Popen(
            command, stdin=nothing, stdout=stdout, stderr=stderr, cwd=cwd, env=env
        )

    def close(self) -> None:
        """Nothing is to be ended."""


def run(
    *args: object,
    cwd: Path | str | None = None,
    env: Mapping[str, str] | None = None,
    framework: str = "",
    timeout: float = 400,
) -> subprocess.CompletedProcess[str]:
    """What `subprocess.run` of `python ARGS` gives, its output as text."""
    words = list(map(str, args))
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        own = server(framework or framework_of(words))
        child = own.start(words, cwd=cwd, env=env, stdout=out, stderr=err)
        try:
            code = child.wait(timeout)
        finally:
            child.kill()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read())
    return subprocess.CompletedProcess(words, code, *texts)


def framework_of(args: Sequence[str]) -> str:
    """The framework that a command asks for; torch where it does not say."""
    return "jax" if "jax" in args else "torch"


@cache
def server(framework: str) -> Server | Fresh:
    """The server of this process with a framework's modules, "torch" or "jax"."""
    if sys.platform != "linux":
        return Fresh()
    return Server((*_MODULES[framework], *_COMMON))
