"""Logits of each sample's own rows: to the last digit, for any number of samples at a time."""

from typing import Any

import numpy as np
import pytest

from asked import asked
from gcl_spec.loss.plan import make_plan
from gcl_spec.loss.problem import Problem, embeddings_of, mixed
from gcl_spec.loss.tiled.own_logits import OwnDots, own_sums
from gcl_spec.objective import GCL

ROWS = np.random.default_rng(0).normal(size=(2, 7, 5))
SCALE = 3.5


def problem(rows: Any = ROWS, **options: Any) -> Problem:
    return mixed(asked(Problem(tuple(rows), (0, 1, (0, 1)), **options), make_plan(GCL)), np)


@pytest.mark.parametrize("step", [None, 1, 3])
def test_products_of_own_rows(step: int | None) -> None:
    dots, rows = OwnDots(problem(), SCALE, np, step=step), embeddings_of(problem())
    for m in range(3):
        for n in range(3):
            want = SCALE * (rows[m] * rows[n]).sum(axis=-1)
            np.testing.assert_allclose(dots(m, n), want, rtol=1e-12, atol=1e-12)


def test_a_mixed_row_is_unit_in_the_wider_dtype() -> None:
    """The mix of float32 rows is rounded; in float64 its length is made 1 again."""
    single = problem(ROWS.astype(np.float32))
    found = OwnDots(single, SCALE, np, np.float64)(2, 2)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, SCALE, rtol=1e-14)


def test_sums_over_the_single_positive() -> None:
    here = np.ones((3, 7), bool)
    here[1, 2] = False
    asked = problem(present=here)
    found = own_sums(asked, SCALE, np)
    at = asked.blocks.index((0, 1))
    want = SCALE * (ROWS[0] * ROWS[1]).sum(axis=-1)
    want[2] = 0
    np.testing.assert_allclose(found.linear[at], want)
    assert found.logs.top[at, 2] == -np.inf
    assert found.count[at].tolist() == [1, 1, 0, 1, 1, 1, 1]


def test_logits_within_a_modality_are_damped() -> None:
    captions = np.random.default_rng(1).normal(size=(7, 4))
    captions /= 2 * np.linalg.norm(captions, axis=1, keepdims=True)
    plain, damped = own_sums(problem(), SCALE, np), own_sums(problem(damp=captions), SCALE, np)
    for k, (m, n) in enumerate(problem().blocks):
        factor = 0.75 if m == n else 1.0
        np.testing.assert_allclose(damped.linear[k], factor * plain.linear[k])
