"""Two small tasks, and spaces of embeddings in which the right answers are known."""

from collections.abc import Sequence

import numpy as np

from gcl_spec.tasks.task import Item, Task

NAMES = ("ant", "bee", "cat", "dog")
TEXTS = tuple(Item(f"t-{n}", None, n) for n in NAMES)
PICTURES = tuple(Item(f"i-{n}", f"{n}.png") for n in NAMES)
T2I = Task(
    "t2i", TEXTS, PICTURES, {t.id: frozenset({i.id}) for t, i in zip(TEXTS, PICTURES, strict=True)}
)
I2T = Task(
    "i2t", PICTURES, TEXTS, {i.id: frozenset({t.id}) for t, i in zip(TEXTS, PICTURES, strict=True)}
)


def gapped(gap: float, noise: float = 0.0) -> object:
    """A space of one axis a concept and one axis a modality."""

    def encode(items: Sequence[Item]) -> np.ndarray:
        rows = np.zeros((len(items), 6), np.float32)
        for row, item in zip(rows, items, strict=True):
            name = (item.text or item.image or "").removesuffix(".png")
            row[NAMES.index(name)] = 1.0
            row[4 if item.modality == "image" else 5] = gap
        rows += noise * np.random.default_rng(0).normal(size=rows.shape)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    return encode
