"""What one process of a training run does; imported by the spawned processes."""

from typing import Any

import numpy as np

from gcl_spec.batch import Batch, presence
from gcl_spec.config_io import loads
from gcl_torch.trainer import TorchTrainer

SIZE = 13


def whole_batch(step: int) -> Batch:
    rng = np.random.default_rng(step)
    inputs = {
        "image/features": rng.normal(size=(SIZE, 1280)).astype(np.float32),
        "text/features": rng.normal(size=(SIZE, 384)).astype(np.float32),
    }
    ids = np.minimum(np.arange(SIZE), SIZE - 3)
    return Batch(inputs, presence(np.arange(SIZE) != 5, np.arange(SIZE) != 2), ids)


def part(batch: Batch, rows: slice) -> Batch:
    inputs = {name: x[rows] for name, x in batch.inputs.items()}
    return Batch(inputs, batch.present[:, rows], batch.ids[rows])


def train(rank: int, size: int, sets: list[str], steps: int) -> dict[str, Any]:
    """Losses, norms and the state after `steps` steps, of which this rank saw its share."""
    config = loads("", ["model.width=16", "model.hidden=32", "train.batch_size=13", *sets])
    trainer = TorchTrainer(config, device="cpu")
    bounds = [round(SIZE * (r / size) ** 2) for r in range(size + 1)]  # uneven shares
    values = []
    for step in range(steps):
        batch = part(whole_batch(step), slice(bounds[rank], bounds[rank + 1]))
        found = trainer.step(batch, lr=1e-3)
        values.append({name: float(x) for name, x in found.items()})
    return {"values": values, "state": trainer.state()}
