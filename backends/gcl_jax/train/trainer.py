"""The JAX trainer: towers, the verified loss, AdamW, on one device or a mesh."""

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from math import log
from typing import Any

import jax
import numpy as np
from array_api_compat import numpy as numpy_namespace

from gcl_jax.models.functional import Functional, Params
from gcl_jax.models.lengths import even_lengths, longest_last
from gcl_jax.models.recipes import frozen_tower, make_model
from gcl_jax.train.compiled import (
    compiled_features,
    compiled_model,
    compiled_step,
    compiled_tower,
)
from gcl_jax.train.optimizer import AdamW, Optimizer
from gcl_jax.train.step import StepOptions
from gcl_jax.train.world import JaxWorld, join_processes
from gcl_spec._typing import FloatArray, State
from gcl_spec.batch import Batch, embeddings
from gcl_spec.config.options import Config
from gcl_spec.config.toml import objective
from gcl_spec.loss.part_means import by_modality
from gcl_spec.models.draws import step_seed
from gcl_spec.models.frames import framed
from gcl_spec.models.fusion import COUNTS, MEANS, RATIO
from gcl_spec.objective import ratio_weights
from gcl_spec.run.state import MOMENTS, Snapshot, StateLayout

__all__ = ["JaxTrainer"]


class JaxTrainer:
    """One model and its optimiser on a mesh of devices, a `gcl_spec.backend.Trainer`.

    Each of several processes has its own part of every batch. The state is the same on all.
    """

    def __init__(self, config: Config, *, device: str, state: State | None = None) -> None:
        join_processes()
        self._config = config
        platform, _, number = device.partition(":")
        first = jax.local_devices(backend=platform)[int(number or 0)]
        self.world = JaxWorld.of(first, config.train.devices)
        self.world.check_divides(config.train.batch_size)
        with jax.default_device(first):
            model = make_model(config)
        self._model, self._params, self._buffers = Functional.of(model)
        self._most_tokens, self._two_lengths = model.max_tokens, self._may_sort()
        self._given, self._draws = model.given, model.draws
        self._steps: dict[bool, Any] = {}
        self._trained = tuple(name for name in self._params if self._trains(name))
        trained = {name: self._params[name] for name in self._trained}
        self._rules = AdamW.of(config.optim, {n: x.ndim for n, x in trained.items()})
        self._optimizer = self._rules.start(trained)
        self._averages = dict(trained) if config.optim.ema else {}
        self._step = 0
        if state is not None:
            self._load(state)
        self._place()

    def step(self, batch: Batch, /, *, lr: float) -> Mapping[str, jax.Array]:
        """Make one update, and return its scalars (`Trainer.step`); it never waits for a device."""
        inputs = self._inputs(batch, longest=self.world.largest)
        inputs = longest_last(inputs, self._most_tokens) if self._two_lengths else inputs
        present_BG = np.stack([batch.has(name) for name in self._given], axis=1)
        labels = {"present": present_BG, "ids": batch.ids}
        moving = {n: self._params[n] for n in self._trained}
        still = {n: x for n, x in self._params.items() if n not in moving}
        centres = {n: x for n, x in self._buffers.items() if n in (MEANS, COUNTS)}
        others = {n: x for n, x in self._buffers.items() if n not in centres}
        run = self._compiled_step(batch.two_sided)
        (moving, self._optimizer, self._averages, centres), values = run(
            (moving, self._optimizer, self._averages, centres),
            still,
            others,
            self.world.spread(inputs | {k: _narrow(x) for k, x in labels.items()}),
            np.float32(lr),
            self._key(),
        )
        self._params |= moving
        self._buffers |= centres
        self._step += 1
        seen: dict[str, jax.Array] = values
        return seen

    def encode(self, batch: Batch, /) -> Mapping[str, FloatArray]:
        """Unit rows by modality (`Trainer.encode`), by running means of weights if it has any."""
        size = len(batch)
        params = self.world.here(self._params | self._averages)
        inputs = _padded(self._inputs(batch), _round_up(size, self._config.eval.batch_size))
        buffers = self.world.here(self._buffers)
        rows = self._rows_of(params, buffers, inputs)
        return embeddings(
            {name: np.asarray(x, np.float32)[:size] for name, x in rows.items()},
            self._config.model.modalities,
            fuse=self._config.model.fuse,
            weights=ratio_weights(params.get(RATIO), self._config.model.summed, xp=numpy_namespace),
            means={n: np.asarray(x) for n, x in self._centres(buffers).items()},
            present={name: batch.has(name) for name in rows},
            xp=numpy_namespace,
        )

    def features(self, batch: Batch, /) -> Mapping[str, FloatArray]:
        """Outputs of the frozen towers by modality (`Trainer.features`)."""
        inputs = self._inputs(batch)
        raw = {name.partition("/")[0] for name in inputs if not name.endswith("/features")}
        if raw:
            params, buffers = self.world.here((self._params, self._buffers))
            outputs = self._features_of(params, buffers, inputs)
        else:
            outputs = {name.partition("/")[0]: x for name, x in inputs.items()}
        return {name: np.asarray(x, np.float32) for name, x in outputs.items()}

    def state(self) -> State:
        """The state (`Trainer.state`) without frozen towers of `lite`, which packages hold."""
        return Snapshot(
            parameters=_copies(self._params),
            buffers=_copies(self._buffers),
            moments={m: _copies(getattr(self._optimizer, m)) for m in MOMENTS},
            averages=_copies(self._averages),
            step=self._step,
            updates=int(self._optimizer.count),
        ).to_state()

    def _may_sort(self) -> bool:
        """May texts go in another order through their tower? Rows of many devices stay there."""
        model = self._config.model
        sorts = model.kind == "clip" or (model.kind == "lite" and not model.freezes("text"))
        return sorts and len(self.world.devices) == 1 and not self._config.train.microbatch

    def _centres(self, buffers: Params) -> dict[str, jax.Array]:
        """The means (D,) by which rows are centred, by modality; none where they are not."""
        return by_modality(buffers.get(MEANS), self._given)

    def _key(self) -> Any:
        """The key of what the model draws in this step; None where it draws nothing."""
        if not self._draws:
            return None
        return jax.random.key(step_seed(self._config.train.seed, self._step))

    def _compiled_step(self, two_sided: bool) -> Any:
        if two_sided not in self._steps:
            self._steps[two_sided] = self._make_step(two_sided)
        return self._steps[two_sided]

    def _make_step(self, two_sided: bool) -> Any:
        config = self._config
        options = StepOptions(
            objective=objective(config.objective, config.model.modalities),
            given=self._given,
            fuse=config.model.fuse,
            summed=config.model.summed,
            precision=config.train.precision,
            microbatch=config.train.microbatch,
            max_log_scale=log(config.optim.max_scale) if config.optim.learn_scale else None,
            ema=config.optim.ema,
            shares=tuple(config.objective.shares.items())
            if config.objective.bias == "share"
            else None,
            two_sided=two_sided,
        )
        return compiled_step(self._model, self._rules, options, self.world)

    # Found once: to look for what is compiled takes the hash of the whole model.
    @cached_property
    def _rows_of(self) -> Any:
        return compiled_model(self._model, self._config.train.precision)

    @cached_property
    def _features_of(self) -> Any:
        return compiled_features(self._model)

    @cached_property
    def _frozen(self) -> dict[str, tuple[Params, Params, Any]]:
        """Towers that are not part of the model, loaded when they are first needed.

        By modality: their parameters and buffers, and the compiled function of these.
        """
        towers = {}
        for name in ("image", "text"):
            if self._config.model.kind == "lite" and self._config.model.freezes(name):
                tower, params, buffers = Functional.of(frozen_tower(name))
                towers[name] = params, buffers, compiled_tower(tower, name)
        return towers

    def _inputs(self, batch: Batch, *, longest: Callable[[int], int] = int) -> dict[str, Any]:
        """The inputs of a batch, with the outputs of frozen towers, which are no part of the model.

        `longest` maps the length of this process's texts to the largest of all processes.
        """
        inputs = {name: _narrow(x) for name, x in batch.inputs.items()}
        inputs = even_lengths(inputs, self._most_tokens, longest)
        raw = {n.partition("/")[0] for n in inputs if not n.endswith("/features")}
        if self._config.model.kind != "lite":
            return inputs
        for name in raw:
            tower = "image" if name in framed(self._config.model) else name
            if self._config.model.freezes(tower):
                own = {n: inputs.pop(n) for n in list(inputs) if n.startswith(f"{name}/")}
                run = self._run_frames if name != tower else partial(self._run_frozen, tower)
                inputs[f"{name}/features"] = run(own)
        return inputs

    def _run_frozen(self, name: str, own: Mapping[str, Any]) -> np.ndarray[Any, Any]:
        """The outputs (B, F) of a frozen tower."""
        params, buffers, run = self._frozen[name]
        size = len(next(iter(own.values())))
        output = run(params, buffers, _padded(own, _round_up(size, 32)))
        return np.asarray(output)[:size]

    def _run_frames(self, own: Mapping[str, Any]) -> np.ndarray[Any, Any]:
        """The outputs (B, frames, F) of the frozen tower of pictures, for frames of videos."""
        ((name, x),) = own.items()
        flat = x.reshape((-1, *x.shape[2:]))
        output = self._run_frozen("image", {f"image/{name.partition('/')[2]}": flat})
        return output.reshape((*x.shape[:2], -1))

    def _trains(self, name: str) -> bool:
        learns = {
            "log_scale": self._config.optim.learn_scale,
            "logit_bias": self._config.optim.learn_bias,
        }
        if name in learns:
            return learns[name]
        frozen = {
            "image": ("clip.vision_model.", "clip.visual_", "vista.model_visual."),
            "text": ("clip.text_", "vista.bge_"),
        }
        prefixes = [
            p for n, parts in frozen.items() if self._config.model.freezes(n) for p in parts
        ]
        return not name.startswith(tuple(prefixes))

    def _load(self, state: State) -> None:
        """Take what `gcl_spec.run.state.StateLayout.read` finds in a state."""
        snapshot = StateLayout(
            parameters={name: x.shape for name, x in self._params.items()},
            buffers={name: x.shape for name, x in self._buffers.items()},
            trained=self._trained,
            averaged=bool(self._averages),
        ).read(state)
        held: Any = (self._params, self._buffers, self._averages)
        averages = snapshot.averages or snapshot.parameters
        for target, source in zip(
            held, (snapshot.parameters, snapshot.buffers, averages), strict=True
        ):
            target |= {name: source[name] for name in target if name in source}
        self._step = snapshot.step
        if snapshot.moments:
            moments = {m: dict(snapshot.moments[m]) for m in MOMENTS}
            self._optimizer = Optimizer(np.asarray(snapshot.updates, np.int32), **moments)

    def _place(self) -> None:
        """Put everything on the devices of the run."""
        put = self.world.everywhere
        self._params, self._buffers = put(self._params), put(self._buffers)
        self._optimizer, self._averages = put(self._optimizer), put(self._averages)


def _narrow(x: Any) -> np.ndarray[Any, Any]:
    """The array with integers of 32 bits, as JAX has them, which token and sample numbers fit."""
    return np.asarray(x, np.int32) if x.dtype == np.int64 else np.asarray(x)


def _round_up(size: int, most: int) -> int:
    """The next power of two, up to `most`: each size is compiled, so that few must serve all."""
    rounded = 1 << (size - 1).bit_length()
    return size if size > most else min(rounded, most)


def _padded(inputs: Mapping[str, Any], size: int) -> dict[str, Any]:
    """The inputs with rows of zeros up to `size` samples; a padded text keeps one token."""
    padded = {}
    for name, x in inputs.items():
        rows = np.zeros((size, *x.shape[1:]), x.dtype)
        rows[: len(x)] = x
        if name == "text/attention_mask":
            rows[len(x) :, 0] = 1
        padded[name] = rows
    return padded


def _copies(arrays: Mapping[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    return {name: np.array(x) for name, x in arrays.items()}
