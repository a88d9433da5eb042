"""Items of any mix of modalities to unit rows."""

from collections.abc import Sequence

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.backend import Trainer
from gcl_spec.data.collate import Collate
from gcl_spec.data.images import ImageInput

__all__ = ["encode"]


def encode(
    trainer: Trainer,
    collate: Collate,
    images: Sequence[ImageInput | None],
    texts: Sequence[str | None],
    *,
    batch_size: int,
) -> FloatArray:
    """One unit row for each (image, text) pair, where either may be None: (n, D) float32."""
    rows: list[FloatArray] = []
    for start in range(0, len(images), batch_size):
        part = slice(start, start + batch_size)
        batch = collate(images[part], texts[part])
        z_MBD = trainer.encode(batch)
        # Row 2 is the fused one, where both are there; else the one that is.
        row = np.where(batch.present[2], 2, np.where(batch.present[0], 0, 1))
        rows.append(z_MBD[row, np.arange(len(batch))])
    return np.concatenate(rows)
