"""The equations in the head of `tile_softmax`, written out over whole matrices."""

from typing import Any

import array_api_compat.numpy as xp
import numpy as np
import pytest

from asked import asked
from gcl_spec.loss.plan import make_plan
from gcl_spec.loss.problem import Blocks, Problem, embeddings_of, mixed
from gcl_spec.loss.tiled.loop import Tiles
from gcl_spec.loss.tiled.pull_back import Gradients
from gcl_spec.loss.tiled.row_sums import tile_weights
from gcl_spec.loss.tiled.tile_logits import LN2
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import GCL

SCALE, SAMPLES, WIDTH = 3.0, 7, 4

Numbers = np.ndarray[Any, Any]


def problem_of(weighted: bool, positives: bool) -> Problem:
    """Image and text rows, with "image+text" made of them; two samples have one id."""
    rng = np.random.default_rng(0)
    z = tuple(l2_normalize(rng.normal(size=(SAMPLES, WIDTH))) for _ in range(2))
    weights = ((rng.uniform(1, 2, SAMPLES), rng.uniform(1, 2, SAMPLES)),) if weighted else None
    ids = np.asarray([0, 0, 1, 2, 3, 4, 5])
    problem = Problem(z, (0, 1, (0, 1)), weights=weights, ids=ids, positives=positives)
    return mixed(asked(problem, make_plan(GCL)), xp)


def written_out(problem: Problem, g: Blocks) -> Gradients:
    """The gradients by the equations, of those by the blocks, (K, B) each."""
    z, e = problem.rows, embeddings_of(problem)
    alike = problem.ids[:, None] == problem.ids[None, :]
    own = alike if problem.positives else np.eye(SAMPLES, dtype=bool)
    d = {(m, n): np.zeros((SAMPLES, SAMPLES)) for m in range(3) for n in range(3)}
    for i, (m, n) in enumerate(problem.blocks):
        s = SCALE * e[m] @ e[n].T
        p = np.where(alike, 0, np.exp(s))
        q = np.where(own, np.exp(s), 0)
        by_s = g.others[i][:, None] * p / p.sum(1, keepdims=True)
        by_s += g.own[i][:, None] * q / q.sum(1, keepdims=True)
        by_s += np.where(own, g.mean[i][:, None] / own.sum(1, keepdims=True), 0)
        d[m, n] += by_s
        d[n, m] += by_s.T
    # Each pair of rows stands in d twice, in either order; its products are counted once.
    factors = {m: dict(problem.factors(m)) for m in range(3)}
    rows = [np.zeros_like(x) for x in z]
    mix = np.zeros_like(problem.mix)
    total = 0.0
    for (m, n), block in d.items():
        total += 0.5 * np.sum(block * SCALE * (e[m] @ e[n].T))
        for c, f in factors[m].items():
            rows[c] += SCALE * (np.broadcast_to(f, (SAMPLES,))[:, None] * block) @ e[n]
        if m == 2:
            by_part = [np.sum(block * SCALE * (z[c] @ e[n].T), axis=1) for c in (0, 1)]
            mix[0] += by_part if mix.shape[1] == 2 else sum(by_part)
    return Gradients(tuple(rows), mix, np.asarray(total))


@pytest.mark.parametrize("positives", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shift", [None, 0.0])
@pytest.mark.parametrize("tile", [3, SAMPLES])
def test_gradients_are_those_of_the_equations(
    weighted: bool, positives: bool, shift: float | None, tile: int
) -> None:
    problem = problem_of(weighted, positives)
    rng = np.random.default_rng(1)
    g = Blocks(*rng.normal(size=(3, len(problem.blocks), SAMPLES)))
    tiles = Tiles(problem, SCALE / LN2, tile, shift, xp)
    sums = tiles.sums()
    found = tiles.gradients(tile_weights(g, sums, problem.own_is_one, np.float64, xp))
    want = written_out(problem, g)
    np.testing.assert_allclose(found.rows, want.rows, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.mix, want.mix, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.log_scale, want.log_scale, rtol=1e-10)
