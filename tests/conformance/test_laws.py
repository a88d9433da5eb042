"""Laws of the objective on every declared backend, for the loss and for its gradients.

The neutral loss has its own in `tests/core/test_loss.py`. Shapes, objectives and masks are few,
so that a compiling backend compiles few programs; values are drawn.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcl_spec.backend import Backend
from gcl_spec.conformance import Case, fixed_cases, quick_cases
from gcl_spec.conformance.checks import QUANTITIES, check
from gcl_spec.conformance.strategies import cases, rotation
from gcl_spec.conformance.tolerances import bounds, rounded
from gcl_spec.errors import InputError
from gcl_spec.loss import stacked_loss
from gcl_spec.objective import GCL, Direction, Objective

SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=6)
B, D = 6, 4


class Result(NamedTuple):
    loss: np.ndarray
    grads: np.ndarray
    dlog_scale: np.ndarray


def run(backend: Backend, case: Case, dtype: str = "float64") -> Result:
    def array(x: Any, dtype: str) -> Any:
        return backend.from_numpy(np.asarray(x), dtype=dtype, device=backend.devices()[0])

    found = backend.loss_and_grads(
        array(case.z_MBD, dtype),
        array(case.log_scale, dtype),
        objective=case.objective,
        present=None if case.present is None else array(case.present, "bool"),
        ids=None if case.ids is None else array(case.ids, "int64"),
    )
    return Result(*(backend.to_numpy(x).astype(np.float64) for x in found))


def draw(seed: int, objective: Objective = GCL) -> Case:
    """Both masks as arrays, so that one program serves every law."""
    rng = np.random.default_rng(seed)
    present = rng.random((3, B)) > 0.25
    present[:, 0] = True
    z = rng.normal(size=(3, B, D)) * rng.uniform(0.3, 2, size=(3, B, 1))
    ids = rng.integers(0, 4, B)
    return Case("drawn", z, float(rng.uniform(-2, 4)), objective, present, ids)


def near(found: Result, want: Result) -> None:
    for name in QUANTITIES:
        have, right = getattr(found, name), getattr(want, name)
        atol = 1e-11 * max(1.0, float(np.abs(right).max()), float(want.loss))
        np.testing.assert_allclose(have, right, rtol=1e-9, atol=atol, err_msg=name)


@FEW
@given(SEEDS)
def test_samples_may_be_permuted(backend: Backend, seed: int) -> None:
    case, order = draw(seed), np.random.default_rng(seed).permutation(B)
    turned = replace(
        case, z_MBD=case.z_MBD[:, order], present=case.present[:, order], ids=case.ids[order]
    )
    want = run(backend, case)
    near(run(backend, turned), want._replace(grads=want.grads[:, order]))


WEIGHTED = Objective(
    directions=(Direction("image", "text", 3.0), Direction("image+text", "image", 0.5))
)
TURNED = Objective(
    modalities=("a", "b", "c"), directions=(Direction("b", "c", 3.0), Direction("a", "b", 0.5))
)


@FEW
@given(SEEDS)
def test_modalities_may_be_permuted_with_their_directions(backend: Backend, seed: int) -> None:
    """Row m of TURNED is row (m - 1) mod 3 of WEIGHTED, under other names."""
    case = draw(seed, WEIGHTED)
    turned = replace(
        case,
        z_MBD=np.roll(case.z_MBD, 1, axis=0),
        present=np.roll(case.present, 1, axis=0),
        objective=TURNED,
    )
    want = run(backend, case)
    near(run(backend, turned), want._replace(grads=np.roll(want.grads, 1, axis=0)))


@FEW
@given(SEEDS)
def test_a_rotation_turns_the_gradient_with_it(backend: Backend, seed: int) -> None:
    case, turn = draw(seed), rotation(np.random.default_rng(seed), D)
    want = run(backend, case)
    near(
        run(backend, replace(case, z_MBD=case.z_MBD @ turn)), want._replace(grads=want.grads @ turn)
    )


@FEW
@given(SEEDS)
def test_the_gradient_is_orthogonal_to_rotations(backend: Backend, seed: int) -> None:
    """Sum of z g^T is symmetric: the loss does not change to first order under any rotation."""
    case = draw(seed)
    z = np.where(case.present[:, :, None], case.z_MBD, 0)
    grads = run(backend, case).grads
    moment = np.einsum("mbi,mbj->ij", z, grads)
    assert np.allclose(moment, moment.T, rtol=1e-9, atol=1e-10 * np.abs(moment).max())


@FEW
@given(SEEDS)
def test_scaling_the_rows_is_scaling_the_temperature(backend: Backend, seed: int) -> None:
    """sum z . dL/dz = 2 dL/dlog_scale: both scale every logit."""
    case = draw(seed)
    z = np.where(case.present[:, :, None], case.z_MBD, 0)
    found = run(backend, case)
    size = np.abs(z * found.grads).sum()
    assert (z * found.grads).sum() == pytest.approx(2 * float(found.dlog_scale), abs=1e-11 * size)


@FEW
@given(SEEDS)
def test_a_masked_sample_is_a_removed_sample(backend: Backend, seed: int) -> None:
    case = draw(seed)
    case.present[:, 2] = False
    kept = np.arange(B) != 2
    removed = replace(
        case, z_MBD=case.z_MBD[:, kept], present=case.present[:, kept], ids=case.ids[kept]
    )
    found, want = run(backend, case), run(backend, removed)
    assert np.all(found.grads[:, 2] == 0)
    near(found._replace(grads=found.grads[:, kept]), want)


@FEW
@given(SEEDS)
def test_names_of_ids_do_not_matter(backend: Backend, seed: int) -> None:
    case = draw(seed)
    near(run(backend, replace(case, ids=2**40 - 7 * case.ids)), run(backend, case))


@FEW
@given(SEEDS)
def test_all_present_and_distinct_is_no_mask_and_balances_are_equal(
    backend: Backend, seed: int
) -> None:
    case = replace(draw(seed), present=np.ones((3, B), bool), ids=np.arange(B))
    want = run(backend, case)
    near(run(backend, replace(case, present=None, ids=None)), want)
    near(run(backend, replace(case, objective=Objective(balance="direction"))), want)


@pytest.mark.parametrize(
    ("objective", "least"),
    [
        (GCL, np.log(2)),
        (Objective(self_term="keep"), np.log(3)),
        (Objective(same_sample="drop"), 0.0),
    ],
    ids=["mask", "keep", "drop"],
)
def test_least_loss_is_reached_by_one_collapsed_sample(
    backend: Backend, objective: Objective, least: float
) -> None:
    row = np.ones((3, 1, D)) / 2
    found = run(backend, Case("collapsed", row, 3.0, objective))
    assert float(found.loss) == pytest.approx(least, abs=1e-13)
    assert np.abs(found.grads.sum(axis=0)).max() < 1e-12


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_converged_at_scale_100_has_the_right_gradient(
    backend: Backend, reference: Backend, dtype: str
) -> None:
    """Well-known losses give exactly 0, or NaN, here."""
    case = next(case for case in fixed_cases() if case.name == "converged, drop")
    rounded = replace(
        case,
        z_MBD=case.z_MBD.astype(dtype).astype(float),
        log_scale=float(np.asarray(case.log_scale, dtype)),
    )
    found, want = run(backend, case, dtype), run(reference, rounded)
    allowed = bounds(case, dtype, float(want.loss), float(np.linalg.norm(want.grads)))
    assert np.isfinite(found.dlog_scale)
    assert np.linalg.norm(want.grads) > 0
    assert np.linalg.norm(found.grads - want.grads) <= allowed.grads
    assert abs(found.dlog_scale - want.dlog_scale) <= allowed.dlog_scale


def test_a_zero_row_is_an_error_unless_it_is_missing(backend: Backend) -> None:
    case = draw(1)
    case.z_MBD[1, 0], case.present[1, 0] = 0.0, False
    masked = run(backend, case)
    assert np.all(masked.grads[1, 0] == 0)
    assert np.isfinite(masked.grads).all()
    case.present[1, 0] = True
    with pytest.raises(InputError, match="row 0 of 'text' has norm 0"):
        run(backend, case)


@pytest.mark.parametrize("name", [case.name for case in quick_cases()])
def test_bfloat16_rows_give_the_loss_of_the_rounded_rows(
    backend: Backend, reference: Backend, name: str
) -> None:
    """bf16 in, float32 arithmetic: the float32 bound, and one more rounding of the gradient."""
    case = next(case for case in quick_cases() if case.name == name)
    device = backend.devices()[0]
    check(backend, reference, case, dtype="bfloat16", device=device)
    rows = backend.from_numpy(case.z_MBD, dtype="bfloat16", device=device)
    assert np.array_equal(backend.to_numpy(rows), rounded(case.z_MBD, "bfloat16"), equal_nan=True)


@given(cases())
def test_strict_namespace_is_the_reference(reference: Backend, case: Case) -> None:
    """Nothing but the Array API standard, on every objective and mask."""
    xp = array_api_strict

    def array(x: Any) -> Any:
        return None if x is None else xp.asarray(x)

    found = stacked_loss(
        array(case.z_MBD),
        xp.asarray(case.log_scale),
        objective=case.objective,
        present_MB=array(case.present),
        ids_B=array(case.ids),
    )
    want = run(reference, case).loss
    assert float(found) == pytest.approx(float(want), rel=1e-12, abs=1e-12)
