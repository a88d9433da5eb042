"""The seam: what a backend must supply. It is small: a backend is only the arithmetic."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy.typing as npt

from gcl_spec._typing import Array, ArrayNamespace, FloatArray, State
from gcl_spec.batch import Batch
from gcl_spec.config.options import Config
from gcl_spec.objective import Objective

__all__ = ["Backend", "LossAndGrads", "SpreadBackend", "Trainer", "TrainingBackend"]


class LossAndGrads(NamedTuple):
    """A loss and its gradients, as arrays of the backend."""

    loss: Array
    """Shape ()."""
    grads: Array
    """d loss / d z, of the shape of z."""
    dlog_scale: Array
    """d loss / d log_scale, shape ()."""


@runtime_checkable
class Backend(Protocol):
    """Computes the objective and its gradients on arrays of one framework."""

    name: str
    xp: ArrayNamespace

    def devices(self) -> Sequence[str]:
        """Names of the devices that work here; the first is the default."""
        ...

    def from_numpy(self, x: npt.NDArray[Any], /, *, dtype: str, device: str) -> Array:
        """The framework's array on `device` of dtype "float32", "float64", "bool", "int64", or,
        where rows may have it, "bfloat16"."""
        ...

    def to_numpy(self, x: Array, /) -> npt.NDArray[Any]:
        """The values as a NumPy array, detached, of the same dtype; bfloat16 as float32."""
        ...

    def loss_and_grads(
        self,
        z_MBD: Array,
        log_scale: Array,
        /,
        *,
        objective: Objective,
        present: Array | None = None,
        ids: Array | None = None,
        weights: Array | None = None,
        tile: int | None = None,
    ) -> LossAndGrads:
        """The objective on stacked embeddings, by the very path that `Trainer.step` uses.

        z_MBD: rows in the order of `objective.modalities`; where it has no rows of the F modalities
        "a+b" of two others, they are normalise(w_a e_a + w_b e_b), through which the gradient goes.
        log_scale: shape (), -ln(tau). present: (M, B) booleans. ids: (B,) integers. weights:
        (F, 2, B), w_a and w_b; 1 when not given. tile: rows of a tile, where it computes in tiles.
        """
        ...


@runtime_checkable
class SpreadBackend(Backend, Protocol):
    """A backend that can also spread one batch over processes, or devices, of this machine."""

    def spread(self, size: int, /) -> AbstractContextManager[Backend]:
        """A backend on the CPU whose `loss_and_grads` cuts its samples over `size` of them.

        The loss is that of the whole batch, and the gradients are those that one process has.
        Leaving the context ends what was started.
        """
        ...


@runtime_checkable
class TrainingBackend(Backend, Protocol):
    """A backend that can also train the models of the recipes."""

    def trainer(self, config: Config, /, *, device: str, state: State | None = None) -> "Trainer":
        """A trainer at `state`, or at fresh weights drawn from `config.train.seed`.

        A state without "optim/..." entries (weights only, as `--init` gives) starts the optimiser
        and the step count anew.
        """
        ...


@runtime_checkable
class Trainer(Protocol):
    """One model with its optimiser.

    One that runs in several processes also has `world`, a `gcl_spec.train.world.World`; each
    process then gets its share of every batch, and the state is the same on all.
    """

    def step(self, batch: Batch, /, *, lr: float) -> Mapping[str, Array]:
        """One update; returns device scalars, which the loop reads.

        They are loss, scale and grad_norm; "loss/<direction>", "gap/distance" and "gap/cosine" for
        the log (`gcl_spec.loss.terms`); and "skipped", 1 where loss or gradient was not finite and
        nothing but the step count changed.
        """
        ...

    def encode(self, batch: Batch, /) -> FloatArray:
        """Embeddings, (3, B, D) float32 unit rows: image, text, image+text.

        A row whose inputs are not present is zero.
        """
        ...

    def features(self, batch: Batch, /) -> Mapping[str, FloatArray]:
        """Outputs of the frozen towers, by modality: {"image": (B, F), "text": (B, F)} float32.

        Only the modalities that `batch` has inputs for.
        """
        ...

    def state(self) -> State:
        """Parameters, optimiser moments and step as flat NumPy arrays, copied.

        Names as `gcl_spec.run.state.Snapshot.to_state` makes them, so that every backend can
        go on from the state of any other.
        """
        ...
