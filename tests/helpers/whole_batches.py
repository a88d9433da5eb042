"""Batches of drawn tower outputs, and the shares of several processes in them."""

import numpy as np

from gcl_spec.batch import Batch


def whole_batch(step: int, size: int) -> Batch:
    """One sample has no picture, another no text, and the last three have one id."""
    rng = np.random.default_rng(step)
    inputs = {
        "image/features": rng.normal(size=(size, 1280)).astype(np.float32),
        "text/features": rng.normal(size=(size, 384)).astype(np.float32),
    }
    ids = np.minimum(np.arange(size), size - 3)
    return Batch(inputs, {"image": np.arange(size) != 5, "text": np.arange(size) != 2}, ids)


def part(batch: Batch, rows: slice) -> Batch:
    inputs = {name: x[rows] for name, x in batch.inputs.items()}
    return Batch(inputs, {n: x[rows] for n, x in batch.present.items()}, batch.ids[rows])
