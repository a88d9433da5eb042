"""Tiles: what is multiplied, kept and shared, and numbers at the edge of what floats hold."""

import operator
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import array_api_compat.numpy as xp
import numpy as np
import pytest

from asked import asked
from gcl_spec.loss.plain import direct_blocks
from gcl_spec.loss.plan import make_plan
from gcl_spec.loss.problem import Blocks, Problem, mixed
from gcl_spec.loss.tiled.loop import Tiles
from gcl_spec.loss.tiled.pull_back import Gradients
from gcl_spec.loss.tiled.row_sums import RowSums, blocks_of, tile_weights
from gcl_spec.loss.tiled.shared_shift import shared_shift
from gcl_spec.loss.tiled.tile_logits import LN2
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import CLIP, GCL, Objective

SAMPLES, WIDTH, TILE = 24, 5, 4


def problem_of(objective: Objective = GCL, dtype: Any = np.float64, **options: Any) -> Problem:
    """Image and text rows, with "image+text" made of them where the objective has it."""
    rng = np.random.default_rng(0)
    rows = tuple(l2_normalize(rng.normal(size=(SAMPLES, WIDTH))).astype(dtype) for _ in range(2))
    parts = (0, 1, (0, 1))[: len(objective.modalities)]
    problem = asked(Problem(rows, parts, **options), make_plan(objective))
    return mixed(problem, xp)


def gradients(tiles: Tiles, sums: RowSums) -> Gradients:
    ones = Blocks(*(np.ones_like(x) for x in blocks_of(sums, xp)[:3]))
    dtype = tiles.problem.rows[0].dtype
    one = tiles.problem.own_is_one
    return tiles.gradients(tile_weights(ones, sums, one, dtype, xp))


class Counted:
    """A product that counts its multiplications and remembers its results."""

    def __init__(self) -> None:
        self.work, self.results = 0, list[Any]()

    def __call__(self, x: Any, y: Any) -> Any:
        self.work += x.shape[0] * x.shape[1] * y.shape[1]
        found = operator.matmul(x, y)
        self.results.append(weakref.ref(found))
        return found


def test_only_what_is_asked_for_is_multiplied() -> None:
    """Fused rows cost no product of their own; CLIP needs no product of images with images."""
    pairs = SAMPLES * (SAMPLES + TILE) // 2  # half of a symmetric matrix, and its diagonal tiles
    for objective, products in ((GCL, 4), (CLIP, 2)):
        counted = Counted()
        Tiles(problem_of(objective), 20.0, TILE, 0.0, xp, multiply=counted).sums()
        assert counted.work == products * pairs * WIDTH


def test_products_are_kept_within_the_budget_and_let_go_once_used() -> None:
    counted = Counted()
    one_tile = 4 * TILE**2 * 8
    options = {"cache_bytes": 3 * one_tile + 100, "multiply": counted}
    tiles = Tiles(problem_of(), 20.0, TILE, 0.0, xp, **options)
    sums = tiles.sums()
    count = len(counted.results)
    kept = 2 * 3  # a product for each of two kinds of columns
    assert sum(x() is not None for x in counted.results) == kept
    gradients(tiles, sums)
    assert len(counted.results) == 2 * count - kept
    assert all(x() is None for x in counted.results)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_that_share_a_shift_are_in_float64(dtype: Any) -> None:
    sums = Tiles(problem_of(dtype=dtype), 20.0, TILE, 0.0, xp).sums()
    assert sums.others.rest.dtype == np.float64


class Thread:
    """One of several threads as a `gcl_spec.loss.kernel.Processes`."""

    def __init__(self, rank: int, barrier: threading.Barrier, slots: list[Any]) -> None:
        self.rank, self.size = rank, len(slots)
        self._barrier, self._slots = barrier, slots

    def sum(self, x: Any, /) -> Any:
        return np.sum(self._all(x), axis=0)

    def max(self, x: Any, /) -> Any:
        return np.max(self._all(x), axis=0)

    def _all(self, x: Any) -> list[Any]:
        self._slots[self.rank] = x
        self._barrier.wait(120)
        found = list(self._slots)
        self._barrier.wait(120)
        # Real processes exchange bytes: one that has other ones waits for ever, or dies.
        assert len({(x.shape, x.dtype) for x in found}) == 1
        return found


