"""Backends under test are declared, never discovered: a missing one is a failure, not a skip."""

import ctypes
import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from compiling import QUICKLY

# Before a framework is imported. Tests run in several processes, so one thread each.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", QUICKLY)

import pytest
from hypothesis import settings

from gcl_reference.backend import ReferenceBackend
from gcl_spec import registry
from gcl_spec.backend import Backend
from remembering import Remembering
from tiles_on_disk import write_data
from wanted import BACKENDS

# Shared machines stall; a slow draw is no failure. The same draws every time, so CI is repeatable.
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("ci")


TESTS = Path(__file__).parent

_LEAST_SECONDS = "0.1"
"""Programs that XLA compiles in less are not worth a file."""


def pytest_configure(config: pytest.Config) -> None:
    """What XLA compiled, the next run of the tests finds; `pytest --cache-clear` forgets it.

    The key of a program is all that it depends on: its operations, its options and JAX's version.
    Processes that tests start find it, too. JAX_ENABLE_COMPILATION_CACHE=false switches it off.
    """
    cache = getattr(config, "cache", None)  # none with `-p no:cacheprovider`
    if cache is not None:
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache.mkdir("jax")))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", _LEAST_SECONDS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Folders of long tests first, so that no process is left alone with one at the end.

    Before these, what takes the most memory, whole towers with their optimizers or as graphs, while
    a process holds little else.
    """
    items.sort(key=_shortness)


def _shortness(item: pytest.Item) -> int:
    first, second = (*item.path.relative_to(TESTS).parts, "")[:2]
    if (first, second) == ("gcl_torch", "train") or item.path.name == "test_onnx.py":
        return -1
    if second == "test_hangs.py":  # it waits, as others of the first do: beside tests that compute
        return 1
    return 0 if first != "gcl_spec" else 1 if second in ("conformance", "export", "train") else 2


def pytest_collection_finish() -> None:
    """What imports have left stays to the end, so no collection of garbage need look at it.

    Others are rarer than Python's 700 new objects: a framework traces programs of many thousands.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


def pytest_sessionfinish() -> None:
    """pytest then collects garbage five times, of which once is enough."""
    gc.collect()
    gc.freeze()


_LEAST, _ROOM = 2**30, 2**27
_grown = {"to": _LEAST}
"""The bytes in memory from which some are given back: more as what stays for good grows."""


@pytest.fixture(autouse=True)
def memory_is_given_back() -> Iterator[None]:
    """JAX keeps every compiled program, and the C library what was freed: gigabytes together."""
    yield
    if _resident() <= _grown["to"]:
        return
    _give_back()
    if _resident() <= _grown["to"] - _ROOM // 2:
        return
    jax = sys.modules.get("jax")
    if hasattr(jax, "clear_caches"):
        jax.clear_caches()
        gc.collect()
        gc.freeze()  # what is left is long-lived
        _give_back()
    _grown["to"] = max(_LEAST, _resident() + _ROOM)


def _give_back() -> None:
    """What was freed goes back to the system, where the C library (glibc) would keep it."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def _resident() -> int:
    """The bytes of this process in memory; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="session", autouse=True)
def no_disk_is_waited_for() -> Iterator[None]:
    """No test survives a loss of power, which is all that `fsync` is for; a closed file fails."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: os.fstat(file) and None)
        yield


@pytest.fixture(autouse=True)
def signals_as_in_a_terminal() -> Iterator[None]:
    """What tests and the processes they start assume of signals, however pytest was started.

    A shell without job control, cron and CI systems start what runs in the background with SIGINT
    ignored, nohup with SIGHUP ignored, and children inherit that.
    """
    wanted = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    wanted |= {signal.SIGHUP: signal.SIG_DFL, signal.SIGCHLD: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, wanted)
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    for number, handler in before.items():
        signal.signal(number, handler)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend_name" in metafunc.fixturenames:
        metafunc.parametrize("backend_name", BACKENDS, scope="session")


@pytest.fixture(scope="session")
def backend(backend_name: str) -> Backend:
    return registry.load(backend_name)


@pytest.fixture(scope="session")
def reference() -> Backend:
    assert isinstance(registry.load("reference"), ReferenceBackend)
    return Remembering()


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data") / "tiles")
