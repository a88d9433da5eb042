"""bfloat16 with and without its package."""

import ml_dtypes
import numpy as np

from gcl_spec.search.floats import as_floats, is_floating


def test_bfloat16_is_read_as_it_is() -> None:
    values = np.random.default_rng(0).standard_normal((4, 3)).astype(ml_dtypes.bfloat16)
    for stored in (values, values.view("V2")):
        assert is_floating(stored.dtype)
        assert np.array_equal(as_floats(stored), values.astype(np.float32))
        assert np.array_equal(as_floats(stored[::2]), values[::2].astype(np.float32))


def test_other_numbers() -> None:
    half = np.ones(3, np.float16)
    assert as_floats(half) is half
    assert is_floating(np.dtype(">f4"))
    assert not is_floating(np.dtype("i2"))
    assert not is_floating(np.dtype("V4"))