def shared(
    size: int, problem: Problem, scale: float, tile: int, shift: float | None
) -> list[tuple[Blocks, Gradients]]:
    """What each of `size` threads finds that share the work."""
    barrier, slots = threading.Barrier(size), [None] * size

    def work(rank: int) -> tuple[Blocks, Gradients]:
        processes = Thread(rank, barrier, slots)
        tiles = Tiles(problem, scale / LN2, tile, shift, xp, processes=processes)
        sums = tiles.sums()
        return blocks_of(sums, xp), gradients(tiles, sums)

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(work, range(size)))


@pytest.mark.parametrize("shift", [0.0, None])
@pytest.mark.parametrize("size", [2, 5])
@pytest.mark.parametrize("ids", [False, True])
def test_shared_work_is_the_work_of_one(size: int, shift: float | None, ids: bool) -> None:
    """Also where a process has no pair with some tile, whose sums are then those of nothing."""
    options = {"ids": np.arange(SAMPLES) % 19, "positives": True} if ids else {}
    problem = problem_of(**options)
    # Each row's logits are all negative, so that 1 = exp(0) in a sum of nothing would show.
    rows = (problem.rows[0] * 0.1 + 1, -problem.rows[1] * 0.1 - 1)
    problem = asked(Problem(rows, (0, 1), **options), make_plan(CLIP))
    want = direct_blocks(problem, 3.0, xp=xp)
    alone = Tiles(problem, 3.0 / LN2, TILE, shift, xp)
    exact = gradients(alone, alone.sums())
    for blocks, grads in shared(size, problem, 3.0, TILE, shift):
        for x, y in zip(blocks[:3], want[:3], strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-10)
        np.testing.assert_allclose(grads.rows, exact.rows, rtol=1e-9, atol=1e-12)
        assert grads.log_scale == pytest.approx(exact.log_scale, rel=1e-10)


@pytest.mark.parametrize("positives", [False, True])
def test_a_missing_row_far_above_all_others(positives: bool) -> None:
    """Its zero row has logit 0 where exp(0 - log-sum) overflows: it must not be computed."""
    image = np.zeros((SAMPLES, WIDTH), np.float32)
    image[:, 0] = 30.0
    image[:, 1:] = np.random.default_rng(1).normal(size=(SAMPLES, WIDTH - 1))
    text, present = -image, np.ones((2, SAMPLES), bool)
    present[1, ::3] = False
    text[~present[1]] = 0.0
    ids = np.arange(SAMPLES) % 8 if positives else None
    problem = Problem((image, text), (0, 1), present=present, ids=ids, positives=positives)
    tiles = Tiles(asked(problem, make_plan(CLIP)), 1.0 / LN2, TILE, None, xp)
    sums = tiles.sums()
    assert blocks_of(sums, xp).others[0].max() < -600
    with np.errstate(over="raise", invalid="raise"):
        found = gradients(tiles, sums)
    assert np.isfinite(np.stack(found.rows)).all()


def test_a_block_whose_sum_is_next_to_nothing() -> None:
    """Its share is 0, though 2 ** (shift - its logarithm) is more than a float holds."""
    rows = np.asarray([[1.0, 0.0], [-1.0, 0.0]])
    problem = asked(Problem((rows, rows), (0, 1)), make_plan(CLIP))
    scale2 = 1033.0
    found = shared_shift(problem, scale2, xp)
    assert found.fits
    tiles = Tiles(problem, scale2, TILE, float(found.shift), xp)
    sums = tiles.sums()
    assert -np.inf < (sums.others.top + sums.others.rest).max() < -1000
    by_others = Blocks(np.zeros((2, 2)), np.ones((2, 2)), -np.ones((2, 2)))
    weights = tile_weights(by_others, sums, True, np.float64, xp)
    assert np.all(np.stack(tiles.gradients(weights).rows) == 0)


@pytest.mark.parametrize("shift", [0.0, None])
@pytest.mark.parametrize("ids", [False, True])
def test_processes_without_work_exchange_the_same_bytes(shift: float | None, ids: bool) -> None:
    """As with two processes and one tile; in float32, which sums of nothing must be in, too."""
    options = {"ids": np.arange(SAMPLES) % 19, "positives": True} if ids else {}
    problem = problem_of(dtype=np.float32, **options)
    want = direct_blocks(problem, 3.0, xp=xp)
    for blocks, grads in shared(2, problem, 3.0, SAMPLES, shift):
        assert grads.rows[0].dtype == np.float32
        for x, y in zip(blocks[:3], want[:3], strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-5)
