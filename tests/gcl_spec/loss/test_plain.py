"""The direct kernel against sums that are written out."""

from typing import Any

import numpy as np
import pytest

from asked import asked
from gcl_spec.loss.plain import plain_blocks
from gcl_spec.loss.plan import make_plan
from gcl_spec.loss.problem import Problem
from gcl_spec.objective import CLIP

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 5, 3))
SCALE = 1.7


def blocks(**options: Any) -> Any:
    return plain_blocks(asked(Problem((X, Y), (0, 1), **options), make_plan(CLIP)), SCALE, xp=np)


def test_sums_over_other_samples_and_the_own() -> None:
    found, s = blocks(), SCALE * X @ Y.T
    for k, logits in enumerate((s, s.T)):
        for j in range(5):
            others = np.delete(logits[j], j)
            assert found.others[k, j] == pytest.approx(np.log(np.exp(others).sum()))
            assert found.own[k, j] == found.mean[k, j] == pytest.approx(logits[j, j])


def test_missing_rows_and_equal_ids_are_left_out() -> None:
    here = np.ones((2, 5), bool)
    here[1, 3] = False
    ids = np.asarray([7, 7, 1, 2, 3])
    found, s = blocks(present=here, ids=ids), SCALE * X @ Y.T
    for j in range(5):
        others = [s[j, k] for k in range(5) if k != 3 and ids[k] != ids[j]]
        assert found.others[0, j] == pytest.approx(np.log(np.exp(others).sum()))
    assert found.own[0, 3] == -np.inf
    assert found.mean[0, 3] == 0


def test_equal_ids_may_be_positives() -> None:
    ids = np.asarray([7, 7, 1, 2, 3])
    found, s = blocks(ids=ids, positives=True), SCALE * X @ Y.T
    assert found.own[0, 0] == pytest.approx(np.log(np.exp(s[0, :2]).sum()))
    assert found.mean[0, 0] == pytest.approx(s[0, :2].mean())


def test_one_sample_has_no_others() -> None:
    problem = asked(Problem((X[:1], Y[:1]), (0, 1)), make_plan(CLIP))
    assert (plain_blocks(problem, SCALE, xp=np).others == -np.inf).all()


@pytest.mark.parametrize("power", [-500, 500])
def test_a_scale_far_from_1_with_rows_as_far_on_the_other_side(power: int) -> None:
    """Products of such rows alone are no numbers; those with the scale are."""
    row = 2.0 ** (-power / 2)
    far = asked(Problem((row * X, row * Y), (0, 1)), make_plan(CLIP))
    near = asked(Problem((X, Y), (0, 1)), make_plan(CLIP))
    found = plain_blocks(far, 2.0**power, xp=np)
    np.testing.assert_allclose(found.others, plain_blocks(near, 1.0, xp=np).others, rtol=1e-12)
