"""What a trainer compiles, which trainers share where they differ in numbers alone.

A comparison of objectives trains many models of one kind in a process, by other seeds, scales and
learning rates: all of these are arguments of what is compiled. Only the ratio of a tower's learning
rate to that of the schedule is a part of it.
"""

from functools import lru_cache
from typing import Any

import jax

from gcl_jax.models.functional import Functional, Params
from gcl_jax.models.recipes import run_tower
from gcl_jax.train.optimizer import AdamW
from gcl_jax.train.step import StepOptions, cast, make_step
from gcl_jax.train.world import JaxWorld

__all__ = ["compiled_features", "compiled_model", "compiled_step", "compiled_tower"]

_KEPT = 64
"""The number of compiled functions that are kept, without weights, of each kind.

A comparison of the whole family (`gcl ablate --family`) has as many.
"""


@lru_cache(_KEPT)
def compiled_step(model: Functional, rules: AdamW, options: StepOptions, world: JaxWorld) -> Any:
    """`gcl_jax.train.step.make_step`, compiled; its first argument is given away."""
    return jax.jit(make_step(model, rules, options, world), donate_argnums=0)


@lru_cache(_KEPT)
def compiled_model(model: Functional, precision: str) -> Any:
    """The rows of a model, `run(params, buffers, inputs)`; towers compute in `precision`."""

    def run(params: Params, buffers: Params, inputs: Params) -> Any:
        whole, inputs = cast((params, inputs), precision)
        return model.call(whole, buffers, lambda module: module(inputs))

    return jax.jit(run)


@lru_cache(_KEPT)
def compiled_features(model: Functional) -> Any:
    """The outputs of a model's towers, `run(params, buffers, inputs)`."""

    def run(params: Params, buffers: Params, inputs: Params) -> Any:
        return model.call(params, buffers, lambda module: module.features(inputs))

    return jax.jit(run)


@lru_cache(_KEPT)
def compiled_tower(tower: Functional, name: str) -> Any:
    """The output of the tower of a modality, `run(params, buffers, inputs)`."""

    def run(params: Params, buffers: Params, inputs: Params) -> Any:
        return tower.call(params, buffers, lambda module: run_tower(module, name, inputs))

    return jax.jit(run)
