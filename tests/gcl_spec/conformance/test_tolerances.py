"""Bounds: the roundoff of each dtype, and how they grow with what errors grow with."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gcl_spec.conformance.cases.case import Case
from gcl_spec.conformance.tolerances import bounds, computed_in, rounded, unit_roundoff
from gcl_spec.objective import GCL

ROWS = np.random.default_rng(0).normal(size=(3, 6, 8))
CASE = Case("some", ROWS / np.linalg.norm(ROWS, axis=-1, keepdims=True), 1.0, GCL)


def test_roundoff() -> None:
    assert unit_roundoff("float32") == 2.0**-24
    assert unit_roundoff("float64") == 2.0**-53
    assert unit_roundoff("bfloat16") == 2.0**-8
    assert computed_in("bfloat16") == computed_in("float32") == "float32"


def test_rounding_is_torchs() -> None:
    x = np.concatenate([np.random.default_rng(1).normal(size=1000), [1 + 2.0**-9, 1 + 3 * 2.0**-9]])
    want = torch.tensor(x, dtype=torch.float32).to(torch.bfloat16).double().numpy()
    np.testing.assert_array_equal(rounded(x, "bfloat16"), want)
    np.testing.assert_array_equal(rounded(x, "float32"), x.astype(np.float32))
    odd = np.asarray([np.nan, np.inf, -np.inf])
    np.testing.assert_array_equal(rounded(odd, "bfloat16"), odd)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_bounds_are_those_of_the_dtype(dtype: str) -> None:
    found, fine = bounds(CASE, dtype, 2.0, 1.0), bounds(CASE, "float64", 2.0, 1.0)
    ratio = unit_roundoff(dtype) / unit_roundoff("float64")
    assert found.loss == pytest.approx(ratio * fine.loss)
    assert found.grads == pytest.approx(ratio * fine.grads)
    assert found.loss < 1e4 * unit_roundoff(dtype), "a bound that accepts everything is none"


def test_bounds_grow() -> None:
    plain = bounds(CASE, "float32", 2.0, 1.0)
    larger = bounds(replace(CASE, z_MBD=2 * CASE.z_MBD), "float32", 2.0, 1.0)
    colder = bounds(replace(CASE, log_scale=3.0), "float32", 2.0, 1.0)
    for name in ("loss", "grads", "dlog_scale"):
        assert getattr(larger, name) > getattr(plain, name)
        assert getattr(colder, name) > getattr(plain, name)
    summed = bounds(replace(CASE, objective=replace(GCL, reduction="sum")), "float32", 2.0, 1.0)
    assert summed.grads == pytest.approx(len(GCL.directions) * plain.grads)


def test_a_gradient_of_16_bits_is_rounded_once_more() -> None:
    coarse, single = bounds(CASE, "bfloat16", 2.0, 1.0), bounds(CASE, "float32", 2.0, 1.0)
    assert coarse.loss == single.loss
    assert coarse.grads == pytest.approx(single.grads + 2.0**-8)


def test_parts_that_cancel_widen_the_bound() -> None:
    given = CASE.z_MBD[:2]
    near = np.stack([given[0], -given[0] + 1e-2 * given[1]])
    wide, narrow = (bounds(replace(CASE, z_MBD=z), "float32", 2.0, 1.0) for z in (near, given))
    assert wide.grads > 100 * narrow.grads
