"""Composed triplets as batches, and what both backends learn from them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gcl_jax.train.trainer import JaxTrainer
from gcl_spec.batch import Batch
from gcl_spec.config.options import Config
from gcl_spec.config.toml import load
from gcl_spec.errors import NoPairError
from gcl_spec.objective import TRIPLETS, Direction, Objective
from gcl_spec.progress import Quiet
from gcl_spec.train.data import TrainingData
from gcl_spec.train.feed.batches import check_batch
from gcl_torch.train.trainer import TorchTrainer
from triplets import write_vista


def config_of(folder: Path, *sets: str) -> Config:
    options = [
        "objective.preset=triplets", f"data.path={folder}", f"data.cache={folder.parent / 'cache'}",
        "data.workers=0", "train.batch_size=6", "data.max_bad=0.5", "optim.scale=7.0",
    ]  # fmt: skip
    return load(recipe="tiny", overrides=[*options, *sets])


def batches(config: Config, count: int = 1, **more: Any) -> Iterator[Batch]:
    with TrainingData(
        config, TorchTrainer(config, device="cpu"), Quiet(), only_steps=count, **more
    ) as data:
        yield from (data.batch(step) for step in range(count))


def test_a_target_stands_behind_its_query(tmp_path: Path) -> None:
    folder = write_vista(tmp_path / "s2", edits=3, texts=3)
    (batch,) = batches(config_of(folder))
    assert batch.two_sided
    assert len(batch) == 12
    image, text = batch.present["image"], batch.present["text"]
    kinds = sorted(zip(image[::2], text[::2], image[1::2], text[1::2], strict=True))
    assert kinds == [(False, True, True, True)] * 3 + [(True, True, True, False)] * 3
    assert np.array_equal(batch.ids[::2], batch.ids[1::2])
    edits = batch.ids[::2][image[::2]]
    assert len(set(edits.tolist())) == 3, "the same edit of other pictures is another query"


def test_an_unreadable_picture_takes_its_own_row_alone(tmp_path: Path) -> None:
    folder = write_vista(tmp_path / "s2", edits=3, texts=3)
    (folder / "p1.png").write_bytes(b"no picture")
    (batch,) = batches(config_of(folder))
    assert batch.present["image"][1::2].sum() == 5
    config = config_of(folder)
    with TrainingData(config, TorchTrainer(config, device="cpu"), Quiet(), only_steps=1) as data:
        data.list_bad(tmp_path / "bad.jsonl")
        data.batch(0)
    assert "p1.png" in (tmp_path / "bad.jsonl").read_text()


def test_an_objective_without_such_a_direction_is_refused(tmp_path: Path) -> None:
    (batch,) = batches(config_of(write_vista(tmp_path / "s2", edits=3, texts=3)))
    check_batch(batch, TRIPLETS)
    with pytest.raises(NoPairError, match="image->target_text"):
        check_batch(batch, Objective(directions=(Direction("image", "text"),)))


def wanted_loss(batch: Batch, rows: dict[str, np.ndarray[Any, Any]]) -> float:
    """The mean over queries of the cross entropy against the targets of their direction."""
    terms = []
    for query, target in (("image+text", "image"), ("text", "image+text")):
        asks, answers = batch.has(query)[::2], batch.has(target)[1::2]
        pool = rows[target][1::2][answers]
        for n in np.flatnonzero(asks & answers):
            logits = 7.0 * pool @ rows[query][::2][n]
            own = int(answers[:n].sum())
            terms.append(np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[own])
    return float(np.mean(terms))


def test_both_backends_train_on_them_alike(tmp_path: Path) -> None:
    config = config_of(write_vista(tmp_path / "s2", edits=4, texts=4))
    first, second = batches(config, 2)
    torch, jax = TorchTrainer(config, device="cpu"), JaxTrainer(config, device="cpu:0")
    rows = dict(torch.encode(first))
    ours, theirs = torch.step(first, lr=1e-3), jax.step(first, lr=1e-3)
    assert float(ours["loss"]) == pytest.approx(wanted_loss(first, rows), abs=1e-5)
    for name in ("loss", "grad_norm", "loss/text->target_image+target_text"):
        assert float(theirs[name]) == pytest.approx(float(ours[name]), rel=1e-4), name
    parts = config_of(tmp_path / "s2", "train.microbatch=5")
    again = TorchTrainer(parts, device="cpu", state=torch.state())
    ours, theirs, others = (x.step(second, lr=1e-3) for x in (torch, jax, again))
    assert float(theirs["loss"]) == pytest.approx(float(ours["loss"]), rel=1e-4)
    assert float(others["grad_norm"]) == pytest.approx(float(ours["grad_norm"]), rel=1e-4)
