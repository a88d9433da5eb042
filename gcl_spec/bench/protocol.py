"""What a backend supplies to have its losses measured: only arithmetic, no clock."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from gcl_spec import registry
from gcl_spec._typing import Array, FloatArray
from gcl_spec.backend import Backend
from gcl_spec.errors import NotABenchBackendError
from gcl_spec.objective import Objective

__all__ = ["Bench", "BenchBackend", "Candidate", "Inputs", "Memory", "Prepared", "Step", "load"]


class Inputs(NamedTuple):
    """One batch of pairs, as unit rows in float64."""

    image_BD: FloatArray
    text_BD: FloatArray
    fused_BD: FloatArray
    """The fused rows normalise(image + text)."""
    log_scale: float
    """ln(1 / temperature)"""


Step: TypeAlias = Callable[[], Any]
"""A step starts one forward and backward pass: (loss, d image, d text, ..., d log_scale)."""


class Prepared(NamedTuple):
    """A candidate that is ready to run on inputs of one shape."""

    step: Step
    compile_seconds: float | None = None
    """The time of tracing and compiling; None where nothing is compiled beforehand."""


class Candidate(NamedTuple):
    """A loss that can be measured."""

    prepare: Callable[[Inputs, Objective], Prepared]
    about: str
    """A line on what it is, with the version of its library."""
    computes: str = ""
    """The preset that it computes, whatever is asked for; "" where it computes any objective."""
    missing: str = ""
    """The reason why it cannot run here; it is then measured only when asked for by name."""


class Memory(Protocol):
    """A meter of the device's memory."""

    kind: str
    """The source of the number, such as "torch.cuda.max_memory_allocated"."""

    def start(self) -> None:
        """Count peaks from the memory that is in use now."""
        ...

    def peak(self) -> int | None:
        """The bytes in use at the peak since `start` less those at `start`; None if not known."""
        ...


class Bench(Protocol):
    """One backend on one device, in one dtype."""

    version: str
    """The version of the framework."""

    def candidates(self) -> Mapping[str, Candidate]:
        """All losses that it knows, by name; none is built yet, and no peer is imported."""
        ...

    def product(self, rows_ND: FloatArray, /) -> Step:
        """The unit of time: a step that computes rows @ rows^T as a new array (N, N)."""
        ...

    def wait(self, result: Array, /) -> None:
        """Wait until a result of a step, of any shape, is computed."""
        ...

    def memory(self) -> Memory | None:
        """The meter of the device's memory; None where that is the process's own memory."""
        ...


@runtime_checkable
class BenchBackend(Backend, Protocol):
    """A backend whose losses can be measured."""

    def bench(self, /, *, device: str, dtype: str, threads: int) -> Bench:
        """The backend's bench.

        Args:
            device: one of the backend's devices.
            dtype: the name of a dtype, such as "bfloat16".
            threads: the processor threads to use.
        """
        ...


def load(name: str, /) -> BenchBackend:
    """The backend of this name, which must be one whose losses can be measured.

    Raises:
        NotABenchBackendError: it has nothing to measure.
        BackendLoadError: it cannot be loaded (`gcl_spec.registry.load` says why).
    """
    backend = registry.load(name)
    if not isinstance(backend, BenchBackend):
        raise NotABenchBackendError(
            f"backend {name!r} has no losses to measure; use --backend torch or --backend jax"
        )
    return backend
