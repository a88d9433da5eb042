"""A kernel's input: the blocks that a plan asks for, and rows that are mixed of two."""

from dataclasses import replace

import numpy as np
import pytest

from asked import asked
from gcl_spec.loss.plan import make_plan
from gcl_spec.loss.problem import (
    Problem,
    embeddings_of,
    mixed,
    or_nan,
    place_of_mixed,
    without_arrays,
)
from gcl_spec.objective import CLIP, GCL

ROWS = tuple(np.random.default_rng(0).normal(size=(2, 5, 3)))
FUSED = Problem(ROWS, (0, 1, (0, 1)))


def test_the_blocks_that_are_asked_for() -> None:
    assert asked(Problem(ROWS, (0, 1)), make_plan(CLIP)).blocks == ((0, 1), (1, 0))
    problem = asked(FUSED, make_plan(GCL))
    assert problem.blocks == tuple((m, n) for m in range(3) for n in range(3))
    assert problem.targets == tuple((m, n) for m, n in problem.blocks if m != n)


def test_a_mixed_row_is_the_normalised_sum() -> None:
    total = ROWS[0] + ROWS[1]
    want = total / np.linalg.norm(total, axis=1, keepdims=True)
    found = embeddings_of(mixed(FUSED, np))
    assert found[0] is ROWS[0]
    np.testing.assert_allclose(found[2], want)


def test_weights_and_missing_rows() -> None:
    weights = (np.arange(1.0, 6.0), np.ones(5))
    here = np.ones((3, 5), bool)
    here[2, 1] = False
    problem = Problem(ROWS, (0, 1, (0, 1)), weights=(weights,), present=here)
    total = weights[0][:, None] * ROWS[0] + ROWS[1]
    want = total / np.linalg.norm(total, axis=1, keepdims=True)
    want[1] = 0
    np.testing.assert_allclose(embeddings_of(mixed(problem, np))[2], want)


def test_factors_are_those_of_the_own_parts() -> None:
    problem = mixed(Problem(ROWS, ((0, 1), 0, (1, 1))), np)
    assert [place_of_mixed(problem.parts, m) for m in (0, 2)] == [0, 1]
    assert problem.factors(1) == ((0, 1.0),)
    (a, f), (b, g) = problem.factors(2)
    assert (a, b) == (1, 1)
    np.testing.assert_allclose(2 * f, 1 / np.linalg.norm(ROWS[1], axis=1))
    np.testing.assert_array_equal(f, g)


def test_factors_that_would_lose_digits_are_nan() -> None:
    problem = mixed(FUSED, np)
    assert or_nan(FUSED, np) is FUSED, "nothing is mixed yet"
    assert problem.mix is not None
    middle = float(np.median(problem.mix))
    cut = or_nan(problem, np, middle).mix
    np.testing.assert_array_equal(np.isnan(cut), problem.mix > middle)
    np.testing.assert_array_equal(or_nan(problem, np).mix, problem.mix)


@pytest.mark.parametrize(
    ("ids", "positives", "one"), [(None, True, True), ([0, 0], False, True), ([0, 0], True, False)]
)
def test_a_single_positive(ids: list[int] | None, positives: bool, one: bool) -> None:
    given = None if ids is None else np.asarray(ids)
    assert Problem(ROWS, (0, 1), ids=given, positives=positives).own_is_one is one


def test_what_is_known_before_the_numbers() -> None:
    bare = without_arrays(mixed(asked(FUSED, make_plan(GCL)), np))
    assert bare.blocks == asked(FUSED, make_plan(GCL)).blocks
    assert (bare.rows, bare.mix, bare.parts) == ((), None, FUSED.parts)
    assert hash(bare) == hash(without_arrays(asked(FUSED, make_plan(GCL))))


def test_a_sample_with_nothing_overflows_nowhere() -> None:
    here = np.arange(5) != 2
    rows = tuple(np.where(here[:, None], x, 0.0) for x in ROWS)
    problem = replace(FUSED, rows=rows, present=np.stack([here] * 3))
    problem = replace(problem, weights=((np.full(5, 9.0), np.full(5, 9.0)),))
    with np.errstate(all="raise"):
        made = embeddings_of(mixed(problem, np))[2]
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), here)
