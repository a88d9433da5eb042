"""Fused rows that are not given, and tiles, on every backend against the reference's chain rule."""

import numpy as np
import pytest

from gcl_spec.backend import Backend
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import GCL, Objective

FIVE = Objective(modalities=("image", "text", "video", "image+text", "video+text"))
HERE = np.asarray([[1, 1, 0, 1, 1, 1], [1, 0, 1, 1, 1, 1], [1, 0, 0, 1, 1, 1]], bool)


@pytest.mark.parametrize(
    ("name", "tile"),
    [
        ("image and text", None),
        ("image and text", 4),
        ("weighted", None),
        ("five modalities", None),
        ("missing rows", None),
    ],
)
def test_fused_rows_follow_from_their_parts(
    backend: Backend, reference: Backend, name: str, tile: int | None
) -> None:
    objective = FIVE if name == "five modalities" else GCL
    given = 3 if objective is FIVE else 2
    rows = l2_normalize(np.random.default_rng(0).normal(size=(given, 6, 5)))
    present = HERE if name == "missing rows" else None
    weights = np.linspace(0.4, 2.0, 12).reshape(1, 2, 6) if name == "weighted" else None
    scale = np.asarray(2.0)
    options = {"objective": objective, "present": present, "weights": weights}
    want = reference.loss_and_grads(rows, scale, **options)
    device = backend.devices()[0]

    def array(x: np.ndarray, dtype: str = "float64"):
        return backend.from_numpy(x, dtype=dtype, device=device)

    found = backend.loss_and_grads(
        array(rows),
        array(scale),
        objective=objective,
        present=None if present is None else array(present, "bool"),
        weights=None if weights is None else array(weights),
        tile=tile,
    )
    assert float(backend.to_numpy(found.loss)) == pytest.approx(float(want.loss), rel=1e-12)
    np.testing.assert_allclose(backend.to_numpy(found.grads), want.grads, rtol=1e-9, atol=1e-12)
    assert float(backend.to_numpy(found.dlog_scale)) == pytest.approx(float(want.dlog_scale))
