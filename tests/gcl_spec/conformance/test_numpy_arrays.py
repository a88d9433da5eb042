"""NumPy's arrays as those of a backend."""

import numpy as np

from gcl_spec.conformance.numpy_arrays import NumPyArrays


def test_an_array_is_a_copy_of_its_dtype() -> None:
    backend, given = NumPyArrays(), np.asarray([[1.0, 0.1]])
    (device,) = backend.devices()
    for dtype in ("float64", "float32"):
        made = backend.from_numpy(given, dtype=dtype, device=device)
        assert str(made.dtype) == dtype
        made[0, 0] = 7
        assert backend.to_numpy(made).tolist() == [[7.0, float(np.dtype(dtype).type(0.1))]]
    assert given.tolist() == [[1.0, 0.1]]
