"""What a backend supplies to have its losses measured: the arithmetic again, and no clock."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from gcl_spec import registry
from gcl_spec._typing import Array, FloatArray
from gcl_spec.backend import Backend
from gcl_spec.errors import NotABenchBackendError
from gcl_spec.objective import Objective

__all__ = ["Bench", "BenchBackend", "Candidate", "Inputs", "Memory", "Prepared", "Step", "load"]


class Inputs(NamedTuple):
    """One batch of pairs, float64 unit rows."""

    image_BD: FloatArray
    text_BD: FloatArray
    fused_BD: FloatArray
    """normalise(image + text)"""
    log_scale: float
    """ln(1 / temperature)"""


Step: TypeAlias = Callable[[], Any]
"""Starts one forward and backward pass: (loss, d image, d text, ..., d log_scale)."""


class Prepared(NamedTuple):
    """A candidate that is ready to run on inputs of one shape."""

    step: Step
    compile_seconds: float | None = None
    """What tracing and compiling took; None where nothing is compiled beforehand."""


class Candidate(NamedTuple):
    """A loss that can be measured."""

    prepare: Callable[[Inputs, Objective], Prepared]
    about: str
    """What it is, with the version of its library."""
    computes: str = ""
    """The preset that it computes whatever objective is asked for; "" computes what is asked."""
    missing: str = ""
    """Why it cannot run here; then it is measured only when asked for by name."""


class Memory(Protocol):
    """A meter of the device's memory."""

    kind: str
    """What is read, such as "torch.cuda.max_memory_allocated"."""

    def start(self) -> None:
        """Peaks are counted from the memory in use now."""
        ...

    def peak(self) -> int | None:
        """Bytes in use at the peak since `start`, less those at `start`; None where not known."""
        ...


class Bench(Protocol):
    """One backend on one device, in one dtype."""

    version: str
    """Of the framework."""

    def candidates(self) -> Mapping[str, Candidate]:
        """Every loss that it knows, by name; none is built yet and no peer is imported."""
        ...

    def product(self, rows_ND: FloatArray, /) -> Step:
        """The unit of time: rows @ rows^T, a new (N, N) array a call."""
        ...

    def wait(self, result: Array, /) -> None:
        """Return when what a step gave is computed."""
        ...

    def memory(self) -> Memory | None:
        """The meter of the device's memory; None where it is the process's own."""
        ...


@runtime_checkable
class BenchBackend(Backend, Protocol):
    """A backend whose losses can be measured."""

    def bench(self, /, *, device: str, dtype: str, threads: int) -> Bench:
        """Its bench on `device`; `dtype` is a name such as "bfloat16"."""
        ...


def load(name: str, /) -> BenchBackend:
    """As `registry.load`; `NotABenchBackendError` for a backend that has nothing to measure."""
    backend = registry.load(name)
    if not isinstance(backend, BenchBackend):
        raise NotABenchBackendError(
            f"backend {name!r} has no losses to measure; use --backend torch or --backend jax"
        )
    return backend
