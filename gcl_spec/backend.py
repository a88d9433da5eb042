"""The seam: every protocol between this library and a framework, in one file.

A backend is small, because it is only the arithmetic. `Backend` is what every one supplies; the
others add one ability each, and `isinstance` says whether a backend has it:

    Backend             the loss and its gradients
      SpreadBackend     the same, of a batch that is cut over processes or devices
      TrainingBackend   models that are trained: a `Trainer`, whose processes form a `World`
        OnnxBackend     trained models that are written as ONNX graphs
      RankingBackend    retrieval metrics, where it computes them in a way of its own
      SearchBackend     products of queries and rows, for exact search: `ChunkProducts`
      BenchBackend      losses whose cost is measured: a `Bench` with a `Memory` meter

What lies below this file defines its own: `Kernel` and its kin are in `gcl_spec.loss.kernel`, the
arguments and results of a loss in `gcl_spec.loss.call`, `ChunkProducts` in
`gcl_spec.chunk_products`, and `RankingBackend` in `gcl_spec.recall.protocol`.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import (
    Any,
    NamedTuple,
    Protocol,
    TypeAlias,
    Unpack,
    runtime_checkable,
)

from gcl_spec._typing import AnyArray, Array, ArrayNamespace, FloatArray, State
from gcl_spec.batch import Batch
from gcl_spec.chunk_products import ChunkProducts, Multiplier
from gcl_spec.config.options import Config
from gcl_spec.loss.call import LossAndGrads, LossArguments
from gcl_spec.loss.kernel import (
    ConstantKernel,
    FamilyKernel,
    FrameworkKernel,
    Kernel,
    PartialKernel,
    Processes,
)
from gcl_spec.objective import Objective
from gcl_spec.recall.protocol import RankingBackend

__all__ = [
    "Backend", "Bench", "BenchBackend", "Candidate", "ChunkProducts",
    "ConstantKernel", "FamilyKernel", "FrameworkKernel", "Inputs",
    "Kernel", "LossAndGrads", "LossArguments", "Memory", "Multiplier", "OnnxBackend",
    "PartialKernel", "Prepared", "Processes", "RankingBackend", "SearchBackend", "SpreadBackend",
    "Step", "Trainer", "TrainingBackend", "World",
]  # fmt: skip


@runtime_checkable
class Backend(Protocol):
    """What computes the objective and its gradients on arrays of one framework."""

    name: str
    xp: ArrayNamespace

    def devices(self) -> Sequence[str]:
        """Names of the devices that work here; the first is the default."""

    def from_numpy(self, x: AnyArray, /, *, dtype: str, device: str) -> Array:
        """The framework's array, of the same shape, on `device`; `dtype` is one of "float32",
        "float64", "bool", "int64", and, where rows may have it, "bfloat16"."""

    def to_numpy(self, x: Array, /) -> AnyArray:
        """The values as a NumPy array of the same shape and dtype; bfloat16 becomes float32."""

    def loss_and_grads(
        self, z_MBD: Array, log_scale: Array, /, **arguments: Unpack[LossArguments]
    ) -> LossAndGrads:
        """The objective on stacked embeddings and its gradients, as `Trainer.step` computes them.

        Args:
            z_MBD: (M, B, D), rows in the order of `objective.modalities`. Where it has no rows of
                the F modalities "a+b" of two others, they are normalise(w_a e_a + w_b e_b), through
                which the gradient goes.
            log_scale: -ln(tau), shape (), or several as `objective.scales` says.
            arguments: the objective, and what `LossArguments` says of the samples.
        """


@runtime_checkable
class SpreadBackend(Backend, Protocol):
    """A backend that can also spread one batch over processes, or devices, of this machine."""

    def spread(self, size: int, /) -> AbstractContextManager[Backend]:
        """A backend on the CPU whose `loss_and_grads` cuts its samples over `size` of them.

        Loss and gradients equal those of one process. Leaving the context ends what was started.
        """


@runtime_checkable
class TrainingBackend(Backend, Protocol):
    """A backend that can also train the models of the recipes."""

    def trainer(self, config: Config, /, *, device: str, state: State | None = None) -> "Trainer":
        """A trainer at `state`, or at fresh weights drawn from `config.train.seed`.

        A state without "optim/..." entries (weights only, as `--init` gives) starts the optimiser
        and the step count anew.
        """


@runtime_checkable
class Trainer(Protocol):
    """One model with its optimiser.

    Where several processes train it, each has a trainer of its own, which gets its share of every
    batch; the state is the same on all.
    """

    @property
    def world(self) -> "World":
        """The processes that train this model; `gcl_spec.train.world.single()` for one alone."""

    def step(self, batch: Batch, /, *, lr: float) -> Mapping[str, Array]:
        """Make one update, and return device scalars, which the loop reads.

        They are loss and grad_norm; scale, "scale/<name>" and "bias/<name>" as in
        `gcl_spec.loss.learned_numbers`; "loss/<direction>", "gap/distance" and "gap/cosine" for
        the log (`gcl_spec.loss.terms`); and "skipped", which is 1 where loss or gradient was not
        finite and nothing but the step count changed.
        """

    def encode(self, batch: Batch, /) -> Mapping[str, FloatArray]:
        """Embeddings by modality, (B, D) float32 unit rows, of each of `model.modalities`.

        A row whose inputs are not present is zero.
        """

    def features(self, batch: Batch, /) -> Mapping[str, FloatArray]:
        """Outputs of the frozen towers by modality that `batch` has, {"image": (B, F)} float32."""

    def state(self) -> State:
        """Parameters, optimiser moments and step as flat NumPy arrays, copied.

        `gcl_spec.run.state.Snapshot.to_state` makes their names, so that every backend can go on
        from the state of any other.
        """


@runtime_checkable
class World(Protocol):
    """The processes that run one training together; each call is made by all of them, in order."""

    @property
    def rank(self) -> int:
        """The place of this process, from 0 to `size` - 1; only process 0 writes."""

    @property
    def size(self) -> int:
        """The number of processes."""

    @property
    def host(self) -> str:
        """The address of the machine of process 0; it is empty where processes need no watch."""

    def barrier(self) -> None:
        """Return when all processes have called it."""

    def first(self, number: int, /) -> int:
        """The number that process 0 has given, from 0 to 2^31 - 1; it is the same for all."""

    def lost(self, error: Exception, /) -> bool:
        """Is `error` what an exchange raises where another process has gone?"""

    def any(self, flag: bool, /) -> bool:
        """Whether one of the processes has given True; the answer is the same for all."""


@runtime_checkable
class OnnxBackend(TrainingBackend, Protocol):
    """A backend that also writes its models as ONNX graphs."""

    def write_onnx(
        self,
        config: Config,
        weights: State,
        inputs: Mapping[str, Mapping[str, AnyArray]],
        out: Path,
    ) -> None:
        """Write `<modality>.onnx` into the folder `out` for each modality of `inputs`.

        Args:
            config: the options of the run, whose model is written.
            weights: parameters and buffers by their names in the model, LoRA matrices added.
            inputs: for each modality sample inputs of a batch by name, (B, ...) each; in the graph
                B, and the length of token sequences, may be any.
            out: an existing folder.
        """


@runtime_checkable
class SearchBackend(Backend, Multiplier, Protocol):
    """A backend that also makes the products of an exact search (`gcl_spec.search.top_k`)."""


class Inputs(NamedTuple):
    """One batch of pairs to measure a loss on: float64 unit rows, (B, D) each."""

    image_BD: FloatArray
    text_BD: FloatArray
    fused_BD: FloatArray
    """The rows normalise(image + text)."""
    log_scale: float
    """ln(1 / temperature)"""


Step: TypeAlias = Callable[[], Any]
"""A call starts one forward and backward pass and gives (loss, d image, d text, d log_scale)."""


class Prepared(NamedTuple):
    """A loss that is ready to run on inputs of one shape."""

    step: Step
    compile_seconds: float | None = None
    """The time of tracing and compiling; None where nothing is compiled beforehand."""


class Candidate(NamedTuple):
    """A loss that `gcl bench` can measure."""

    prepare: Callable[[Inputs, Objective], Prepared]
    about: str
    """A line that says what the loss is, with the version of its library."""
    computes: str = ""
    """The preset, or the one of `gcl_spec.loss.settings`, that it computes whatever is asked for;
    it is empty where the loss computes what is asked for."""
    missing: str = ""
    """The reason why it cannot run here; then it is measured only when asked for by name."""


@runtime_checkable
class Memory(Protocol):
    """A meter of the device's memory."""

    kind: str
    """The name of the count that is read, such as "torch.cuda.max_memory_allocated"."""

    def start(self) -> None:
        """Count peaks from the memory in use now on."""

    def peak(self) -> int | None:
        """Bytes in use at the peak since `start`, less those at `start`; None: it is unknown."""


@runtime_checkable
class Bench(Protocol):
    """The losses of one backend, on one device and in one dtype; it reads no clock itself."""

    version: str
    """The version of the framework."""

    def candidates(self) -> Mapping[str, Candidate]:
        """Every loss that the backend knows, by name; none is built, and no peer is imported."""

    def product(self, rows_ND: FloatArray, /) -> Step:
        """The unit of time, rows @ rows^T: every call makes a new (N, N) array."""

    def wait(self, result: Array, /) -> None:
        """Wait until a result of a step, of any shape, is computed."""

    def memory(self) -> Memory | None:
        """The meter of the device's memory; None where that is the memory of the process."""


@runtime_checkable
class BenchBackend(Backend, Protocol):
    """A backend whose losses `gcl bench` can measure."""

    def bench(self, /, *, device: str, dtype: str, threads: int) -> Bench:
        """The backend's bench.

        Args:
            device: one of the backend's devices.
            dtype: the name of a dtype, such as "bfloat16".
            threads: the processor threads to use.
        """
