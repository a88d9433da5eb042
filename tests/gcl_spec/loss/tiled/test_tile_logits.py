"""The tiled kernel equals the direct one, on every framework, for every tile size."""

from dataclasses import replace
from typing import Any

import array_api_compat.numpy as numpy_namespace
import array_api_compat.torch as torch_namespace
import array_api_strict
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asked import asked
from gcl_spec.conformance.cases.fixed import Case
from gcl_spec.conformance.cases.strategies import cases
from gcl_spec.loss.equation import checked
from gcl_spec.loss.inputs import given_modalities, prepare
from gcl_spec.loss.plain import direct_blocks, plain_blocks
from gcl_spec.loss.plan import make_plan
from gcl_spec.loss.problem import Blocks, Problem, mixed
from gcl_spec.loss.stacked import stacked_loss
from gcl_spec.loss.tiled.loop import Tiles
from gcl_spec.loss.tiled.row_sums import blocks_of, tile_weights
from gcl_spec.loss.tiled.shared_shift import shared_shift
from gcl_spec.loss.tiled.tile_logits import LN2
from gcl_torch.loss.kernel import GramKernel

TILES = (1, 3, 100)


def problem_of(
    case: Case, xp: Any, given: int | None = None, captions: np.ndarray | None = None
) -> Problem:
    """With `given` rows of the modalities (the others fused), or all of them."""
    names = given_modalities(case.objective, given or len(case.objective.modalities))
    index = case.objective.modalities.index
    present = None
    if case.present is not None:
        flags = {n: case.present[index(n)] for n in case.objective.modalities}
        for name in flags.keys() - set(names):  # of nothing no row can be made
            a, b = name.split("+")
            flags[name] = flags[name] & (flags[a] | flags[b])
        present = {n: xp.asarray(flag) for n, flag in flags.items()}
    inputs = checked(
        {name: xp.asarray(case.z_MBD[index(name)]) for name in names},
        log_scale=case.log_scale,
        objective=case.objective,
        weights=None,
        present=present,
        ids=None if case.ids is None else xp.asarray(case.ids),
        captions=None if captions is None else xp.asarray(captions),
        xp=xp,
    )
    return mixed(asked(prepare(inputs), make_plan(case.objective)), xp)


def fusions(case: Case) -> list[int | None]:
    """All rows given, and where the objective allows it, "image+text" made of its parts."""
    return (
        [None, len(case.objective.modalities) - 1] if len(case.objective.modalities) > 2 else [None]
    )


DRAWN = given(
    case=cases(family=False),
    tile=st.sampled_from(TILES),
    seed=st.integers(0, 2**16),
    damped=st.booleans(),
)


@pytest.mark.parametrize("xp", [numpy_namespace, torch_namespace])
@pytest.mark.parametrize("own_maxima", [False, True])
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@DRAWN
def test_tiles_are_the_plain_blocks(xp: Any, own_maxima: bool, **drawn: Any) -> None:
    tiles_are_the_plain_blocks(xp, own_maxima, **drawn)


@pytest.mark.parametrize("own_maxima", [False, True])
@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@DRAWN
def test_tiles_ask_for_nothing_but_the_standard(own_maxima: bool, **drawn: Any) -> None:
    """The namespace that refuses everything else is slow."""
    tiles_are_the_plain_blocks(array_api_strict, own_maxima, **drawn)


