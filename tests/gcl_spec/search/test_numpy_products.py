"""NumPy's products."""

import numpy as np

from gcl_spec.search.numpy_products import NumpyMultiplier


def test_places_of_two_chunks() -> None:
    blocks = [np.eye(3, dtype=np.float32), np.ones((1, 3), np.float32)]
    products = NumpyMultiplier().products(blocks, rows=4, device=None)
    for rows in (4, 2):
        chunk = np.arange(3 * rows, dtype=np.float32).reshape(rows, 3)
        products.take(chunk)
        assert np.array_equal(products.product(0), chunk.T)
        places = products.at_least(0, np.array([3, 1, np.inf], np.float32))
        assert places.tolist() == [*range(1, rows), *range(rows, 2 * rows)]
        assert products.at_least(1, np.array([4], np.float32)).tolist() == [*range(1, rows)]
