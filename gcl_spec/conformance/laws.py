"""Laws of the objective, each on a case drawn from a seed, without a reference.

Shapes, objectives and masks are few, so that a compiling backend compiles few programs.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from gcl_spec._typing import BoolArray, FloatArray, IntArray
from gcl_spec.backend import Backend
from gcl_spec.conformance.cases.case import Case
from gcl_spec.conformance.family_laws import FAMILY_LAWS
from gcl_spec.conformance.one_call import B, D, Result, compute, draw_case, near
from gcl_spec.objective import GCL, Direction, Objective

__all__ = ["LAWS", "Law", "Result", "draw_case", "near", "rotation", "compute"]

Law = Callable[[Backend, int], None]
"""A law raises AssertionError where a backend breaks it on the case of a seed."""

_WEIGHTED = Objective(
    directions=(Direction("image", "text", 3.0), Direction("image+text", "image", 0.5))
)
_TURNED = Objective(
    modalities=("a", "b", "c"), directions=(Direction("b", "c", 6.0), Direction("a", "b", 1.0))
)
_TO_TEXT = Objective(directions=(Direction("image", "text", pool="target"),))


def rotation(rng: np.random.Generator, width: int) -> FloatArray:
    """A random orthogonal matrix, (D, D)."""
    return np.asarray(np.linalg.qr(rng.normal(size=(width, width)))[0])


def _masks(case: Case) -> tuple[BoolArray, IntArray]:
    assert case.present is not None
    assert case.ids is not None
    return case.present, case.ids


def _present_rows(case: Case) -> FloatArray:
    return np.where(_masks(case)[0][:, :, None], case.z_MBD, 0)


def _samples_permuted(backend: Backend, seed: int) -> None:
    case, order = draw_case(seed), np.random.default_rng(seed).permutation(B)
    present, ids = _masks(case)
    turned = replace(case, z_MBD=case.z_MBD[:, order], present=present[:, order], ids=ids[order])
    want = compute(backend, case)
    near(compute(backend, turned), want._replace(grads=want.grads[:, order]))


def _modalities_permuted(backend: Backend, seed: int) -> None:
    """Modality m of _TURNED is (m - 1) mod 3 of _WEIGHTED, whose weights are half as large."""
    case = draw_case(seed, _WEIGHTED)
    turned = replace(
        case,
        z_MBD=np.roll(case.z_MBD, 1, axis=0),
        present=np.roll(_masks(case)[0], 1, axis=0),
        objective=_TURNED,
    )
    want = compute(backend, case)
    near(compute(backend, turned), want._replace(grads=np.roll(want.grads, 1, axis=0)))


def _rotated(backend: Backend, seed: int) -> None:
    case, turn = draw_case(seed), rotation(np.random.default_rng(seed), D)
    want = compute(backend, case)
    near(
        compute(backend, replace(case, z_MBD=case.z_MBD @ turn)),
        want._replace(grads=want.grads @ turn),
    )


def _orthogonal_to_rotations(backend: Backend, seed: int) -> None:
    """The sum of z g^T is symmetric, since no rotation changes the loss to first order."""
    case = draw_case(seed)
    moment = np.einsum("mbi,mbj->ij", _present_rows(case), compute(backend, case).grads)
    assert np.allclose(moment, moment.T, rtol=1e-9, atol=1e-10 * np.abs(moment).max())


def _scaled(backend: Backend, seed: int) -> None:
    """sum z . dL/dz = 2 dL/dlog_scale, since both scale every logit."""
    case = draw_case(seed)
    answer = compute(backend, case)
    parts = _present_rows(case) * answer.grads
    assert abs(parts.sum() - 2 * answer.dlog_scale) <= 1e-11 * np.abs(parts).sum()


def _scaled_far(backend: Backend, seed: int) -> None:
    """The loss of c E at scale s is that of E at scale c^2 s; its gradient is 1 / c of that one."""
    case, power = draw_case(seed), int(np.random.default_rng(seed).integers(-60, 61))
    far = replace(
        case,
        z_MBD=case.z_MBD * 2.0**power,
        log_scale=case.log_scale - 2 * power * float(np.log(2)),
    )
    answer = compute(backend, far)
    near(answer._replace(grads=answer.grads * 2.0**power), compute(backend, case))


def _sample_masked(backend: Backend, seed: int) -> None:
    case, kept = draw_case(seed), np.arange(B) != 2
    present, ids = _masks(case)
    masked = replace(case, present=present & kept)
    removed = replace(case, z_MBD=case.z_MBD[:, kept], present=present[:, kept], ids=ids[kept])
    answer, want = compute(backend, masked), compute(backend, removed)
    assert np.all(answer.grads[:, 2] == 0)
    near(answer._replace(grads=answer.grads[:, kept]), want)


def _row_masked(backend: Backend, seed: int) -> None:
    """A missing row may hold anything; a target in no other pool is gone with its sample."""
    case, kept = draw_case(seed), np.arange(B) != 2
    present, ids = _masks(case)
    want = compute(backend, case)
    assert np.all(want.grads[~present] == 0)
    anything = 3 * np.random.default_rng(seed + 1).normal(size=case.z_MBD.shape)
    z = np.where(present[:, :, None], case.z_MBD, anything)
    near(compute(backend, replace(case, z_MBD=z)), want)
    here = present & ((np.arange(3) != 1)[:, None] | kept)
    masked = replace(case, objective=_TO_TEXT, present=here)
    removed = replace(masked, z_MBD=case.z_MBD[:, kept], present=here[:, kept], ids=ids[kept])
    answer = compute(backend, masked)
    near(answer._replace(grads=answer.grads[:, kept]), compute(backend, removed))


def _ids_renamed(backend: Backend, seed: int) -> None:
    """Only equality of ids counts; the new ids would all be equal if cut to 32 bits."""
    case = draw_case(seed)
    near(compute(backend, replace(case, ids=2**33 * _masks(case)[1] - 5)), compute(backend, case))


def _no_mask(backend: Backend, seed: int) -> None:
    case = replace(draw_case(seed), present=np.ones((3, B), bool), ids=np.arange(B))
    want = compute(backend, case)
    near(compute(backend, replace(case, present=None, ids=None)), want)
    near(compute(backend, replace(case, objective=Objective(balance="direction"))), want)


def _least(backend: Backend, seed: int) -> None:
    """The least loss is ln 2: two positives share one softmax; with the row itself it is ln 3."""
    rows = np.random.default_rng(seed).normal(size=(3, 1, D))
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    for objective, least in _LEAST:
        answer = compute(backend, Case("collapsed", np.ones((3, 1, D)) / 2, 3.0, objective))
        assert abs(answer.loss - least) <= 1e-13
        assert np.abs(answer.grads.sum(axis=0)).max() < 1e-12
        assert compute(backend, Case("one sample", rows, 3.0, objective)).loss >= least - 1e-13
    full = replace(draw_case(seed), present=np.ones((3, B), bool))
    assert compute(backend, full).loss >= np.log(2)


_LEAST = (
    (GCL, np.log(2)),
    (Objective(self_term="keep"), np.log(3)),
    (Objective(same_sample="drop"), 0.0),
)

LAWS: Mapping[str, Law] = MappingProxyType(
    {
        "samples may be permuted": _samples_permuted,
        "modalities may be permuted, and weights multiplied": _modalities_permuted,
        "a rotation turns the gradient with it": _rotated,
        "the gradient is orthogonal to rotations": _orthogonal_to_rotations,
        "scaling the rows is scaling the temperature": _scaled,
        "rows c times as long are a scale c c times as large": _scaled_far,
        "a masked sample is a removed sample": _sample_masked,
        "a masked row is a removed row": _row_masked,
        "names of ids do not matter": _ids_renamed,
        "all present and distinct is no mask, and balances are equal": _no_mask,
        "the least loss is reached by one collapsed sample": _least,
        **FAMILY_LAWS,
    }
)
"""All laws, by what they say."""
