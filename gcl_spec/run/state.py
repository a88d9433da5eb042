"""What a trainer keeps, between its own arrays and the flat `State` that every backend reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gcl_spec._typing import State
from gcl_spec.errors import CheckpointError
from gcl_spec.models.fusion import RATIO
from gcl_spec.models.start import OF_THE_LOSS
from gcl_spec.run.checkpoint import check

__all__ = ["MOMENTS", "Snapshot", "StateLayout", "trained_size"]

MOMENTS = ("exp_avg", "exp_avg_sq")
"""AdamW's: decaying means of the gradient and of its square, in torch's names."""

NumpyArray = npt.NDArray[Any]


@dataclass(frozen=True)
class Snapshot:
    """The contents of a training state; arrays by name without the state's prefixes.

    `moments` and `averages` are empty where the state has weights only.
    """

    parameters: Mapping[str, NumpyArray]
    buffers: Mapping[str, NumpyArray] = field(default_factory=dict)
    moments: Mapping[str, Mapping[str, NumpyArray]] = field(default_factory=dict)
    averages: Mapping[str, NumpyArray] = field(default_factory=dict)
    step: int = 0
    updates: int = 0
    """Steps that changed the weights: those that were not skipped."""

    def to_state(self) -> State:
        """The flat state."""
        state = {f"params/{name}": x for name, x in self.parameters.items()}
        state |= {f"buffers/{name}": x for name, x in self.buffers.items()}
        for moment, values in self.moments.items():
            state |= {f"optim/{moment}/{name}": x for name, x in values.items()}
        state |= {f"ema/{name}": x for name, x in self.averages.items()}
        state["optim/updates"] = np.asarray(self.updates, np.int64)
        return state | {"step": np.asarray(self.step, np.int64)}


@dataclass(frozen=True)
class StateLayout:
    """Shapes of a model's parameters and buffers, by name; what is trained; is there an average?

    Parameters, moments and averages are float32.
    """

    parameters: Mapping[str, tuple[int, ...]]
    buffers: Mapping[str, tuple[int, ...]]
    trained: tuple[str, ...]
    averaged: bool = False

    def read(self, state: State) -> Snapshot:
        """A checkpoint; or its weights alone, where there are no optimiser moments.

        With weights alone temperatures and shifts of logits stay out, which belong to the new run,
        and so do towers that the state does not hold: they go on from their pretrained weights.
        What weights frames of videos, or the parts of fused rows, starts anew, too, where the state
        is of a model without it.

        Raises:
            CheckpointError: an entry is lacking, of another model, or holds impossible numbers.
        """
        check(state, where="checkpoint")
        whole = any(name.startswith("optim/") for name in state)
        self._refuse_foreign(state, () if whole else OF_THE_LOSS)
        parameters, buffers = dict(self.parameters), dict(self.buffers)
        if not whole:
            for name in OF_THE_LOSS:
                parameters.pop(name, None)
            parameters = {n: s for n, s in parameters.items() if _starts_anew(n, state)}
            buffers = {n: s for n, s in buffers.items() if f"buffers/{n}" in state}
        moments: dict[str, dict[str, NumpyArray]] = {}
        averages = {}
        if whole:
            shapes = {name: parameters[name] for name in self.trained}
            moments = {m: _take(state, f"optim/{m}/", shapes) for m in MOMENTS}
            _check_squares(moments["exp_avg_sq"])
            if self.averaged:
                averages = _take(state, "ema/", shapes)
        return Snapshot(
            parameters=_take(state, "params/", parameters),
            buffers=_take(state, "buffers/", buffers, dtype=None),
            moments=moments,
            averages=averages,
            step=int(_get(state, "step")) if whole else 0,
            updates=int(_get(state, "optim/updates")) if whole else 0,
        )

    def _refuse_foreign(self, state: State, left: Sequence[str]) -> None:
        known = {"step", "optim/updates", *(f"params/{n}" for n in (*self.parameters, *left))}
        known |= {f"buffers/{n}" for n in self.buffers}
        known |= {f"optim/{m}/{n}" for m in MOMENTS for n in self.trained}
        # An average that this run does not go on with does not make the rest unusable.
        foreign = [n for n in state if n not in known and not n.startswith("ema/")]
        if any(".lora_" in name for name in foreign):
            raise CheckpointError(
                "checkpoint holds LoRA matrices, which this model has not: set model.lora as in "
                "the run, or add them to its weights by gcl export RUN DIR and start from those "
                "with model.path=DIR"
            )
        if foreign:
            raise CheckpointError(
                f"checkpoint holds {foreign[0]!r}, which this model does not train; "
                "model.kind, model.freeze and the other model options must be those of the run"
            )


def trained_size(state: State) -> int:
    """How many numbers an optimiser has moments of: frozen parameters have none."""
    return sum(x.size for name, x in state.items() if name.startswith(f"optim/{MOMENTS[0]}/"))


def _starts_anew(name: str, state: State) -> bool:
    new = "_tower." in name or "lora_" in name or name in ("frame_query", RATIO)
    return f"params/{name}" in state or not new


def _take(
    state: State,
    prefix: str,
    shapes: Mapping[str, tuple[int, ...]],
    dtype: str | None = "float32",
) -> dict[str, NumpyArray]:
    return {name: _read(state, prefix + name, shape, dtype) for name, shape in shapes.items()}


def _get(state: State, name: str) -> NumpyArray:
    if name not in state:
        raise CheckpointError(
            f"checkpoint has no {name!r}; was it written with another model or other trained parts?"
        )
    return state[name]


def _read(state: State, name: str, shape: tuple[int, ...], dtype: str | None) -> NumpyArray:
    value = _get(state, name)
    if value.shape != shape:
        raise CheckpointError(
            f"checkpoint's {name!r} has shape {value.shape}, the model's {shape}; "
            "the model options must be those of the run"
        )
    if dtype is not None and value.dtype.name != dtype:
        raise CheckpointError(
            f"checkpoint's {name!r} is {value.dtype.name}, the model's {dtype}; "
            "was it written by another program?"
        )
    return value


def _check_squares(squares: Mapping[str, NumpyArray]) -> None:
    for name, x in squares.items():
        if np.any(x < 0):
            raise CheckpointError(
                f"checkpoint's 'optim/exp_avg_sq/{name}' holds negative numbers, but is a mean "
                "of squares; take an earlier checkpoint"
            )
