"""Training with weights spread over processes is training with one process."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import nn

from gcl_jax.train.trainer import JaxTrainer
from gcl_spec.config.toml import loads
from gcl_spec.errors import ConfigError
from gcl_spec.loss.shares import RATE
from gcl_torch.train.shard import shard
from processes import run
from trainer_cases import train_clip

SHARD = ["train.shard=true"]
LR = 1e-3


def same(want: dict[str, Any], found: dict[str, Any], steps: int) -> None:
    """As the order of sums allows; see `test_torchrun.py` for the bound.

    A bias by shares moves by `RATE` of the logarithm of a share, which is a difference of numbers
    that nearly cancel: 2^-24 of these is up to a thousandth of the smallest shares here.
    """
    ways = {"k_proj.bias": steps * LR, "logit_bias": 1e-3 * steps * RATE}
    for a, b in zip(want["values"], found["values"], strict=True):
        assert b == pytest.approx(a, rel=2e-5, abs=1e-6)
    assert want["state"].keys() == found["state"].keys()
    for name, x in want["state"].items():
        apart = np.mean(np.abs(found["state"][name].astype(float) - x))
        if name.startswith(("params/", "ema/", "buffers/")):
            limit = next((w for end, w in ways.items() if name.endswith(end)), 1e-4 * steps * LR)
            assert apart <= limit + 1e-9, name
    assert np.allclose(found["encoded"], want["encoded"], atol=1e-4)


@pytest.mark.parametrize(
    "sets",
    [
        [],
        ["train.microbatch=2", "optim.clip_norm=0.5", "optim.ema=0.9", "model.fuse=learned"],
        ["model.lora=2", "train.checkpointing=true", "model.freeze=text", "model.fuse=centred"],
        ["objective.scales=pair", "objective.bias=share"],
    ],
)
def test_spread_weights_train_as_whole_ones(sets: list[str], tmp_path: Path) -> None:
    steps = range(3)
    want = train_clip(0, 1, str(tmp_path), sets, steps)
    found = run(train_clip, 2, 2, str(tmp_path), [*sets, *SHARD], steps)
    for one in found:
        same(want, one, len(steps))
        assert all(np.array_equal(x, one["state"][n]) for n, x in found[0]["state"].items())
    trained = sum(x.size for n, x in want["state"].items() if n.startswith("optim/exp_avg/"))
    assert max(one["held"] for one in found) < 0.55 * trained


def test_a_run_goes_on_spread_and_whole_again(tmp_path: Path) -> None:
    cache = str(tmp_path)
    unbroken = train_clip(0, 1, cache, [], range(6))
    state = train_clip(0, 1, cache, [], range(2))["state"]
    state = run(train_clip, 2, 2, cache, SHARD, range(2, 4), state)[1]["state"]
    found = train_clip(0, 1, cache, [], range(4, 6), state)
    same(unbroken | {"values": unbroken["values"][4:]}, found, 6)


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (["train.batch_size=13"], "batch_size = 13 is no multiple of the 2 processes"),
        (["train.compile=true"], "train.shard and train.compile"),
        (["model.kind=lite"], r"set model\.freeze = none"),
    ],
)
def test_what_does_not_go_together(
    sets: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    with pytest.raises(ConfigError, match=message):
        shard(nn.Linear(1, 1), loads("", [*SHARD, *sets]), torch.device("cpu"))


def test_jax_refuses() -> None:
    with pytest.raises(ConfigError, match=r"train\.shard is for --backend torch"):
        JaxTrainer(loads("", SHARD), device="cpu")
