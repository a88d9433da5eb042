"""VISTA is one model on both backends, and its runs go on to the bit where they draw."""

from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gcl_jax.train.trainer import JaxTrainer
from gcl_spec.data.prepare.collate import Collator
from gcl_spec.loss import contrastive_loss
from gcl_spec.objective import GCL
from gcl_torch.train.trainer import TorchTrainer
from vista_cases import VISTA, batch, config, shallow, texts

LR = 1e-3
TRAINERS = {"torch": (TorchTrainer, "cpu"), "jax": (JaxTrainer, "cpu:0")}


def trainer(backend: str, cache: Path, *sets: str, state: Any = None) -> Any:
    kind, device = TRAINERS[backend]
    return kind(config(cache, "train.batch_size=6", *sets), device=device, state=state)


def same(one: Any, two: Any) -> bool:
    return one.keys() == two.keys() and all(np.array_equal(one[n], two[n]) for n in one)


def test_both_encode_alike_and_the_loss_is_that_of_the_rows(tmp_path: Path) -> None:
    sets = [shallow(tmp_path / "model"), "model.freeze=image", "model.max_joint_tokens=9"]
    torch_, jax_ = (trainer(name, tmp_path, *sets) for name in TRAINERS)
    start, here = torch_.state(), batch(0)
    assert same(start, jax_.state())
    rows = jax_.encode(here)
    for name, want in torch_.encode(here).items():
        assert np.allclose(rows[name], want, atol=1e-5)
        assert not want[~here.has(name)].any()
    values = torch_.step(here, lr=LR)
    present = {name: here.has(name) for name in rows}
    wanted = contrastive_loss(rows, log_scale=log(50), objective=GCL, present=present)
    assert float(values["loss"]) == pytest.approx(float(wanted), rel=1e-4)
    assert float(values["scale"]) == pytest.approx(50)
    for name, x in torch_.state().items():
        if name.startswith("params/"):
            frozen = name.startswith("params/vista.model_visual.") or name == "params/log_scale"
            assert np.array_equal(x, start[name]) == frozen, name


@pytest.mark.parametrize("backend", TRAINERS)
def test_a_run_that_draws_goes_on_to_the_bit(backend: str, tmp_path: Path) -> None:
    sets = [shallow(tmp_path / "model"), "model.freeze=image", "model.dropout=0.1",
            "model.patch_dropout=0.5"]  # fmt: skip
    whole = trainer(backend, tmp_path, *sets)
    start = whole.state()
    first = whole.step(batch(0), lr=LR)
    middle = whole.state()
    whole.step(batch(1), lr=LR)
    torch.rand(3)  # random numbers of others change nothing
    rest = trainer(backend, tmp_path, *sets, state=middle)
    rest.step(batch(1), lr=LR)
    assert same(whole.state(), rest.state())
    again = rest.__class__(config(tmp_path, "train.batch_size=6", "train.seed=1", *sets),
                           device=TRAINERS[backend][1], state=start)  # fmt: skip
    assert float(again.step(batch(0), lr=LR)["loss"]) != float(first["loss"])


def test_a_text_beside_a_picture_is_cut_as_the_tokenizer_cuts(tmp_path: Path) -> None:
    """The rows of a limit in the model are those of texts that were tokenised with it."""
    images = [str(path) for path in sorted((VISTA / "images").iterdir())]
    items = {"image": images, "text": texts()}
    rows = []
    for option in ("model.max_joint_tokens=8", "model.max_tokens=8"):
        made = trainer("torch", tmp_path, option)
        rows.append(made.encode(Collator(config(tmp_path, option))(items))["image+text"])
    assert np.allclose(*rows, atol=1e-6)
    assert not np.allclose(rows[0], trainer("torch", tmp_path).encode(
        Collator(config(tmp_path))(items))["image+text"], atol=1e-3)  # fmt: skip
