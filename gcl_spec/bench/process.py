"""Runs a measurement in a process of its own, with threads and memory of its own, and ends it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal

from gcl_spec.bench.measure import Case
from gcl_spec.bench.search import SearchCase

__all__ = ["ask", "environment"]


def environment(threads: int, base: Mapping[str, str]) -> dict[str, str]:
    """The variables `base` with those by which libraries, at import, limit their threads.

    XLA_FLAGS limits XLA's CPU threads in old versions only; NPROC (jaxlib up to 0.10) and
    PJRT_NPROC (after that) set the size of its pool (xla/pjrt/utils.cc, DefaultThreadPoolSize).

    >>> environment(1, {})["OMP_NUM_THREADS"]
    '1'
    """
    eigen = "true" if threads > 1 else "false"
    flags = (
        f"--xla_cpu_multi_thread_eigen={eigen} intra_op_parallelism_threads={threads}",
        base.get("XLA_FLAGS", ""),
    )
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC", "PJRT_NPROC")
    return {
        **base,
        **dict.fromkeys(names, str(threads)),
        "XLA_FLAGS": " ".join(flags).strip(),
    }


def ask(
    what: Literal["list", "measure", "search"], case: Case | SearchCase, *, timeout: float
) -> dict[str, Any]:
    """The worker's answer, {"found": ...} or {"error": ..., "kind": ...}; it never raises.

    The process and all that it started are gone when this returns or is interrupted.
    """
    request = json.dumps({"do": what, "case": asdict(case)}) + "\n"
    reading, writing = os.pipe()
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "gcl_spec.bench.worker"],
            stdin=reading,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(case.threads, os.environ),
            start_new_session=True,
        ) as child:
            try:
                os.write(writing, request.encode())
                out, err = child.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                return {"error": f"not done after {timeout:g} s", "kind": "TimeoutExpired"}
            finally:
                _kill(child)
    finally:
        os.close(reading)
        os.close(writing)
    return _parse(out, err, child.returncode)


def _parse(out: bytes, err: bytes, code: int) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(out)
    except ValueError:
        if code < 0:
            reason = f"ended by {signal.Signals(-code).name}"
            reason += ", as when memory is short" if code == -signal.SIGKILL else ""
        else:
            last = err.decode(errors="replace").strip().splitlines()[-1:]
            reason = f"ended with exit code {code}: {''.join(last) or 'no message'}"
        return {"error": reason, "kind": "ProcessEnded"}
    return answer


def _kill(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is not None:
        return
    if os.name == "posix":
        os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()
