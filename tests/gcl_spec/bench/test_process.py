"""The process of a measurement: its threads, and what is said of one that gives no answer."""

import signal

import pytest

from gcl_spec.bench.measure import Case
from gcl_spec.bench.process import _parse, ask, environment


def test_threads_are_limited_in_every_library() -> None:
    found = environment(3, {"XLA_FLAGS": "--mine", "HOME": "/home/me"})
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PJRT_NPROC"):
        assert found[name] == "3"
    assert found["HOME"] == "/home/me"
    assert found["XLA_FLAGS"].endswith(" --mine")
    assert "multi_thread_eigen=true" in found["XLA_FLAGS"]
    assert "multi_thread_eigen=false" in environment(1, {})["XLA_FLAGS"]


@pytest.mark.parametrize(
    ("err", "code", "message"),
    [
        (b"", -signal.SIGKILL, "ended by SIGKILL, as when memory is short"),
        (b"", -signal.SIGSEGV, "ended by SIGSEGV"),
        (b"first\nlast line\n", 7, "ended with exit code 7: last line"),
        (b"", 1, "ended with exit code 1: no message"),
    ],
)
def test_a_process_without_an_answer(err: bytes, code: int, message: str) -> None:
    assert _parse(b"", err, code) == {"error": message, "kind": "ProcessEnded"}


def test_an_answer_is_taken() -> None:
    assert _parse(b'{"found": {"a": 1}}', b"chatter", 0) == {"found": {"a": 1}}


def test_an_unknown_backend_is_an_answer() -> None:
    case = Case("none", "", 1, 1, "float32", None, 1, 1, "gcl")
    found = ask("list", case, timeout=120)
    assert found["kind"] == "UnknownBackendError"
    assert "no backend 'none'" in found["error"]
