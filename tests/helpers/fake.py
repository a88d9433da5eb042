"""A training backend in NumPy: two linear maps and gradient descent, exact and fast."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from gcl_reference.backend import ReferenceBackend
from gcl_spec._typing import FloatArray, State
from gcl_spec.backend import World
from gcl_spec.batch import Batch, embeddings
from gcl_spec.config.options import Config
from gcl_spec.train.world import single

MODALITIES = ("image", "text", "image+text")


class FakeTrainer:
    """Features are the mean colour and a few token counts; a step pulls the maps together."""

    world: World = single()

    def __init__(self, config: Config, state: State | None) -> None:
        rng = np.random.default_rng(config.train.seed)
        width = config.model.width
        self.maps = {"image": rng.normal(size=(3, width)), "text": rng.normal(size=(8, width))}
        self.steps = 0
        if state is not None:
            self.maps = {name: np.array(state[f"params/{name}"]) for name in self.maps}
            self.steps = int(state.get("step", 0))

    def features(self, batch: Batch, /) -> Mapping[str, FloatArray]:
        found = {}
        if "image/pixels" in batch.inputs:
            found["image"] = batch.inputs["image/pixels"].mean(axis=(1, 2)).astype(np.float32) / 99
        if "text/input_ids" in batch.inputs:
            ids = batch.inputs["text/input_ids"] * batch.inputs["text/attention_mask"]
            found["text"] = np.stack([np.bincount(r % 8, minlength=8) for r in ids]).astype("f4")
        return found

    def step(self, batch: Batch, /, *, lr: float) -> Mapping[str, Any]:
        image, text = (batch.inputs[f"{name}/features"].astype(float) for name in self.maps)
        delta = image @ self.maps["image"] - text @ self.maps["text"]
        self.maps["image"] -= lr * image.T @ delta / len(batch)
        self.maps["text"] += lr * text.T @ delta / len(batch)
        self.steps += 1
        loss = float((delta**2).mean())
        if str(self.steps) == os.environ.get("FAKE_NAN"):
            loss = float("nan")
        return {"loss": loss, "loss/image->text": loss, "scale": 1.0, "grad_norm": 0.0}

    def encode(self, batch: Batch, /) -> Mapping[str, FloatArray]:
        known = {n.partition("/")[0]: x for n, x in batch.inputs.items() if n.endswith("/features")}
        known = {**self.features(batch), **known}
        rows = {name: x.astype(float) @ self.maps[name] for name, x in known.items()}
        zero = np.zeros_like(next(iter(rows.values())))
        both = {name: rows.get(name, zero) for name in self.maps}
        found = embeddings(both, MODALITIES, present={name: batch.has(name) for name in both})
        return {name: z.astype(np.float32) for name, z in found.items()}

    def state(self) -> State:
        state = {f"params/{name}": x.copy() for name, x in self.maps.items()}
        state |= {f"optim/exp_avg/{name}": np.zeros_like(x) for name, x in self.maps.items()}
        return {**state, "step": np.asarray(self.steps)}


class FakeBackend(ReferenceBackend):
    """Trains `FakeTrainer`s."""

    name = "fake"

    def trainer(self, config: Config, /, *, device: str, state: State | None = None) -> FakeTrainer:
        return FakeTrainer(config, state)