def tiles_are_the_plain_blocks(
    xp: Any, own_maxima: bool, case: Case, tile: int, seed: int, damped: bool
) -> None:
    """The sums, and for any gradient by them those by rows, factors, captions and scale."""
    scale = float(np.exp(case.log_scale))
    rng = np.random.default_rng(seed)
    captions = rng.normal(size=(case.z_MBD.shape[1], 3)) if damped else None
    for given_rows in fusions(case):
        direct = problem_of(case, torch_namespace, given_rows, captions)
        want, gradients_of = plain_by_torch(direct, scale)
        problem = problem_of(case, xp, given_rows, captions)
        found = shared_shift(problem, scale / LN2, xp)
        shift = None if own_maxima or not bool(found.fits) else float(found.shift)
        tiles = Tiles(problem, scale / LN2, tile, shift, xp, cache_bytes=1000, by_damp=damped)
        sums = tiles.sums()
        for x, y in zip(blocks_of(sums, xp)[:3], want, strict=True):
            np.testing.assert_allclose(np.asarray(x), y, rtol=1e-10, atol=1e-10)
        by_blocks = [np.where(np.isfinite(y), rng.normal(size=y.shape), 0.0) for y in want]
        weights = tile_weights(
            Blocks(*(xp.asarray(g) for g in by_blocks)),
            sums,
            problem.own_is_one,
            problem.rows[0].dtype,
            xp,
        )
        have = tiles.gradients(weights)
        rows, mix, damp, log_scale = gradients_of(by_blocks)
        # A row that is not present gets its zero from the caller, who put a zero there.
        for m, (x, y) in enumerate(zip(have.rows, rows, strict=True)):
            here = slice(None)
            if problem.present is not None:
                here = np.asarray(problem.present)[problem.parts.index(m)]
            np.testing.assert_allclose(np.asarray(x)[here], y[here], rtol=1e-8, atol=1e-9)
        if mix is not None and problem.present is None:
            np.testing.assert_allclose(np.asarray(have.mix), mix, rtol=1e-8, atol=1e-9)
        if damp is not None:
            np.testing.assert_allclose(np.asarray(have.damp), damp, rtol=1e-8, atol=1e-9)
        assert float(have.log_scale) == pytest.approx(log_scale, rel=1e-8, abs=1e-8)


def plain_by_torch(problem: Problem, scale: float) -> Any:
    """The direct blocks, and a function from gradients by them to those by everything else."""
    rows = [x.clone().requires_grad_() for x in problem.rows]
    mix = None if problem.mix is None else problem.mix.clone().requires_grad_()
    log_scale = torch.tensor(np.log(scale), requires_grad=True)
    damp = None if problem.damp is None else problem.damp.clone().requires_grad_()
    leaves = [*rows, *(x for x in (mix, damp) if x is not None), log_scale]
    problem = replace(problem, rows=tuple(rows), mix=mix, damp=damp)
    blocks = direct_blocks(problem, log_scale.exp(), xp=torch_namespace)

    def gradients(by_blocks: list[Any]) -> Any:
        total = sum(
            torch.where(torch.isfinite(x), x * torch.from_numpy(g), 0.0).sum()
            for x, g in zip(blocks[:3], by_blocks, strict=True)
        )
        found = torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)
        by_leaf = {id(x): g.numpy() for x, g in zip(leaves, found, strict=True)}
        by_rows = [by_leaf[id(x)] for x in rows]
        return by_rows, by_leaf.get(id(mix)), by_leaf.get(id(damp)), float(found[-1])

    return [x.detach().numpy() for x in blocks[:3]], gradients


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases(family=False), tile=st.sampled_from(TILES))
def test_torch_gradients_through_tiles(case: Case, tile: int) -> None:
    found = []
    for kernel in (plain_blocks, GramKernel(tile)):
        z = torch.tensor(case.z_MBD, requires_grad=True)
        s = torch.tensor(case.log_scale, dtype=torch.float64, requires_grad=True)
        loss = stacked_loss(
            z,
            s,
            objective=case.objective,
            present_MB=None if case.present is None else torch.tensor(case.present),
            ids_B=None if case.ids is None else torch.tensor(case.ids),
            kernel=kernel,
        )
        loss.backward()
        found.append((loss.item(), z.grad, s.grad.item()))
    (want, grads, by_scale), (have, tiled_grads, tiled_by_scale) = found
    assert have == pytest.approx(want, rel=1e-11, abs=1e-11)
    torch.testing.assert_close(tiled_grads, grads, rtol=1e-8, atol=1e-10)
    assert tiled_by_scale == pytest.approx(by_scale, rel=1e-8, abs=1e-9)
