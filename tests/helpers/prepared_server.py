"""A Python that has imported what is slow; every process that it is asked for is a fork of it.

Run by `prepared` with the number of a socket and the names of the modules to import.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

_STREAMS = 3
_DEFAULTS: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGCHLD: signal.SIG_DFL,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}


def main() -> None:
    asked = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests and what they started
    for name in sys.argv[2:]:
        importlib.import_module(name)
    threads = Path("/proc/self/task")
    if threads.exists():
        assert len([*threads.iterdir()]) == 1, "a fork would lack threads that an import started"
    # What is there stays: no fork copies its pages to count references.
    gc.freeze()
    command = _serve(asked)
    if command is not None:
        _become(command)


def _serve(asked: socket.socket) -> dict[str, Any] | None:
    """Fork for every request; in the fork, the request, and None when the tests have ended."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with selectors.DefaultSelector() as selector:
        selector.register(asked, selectors.EVENT_READ)
        selector.register(ours, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if ours in ready:
                ours.recv(1024)
                _tell_who_ended(asked)
            if asked in ready:
                text, streams, _, _ = socket.recv_fds(asked, 2**20, _STREAMS)
                if not text:
                    return None
                child = os.fork()
                if child == 0:
                    break
                for stream in streams:
                    os.close(stream)
                asked.send(json.dumps({"started": child}).encode())
    signal.set_wakeup_fd(-1)
    for end in (asked, ours, theirs):
        end.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    request: dict[str, Any] = json.loads(text)
    return request


def _tell_who_ended(asked: socket.socket) -> None:
    with suppress(ChildProcessError):
        while True:
            child, status = os.waitpid(-1, os.WNOHANG)
            if not child:
                return
            code = os.waitstatus_to_exitcode(status)
            with suppress(OSError):  # the tests are gone
                asked.send(json.dumps({"ended": child, "code": code}).encode())


def _become(command: dict[str, Any]) -> None:
    """Do what `python ARGS` does, in this environment and folder."""
    for number, handler in _DEFAULTS.items():
        signal.signal(number, handler)
    os.environ.clear()
    os.environ.update(command["env"])
    os.chdir(command["cwd"])
    tempfile.tempdir = None  # torch's compiler asked for it when it was imported
    _configure_jax()
    places = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    kind, *args = command["args"]
    try:
        if kind == "-m":
            module, *args = args
            sys.path[0:1] = [str(Path.cwd()), *places]
            sys.argv = [module, *args]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        else:
            sys.path[0:1] = [str(Path(kind).parent), *places]
            sys.argv = [kind, *args]
            runpy.run_path(kind, run_name="__main__")
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise  # Python prints it
        _end(end.code or 0)
    _end(0)


def _end(code: int) -> None:
    """Do what Python does at its end, without the half second in which it frees each module.

    In a fork that touches, and so copies, all that was imported. What then fails (a library that
    crashes when it is freed) is seen in processes that are no forks.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            try:
                stream.flush()
            except (OSError, ValueError):
                sys.exit(code)  # Python says so, and has an exit code for it
    os._exit(code & 0xFF)


def _configure_jax() -> None:
    """JAX read its variables when it was imported; read those of this environment."""
    jax = sys.modules.get("jax")
    if jax is None:
        return
    for name, text in os.environ.items():
        option = name.lower()
        if option in jax.config.values:
            now = jax.config.values[option]
            value: Any = text
            if isinstance(now, bool):
                value = text.lower() in ("1", "true", "yes", "on")
            elif isinstance(now, int | float):
                value = type(now)(text)
            jax.config.update(option, value)


if __name__ == "__main__":
    main()
