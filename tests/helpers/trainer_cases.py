"""What one process of a training run does; imported by the spawned processes."""

from typing import Any

import numpy as np

from gcl_spec.batch import Batch
from gcl_spec.config.toml import load, loads
from gcl_torch.train.trainer import TorchTrainer
from whole_batches import part, whole_batch

SIZE = 13


def train(rank: int, size: int, sets: list[str], steps: int) -> dict[str, Any]:
    """Losses, norms and the state after `steps` steps, of which this rank saw its share."""
    config = loads("", ["model.width=16", "model.hidden=32", "train.batch_size=13", *sets])
    trainer = TorchTrainer(config, device="cpu")
    bounds = [round(SIZE * (r / size) ** 2) for r in range(size + 1)]  # uneven shares
    values = []
    for step in range(steps):
        batch = part(whole_batch(step, SIZE), slice(bounds[rank], bounds[rank + 1]))
        found = trainer.step(batch, lr=1e-3)
        values.append({name: float(x) for name, x in found.items()})
    return {"values": values, "state": trainer.state()}


def skip(rank: int, size: int, sets: list[str]) -> list[float]:
    """Was each of two steps skipped, the first with NaN in the last process's share?"""
    config = loads("", ["model.width=16", "model.hidden=32", "train.batch_size=13", *sets])
    trainer = TorchTrainer(config, device="cpu")
    found = []
    for step in range(2):
        batch = part(whole_batch(step, SIZE), slice(rank * SIZE // size, (rank + 1) * SIZE // size))
        if not step and rank == size - 1:
            batch.inputs["image/features"][0] = np.nan
        found.append(float(trainer.step(batch, lr=1e-3)["skipped"]))
    return found


PAIRS = 12


def pairs(step: int) -> Batch:
    """Inputs of the small CLIP; one sample has no text."""
    rng = np.random.default_rng(step)
    ids = rng.integers(0, 250, (PAIRS, 9))
    ids[:, 0], ids[:, -1] = 512, 513
    inputs = {
        "image/pixel_values": rng.normal(size=(PAIRS, 3, 32, 32)).astype(np.float32),
        "text/input_ids": ids,
        "text/attention_mask": np.ones_like(ids),
    }
    return Batch(
        inputs, {"image": np.ones(PAIRS, bool), "text": np.arange(PAIRS) != 2}, np.arange(PAIRS)
    )


def train_clip(
    rank: int, size: int, cache: str, sets: list[str], steps: range, state: Any = None
) -> dict[str, Any]:
    """Training on equal shares of each batch, its state and what it then encodes."""
    options = [f"data.cache={cache}", f"train.batch_size={PAIRS}", *sets]
    trainer = TorchTrainer(load(recipe="tiny", overrides=options), device="cpu", state=state)
    share = PAIRS // size
    values = []
    for step in steps:
        found = trainer.step(part(pairs(step), slice(rank * share, (rank + 1) * share)), lr=1e-3)
        values.append({name: float(x) for name, x in found.items()})
    held = sum(p.to_local().numel() for p in trainer._trained.values() if hasattr(p, "to_local"))
    encoded = np.stack(list(trainer.encode(pairs(0)).values()))
    return {"values": values, "state": trainer.state(), "encoded": encoded, "held": held}
