"""What trainers share of what JAX compiles: all that does not depend on numbers."""

import gc
import weakref
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax.monitoring
import numpy as np
import pytest

from both_trainers import SMALL, batch
from gcl_jax.train.compiled import compiled_model
from gcl_jax.train.trainer import JaxTrainer
from gcl_spec.config.toml import loads
from gcl_spec.models.tiny_clip import write_tiny
from tinyclips import write_shallow
from trained import batch as pairs


def trainer(*sets: str) -> JaxTrainer:
    return JaxTrainer(loads("", [*SMALL, *sets]), device="cpu:0")


@pytest.fixture
def programs() -> Iterator[list[str]]:
    """What is compiled, as it is."""
    seen: list[str] = []

    def note(event: str, seconds: float, **about: Any) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            seen.append(str(about))

    jax.monitoring.register_event_duration_secs_listener(note)
    yield seen
    jax.monitoring.unregister_event_duration_listener(note)


def test_seeds_scales_and_rates_compile_once(programs: list[str]) -> None:
    dropout = "model.dropout=0.127"  # of no other test, which would have compiled it
    first = trainer(dropout)
    first.step(batch(0), lr=1e-3)
    first.encode(batch(0))
    assert programs
    programs.clear()
    second = trainer(dropout, "train.seed=1", "optim.scale=50", "optim.lr=0.5")
    values = second.step(batch(0), lr=1e-2)
    second.encode(batch(0))
    assert not programs
    assert float(values["loss"]) != float(first.step(batch(0), lr=1e-3)["loss"])
    assert float(values["scale"]) == pytest.approx(50)


@pytest.mark.parametrize(
    "sets",
    [
        ["model.dropout=0.3"], ["optim.beta2=0.9"], ["optim.weight_decay=0.1"], ["optim.ema=0.9"],
        ["objective.preset=clip"], ["optim.max_scale=20"], ["optim.learn_scale=false"],
    ],
)  # fmt: skip
def test_what_a_step_computes_with_is_compiled_anew(sets: list[str]) -> None:
    assert trainer()._compiled_step(False) is trainer("train.seed=1")._compiled_step(False)
    assert trainer()._compiled_step(False) is not trainer(*sets)._compiled_step(False)


def test_another_checkpoint_at_the_same_place_is_another_model(tmp_path: Path) -> None:
    sets = ["model.kind=clip", f"model.path={tmp_path / 'model'}", "model.freeze=none"]
    rows = []
    for write in (partial(write_tiny, seed=0), write_shallow):
        write(tmp_path / "model")
        rows.append(trainer(*sets).encode(pairs()))
    assert not np.allclose(*(found["text"] for found in rows))
    compiled_model.cache_clear()
    np.testing.assert_array_equal(trainer(*sets).encode(pairs())["text"], rows[1]["text"])


def test_what_is_kept_holds_no_weights() -> None:
    made = trainer()
    made.step(batch(0), lr=1e-3)
    made.encode(batch(0))
    held = weakref.ref(made._params["image_head.1.weight"])
    assert held() is not None
    del made
    gc.collect()
    assert held() is None
