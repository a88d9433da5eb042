"""What the trainer gives the compiled step of texts of several lengths, and what the model does."""

from typing import Any

import numpy as np
import pytest

from gcl_jax.models.towers.clip import Clip
from gcl_jax.train.trainer import JaxTrainer
from gcl_spec.batch import Batch
from gcl_spec.config import toml

LENGTHS = np.asarray([40, 3, 5, 64, 32, 9])


def batch() -> Batch:
    size = len(LENGTHS)
    mask = (np.arange(64) < LENGTHS[:, None]).astype(np.int64)
    inputs = {
        "image/pixel_values": np.zeros((size, 3, 32, 32), np.float32),
        "text/input_ids": mask * np.arange(1, 1 + size)[:, None],
        "text/attention_mask": mask,
    }
    return Batch(inputs, {n: np.ones(size, bool) for n in ("image", "text")}, np.arange(size))


def given_to_step(monkeypatch: pytest.MonkeyPatch, *sets: str) -> tuple[JaxTrainer, dict[str, Any]]:
    trainer = JaxTrainer(toml.load(recipe="tiny", overrides=list(sets)), device="cpu:0")
    seen: dict[str, Any] = {}

    def step(moving: Any, still: Any, buffers: Any, inputs: Any, lr: Any, draw: Any) -> Any:
        seen.update(inputs)
        return moving, {}

    monkeypatch.setattr(trainer, "_steps", {False: step})
    trainer.step(batch(), lr=1e-3)
    return trainer, seen


def test_a_tower_sees_two_lengths_and_gives_rows_in_the_order_of_the_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer, inputs = given_to_step(monkeypatch)
    shapes = []

    def text(self: Clip, ids: Any, mask: Any) -> Any:
        shapes.append(ids.shape)
        return np.stack([ids[:, 0], mask.sum(axis=1)], axis=1)

    monkeypatch.setattr(Clip, "text", text)
    own = {n: np.asarray(x) for n, x in inputs.items()}
    rows = trainer._model.call(
        trainer._params, trainer._buffers, lambda m: m.tower_output("text", own)
    )
    assert shapes == [(4, 32), (2, 64)]
    np.testing.assert_array_equal(rows, np.stack([np.arange(1, 7), LENGTHS], axis=1))


def test_microbatches_are_not_of_two_lengths(monkeypatch: pytest.MonkeyPatch) -> None:
    _, inputs = given_to_step(monkeypatch, "train.microbatch=3")
    assert "text/place" not in inputs
    np.testing.assert_array_equal(inputs["text/input_ids"], batch().inputs["text/input_ids"])
