"""Settings of the family of objectives, each with what the reference says of a small batch."""

from functools import cache
from typing import Any

import numpy as np

from gcl_reference.loss import Gradients, Samples, gradients
from gcl_spec.objective import Direction, Objective

Numbers = np.ndarray[Any, Any]

SAMPLES, WIDTH, MODALITIES = 7, 5, ("image", "text", "image+text")

_CIRCLE = zip(MODALITIES, (*MODALITIES[1:], MODALITIES[0]), strict=True)
_ONE_ORDER = tuple(Direction(query, target, pool=(query, target)) for query, target in _CIRCLE)
"""Every two modalities are contrasted, each pair of them in one order alone."""

FAMILY: dict[str, tuple[Objective, tuple[int, ...], tuple[int, ...] | None]] = {
    "shares": (Objective(positives=0.3), (), None),
    "a scale for each direction": (Objective(), (6,), None),
    "a scale for each pair": (Objective(scales="pair"), (3, 3), None),
    "a scale for each modality": (Objective(scales="modality", debias=0.1), (2,), None),
    "biases": (Objective(), (), (3, 3)),
    "hardness": (Objective(hardness=3.0), (), None),
    "hardness of pairs": (Objective(hardness=3.0, scales="pair"), (3, 3), (3, 3)),
    "detached hardness": (Objective(hardness=3.0, hardness_weights="detached"), (), None),
    "sigmoid": (Objective(loss="sigmoid"), (), ()),
    "sigmoid of pairs": (Objective(loss="sigmoid", scales="pair"), (3, 3), (3, 3)),
    "sigmoid, one order": (Objective(loss="sigmoid", directions=_ONE_ORDER), (), ()),
    "some directions": (Objective(pool="target", scales="pair"), (3, 3), (3, 3)),
}
"""The objective, the shape of its log_scale, and that of its bias, by name."""


class Drawn:
    """A batch of unit rows (M, B, D), scales and biases of the shapes of a case."""

    def __init__(self, name: str, present: bool) -> None:
        rng = np.random.default_rng(3)
        self.objective, scales, biases = FAMILY[name]
        z = rng.normal(size=(3, SAMPLES, WIDTH))
        self.z: Numbers = z / np.linalg.norm(z, axis=-1, keepdims=True)
        self.log_scale: Numbers = np.asarray(rng.uniform(0.5, 2.5, size=scales))
        self.bias = None if biases is None else np.asarray(rng.normal(size=biases))
        self.present: Numbers | None = rng.random((3, SAMPLES)) > 0.25 if present else None
        self.ids: Numbers | None = np.asarray([0, 1, 2, 3, 1, 4, 5]) if present else None


@cache
def drawn(name: str, present: bool) -> tuple[Drawn, Gradients]:
    """A batch and its loss with all gradients, by loops over every pair."""
    batch = Drawn(name, present)
    samples = Samples(batch.z, batch.objective, batch.present, batch.ids)
    return batch, gradients(samples, batch.log_scale, batch.bias)


def check(want: Gradients, found: Any, rtol: float = 1e-10) -> None:
    """Hold a `gcl_spec.backend.LossAndGrads` against the reference."""
    np.testing.assert_allclose(found.loss, want.loss, rtol=rtol)
    pairs = [(found.grads, want.grads), (found.dlog_scale, want.dlog_scale)]
    if found.dbias is not None:
        pairs.append((found.dbias, want.dbias))
    for have, expected in pairs:
        size = float(np.abs(expected).max())
        np.testing.assert_allclose(np.asarray(have), expected, rtol=0, atol=rtol * max(1.0, size))
