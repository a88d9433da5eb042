"""The equations in the head of `scales`, written out over whole matrices."""

from typing import Any

import array_api_compat.numpy as xp
import numpy as np
import pytest

from gcl_spec.loss.plain import direct_blocks
from gcl_spec.loss.problem import Blocks, Problem, embeddings_of, mixed
from gcl_spec.loss.tiled.loop import Tiles
from gcl_spec.loss.tiled.row_sums import blocks_of, tile_weights
from gcl_spec.loss.tiled.scales import ONE, Scales, scales_of, sigmoid, softplus
from gcl_spec.loss.tiled.tile_logits import LN2
from gcl_spec.normalize import l2_normalize

SAMPLES, WIDTH = 5, 3
SCALES = np.asarray([2.0, 0.5, 3.0])
SHIFTS = np.asarray([-1.0, 0.3, 0.7])
BLOCKS = ((0, 0), (0, 1), (0, 1), (1, 0), (2, 1), (2, 2))
PLACES = (0, 0, 1, 2, 1, 2)


def problem_of(sigmoid_: bool) -> Problem:
    """Rows of which the third kind is mixed; one block is asked for at two scales."""
    rng = np.random.default_rng(0)
    z = tuple(l2_normalize(rng.normal(size=(SAMPLES, WIDTH))) for _ in range(2))
    shift = SHIFTS if sigmoid_ else None
    problem = Problem(
        z, (0, 1, (0, 1)), BLOCKS, ((0, 1),), places=PLACES, sigmoid=sigmoid_, shift=shift
    )
    return mixed(problem, xp)


def written_out(problem: Problem, g: Blocks) -> tuple[Any, ...]:
    """The gradients by rows, ln(scales) and shifts, of those by the blocks, (K, B) each."""
    e, apart = embeddings_of(problem), ~np.eye(SAMPLES, dtype=bool)
    factors = {m: dict(problem.factors(m)) for m in range(3)}
    rows, by_scales, by_shifts = [np.zeros_like(x) for x in problem.rows], np.zeros(3), np.zeros(3)
    for i, ((m, n), c) in enumerate(zip(BLOCKS, PLACES, strict=True)):
        s = SCALES[c] * e[m] @ e[n].T
        if problem.sigmoid:
            d = np.where(apart, 1 / (1 + np.exp(-s - SHIFTS[c])), 0)
        else:
            d = np.where(apart, np.exp(s), 0)
            d /= d.sum(1, keepdims=True)
        d *= g.others[i][:, None]
        by_shifts[c] += d.sum()
        d += np.diag(g.own[i] + g.mean[i])
        by_scales[c] += np.sum(d * s)
        for kind, by, y in ((m, d, e[n]), (n, d.T, e[m])):
            for k, f in factors[kind].items():
                rows[k] += SCALES[c] * np.broadcast_to(f, (SAMPLES,))[:, None] * (by @ y)
    return rows, by_scales, by_shifts


@pytest.mark.parametrize("sigmoid_", [False, True])
@pytest.mark.parametrize("shift", [None, 0.0])
@pytest.mark.parametrize("tile", [2, SAMPLES])
def test_sums_and_gradients_are_those_of_the_equations(
    tile: int, shift: float | None, sigmoid_: bool
) -> None:
    problem = problem_of(sigmoid_)
    largest, scales = scales_of(problem, SCALES, xp, on_host=True)
    tiles = Tiles(problem, largest / LN2, tile, shift, xp, scales=scales)
    sums = tiles.sums()
    for have, want in zip(blocks_of(sums, xp), direct_blocks(problem, SCALES, xp=xp), strict=True):
        if want is not None:
            np.testing.assert_allclose(have, want, rtol=1e-12)
    g = Blocks(*np.random.default_rng(1).normal(size=(3, len(BLOCKS), SAMPLES)))
    found = tiles.gradients(tile_weights(g, sums, True, np.float64, xp))
    rows, by_scales, by_shifts = written_out(problem, g)
    np.testing.assert_allclose(found.rows, rows, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.log_scale, by_scales, rtol=1e-10)
    if sigmoid_:
        np.testing.assert_allclose(found.shift, by_shifts, rtol=1e-10)
    else:
        assert found.shift is None


def test_one_scale_is_the_largest_of_one() -> None:
    problem = Problem((np.eye(2),), (0,), ((0, 0),))
    assert scales_of(problem, np.asarray(7.0), xp) == (7.0, ONE)
    shifted = Problem((np.eye(2),), (0,), ((0, 0),), sigmoid=True, shift=np.asarray(LN2))
    assert scales_of(shifted, np.asarray(7.0), xp, on_host=True) == (7.0, Scales((1.0,), (1.0,)))


def test_a_sigmoid_keeps_the_digits_of_small_and_large_logits() -> None:
    x = np.asarray([-400.0, -100.0, 0.0, 2.0, 400.0]) / LN2
    np.testing.assert_allclose(softplus(x, xp)[:2], np.exp(x[:2] * LN2), rtol=1e-13)
    np.testing.assert_allclose(sigmoid(x, xp)[:2], np.exp(x[:2] * LN2), rtol=1e-13)
    np.testing.assert_allclose(sigmoid(x, xp)[2:], [0.5, 1 / (1 + np.exp(-2)), 1], rtol=1e-13)


def test_a_sigmoid_of_single_precision_keeps_its_digits() -> None:
    """A sum of small terms is as exact as its terms, which 1 + exp(x) alone would round away."""
    x = np.linspace(-120.0, 120.0, 481).astype(np.float32)
    exact = np.logaddexp(0, LN2 * x.astype(np.float64))
    np.testing.assert_allclose(softplus(x, xp), exact, rtol=5e-7)
    np.testing.assert_allclose(
        sigmoid(x, xp), np.exp(LN2 * x.astype(np.float64) - exact), rtol=5e-7
    )
    assert sigmoid(np.asarray([-1e6], np.float32), xp) == np.finfo(np.float32).smallest_normal
