"""What candidates are stored as."""

import numpy as np
import pytest

from gcl_spec.errors import InputError
from gcl_spec.evaluate.small.forms import FORMS, QUANTISED, RESCORED
from gcl_spec.normalize import l2_normalize

NONE = np.zeros((0, 2), np.int64)
RNG = np.random.default_rng(0)
ROWS = l2_normalize(RNG.normal(size=(60, 16)).astype(np.float32))
QUERIES = l2_normalize(RNG.normal(size=(3, 16)).astype(np.float32))
POOL = np.arange(5, 60)


def scored(name: str, rows: np.ndarray = ROWS) -> np.ndarray:
    scores = FORMS[name].store(rows, POOL).scores(QUERIES, POOL)
    return np.concatenate([x for _, x in scores.of(slice(0, 3), NONE, NONE)[1]], axis=1)


def test_bytes_of_every_form() -> None:
    sizes = {name: [form.bytes_of(d) for d in (64, 20)] for name, form in FORMS.items()}
    assert sizes == {
        "float32": [256, 80],
        "float16": [128, 40],
        "int8": [64, 20],
        "binary": [8, 3],
        "binary+bits": [8, 3],
        "binary+int8": [72, 23],
    }
    assert set(QUANTISED["all"]) == {*FORMS} - {"float32"}
    assert [FORMS[name].bits for name in QUANTISED["binary"]] == [True] * 3


def test_scores_are_those_of_what_is_stored() -> None:
    want = QUERIES.astype(float) @ ROWS[POOL].astype(float).T
    np.testing.assert_allclose(scored("float32"), want)
    assert 0 < np.abs(scored("float16") - want).max() < 1e-3
    step = np.ptp(ROWS[POOL], axis=0) / 255
    assert 0 < np.abs(scored("int8") - want).max() <= np.linalg.norm(step) / 2 * 1.001
    np.testing.assert_allclose(scored("binary"), np.sign(QUERIES) @ np.sign(ROWS[POOL]).T / 16)


def test_the_first_are_ordered_by_bits_or_by_int8() -> None:
    near = np.sign(QUERIES) @ np.sign(ROWS[POOL]).T
    first = near >= np.sort(near, axis=1)[:, -RESCORED, None]
    assert not first.all()
    bits = QUERIES @ np.sign(ROWS[POOL]).T / 4
    np.testing.assert_allclose(scored("binary+bits")[first], bits[first], atol=1e-6)
    np.testing.assert_allclose(scored("binary+int8")[first], scored("int8")[first])
    for name in ("binary+bits", "binary+int8"):
        assert scored(name)[~first].max() < -1


def test_every_dimension_has_its_own_range_which_is_the_pools() -> None:
    """One dimension a hundred times as large takes nothing from the others."""
    wide = ROWS * np.asarray([100, *[1] * 15], np.float32)
    rows = FORMS["int8"].store(wide, POOL).scores(np.eye(16, dtype=np.float32)[1:4], POOL)
    found = np.concatenate([x for _, x in rows.of(slice(0, 3), NONE, NONE)[1]], axis=1)
    assert np.abs(found - wide[POOL, 1:4].T).max() < 0.005
    odd = ROWS.copy()
    odd[0] = 1e4
    np.testing.assert_array_equal(scored("int8", odd), scored("int8"))


def test_what_float16_does_not_hold_is_refused() -> None:
    with pytest.raises(InputError, match="above 65504"):
        scored("float16", ROWS * np.float32(1e6))
