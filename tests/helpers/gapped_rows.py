"""Rows of a space with a gap, to fit calibrations on."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from gcl_spec.evaluate.calibrations.rows import Rows
from gcl_spec.normalize import l2_normalize

MODALITIES = ("image", "text", "image+text")
seeds = st.integers(0, 2**32 - 1)


def drawn(seed: int, count: int = 40, width: int = 6) -> dict[str, Rows]:
    """Rows of a space with a gap, of other numbers and spreads in each modality."""
    rng = np.random.default_rng(seed)

    def some(n: int, spread: float) -> Any:
        return l2_normalize(rng.normal(size=width) + spread * rng.normal(size=(n, width)))

    image, text = some(count, 0.5), some(count - 9, 1.0)
    both = {"image": image[:20], "text": text[:20]}
    fused = l2_normalize(2 * both["image"] + both["text"])
    found = {"image": Rows.single("image", image), "text": Rows.single("text", text)}
    return {**found, "image+text": Rows("image+text", fused, both)}
