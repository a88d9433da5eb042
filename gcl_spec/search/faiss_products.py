"""Products by faiss, which compares and selects in one call (https://github.com/facebookresearch/faiss).

faiss is no dependency: it is imported when a search by "faiss" is asked for.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from gcl_spec._typing import Array, FloatArray, IntArray
from gcl_spec.chunk_products import ChunkProducts
from gcl_spec.errors import MissingFrameworkError

__all__ = ["FaissMultiplier"]

_FIRST = 32


class FaissMultiplier:
    """Products on the CPU by `faiss.knn`.

    Args:
        faiss: the module; None: it is imported.

    Raises:
        MissingFrameworkError: it is not installed.
    """

    def __init__(self, faiss: Any = None) -> None:
        try:
            self._faiss = import_module("faiss") if faiss is None else faiss
        except ImportError as error:
            raise MissingFrameworkError(
                f"a search by faiss needs the package faiss: pip install faiss-cpu ({error})"
            ) from error

    def products(
        self, blocks_QD: Sequence[FloatArray], /, *, rows: int, device: str | None
    ) -> ChunkProducts:
        """Products of these queries, (Q, D) each."""
        return _FaissProducts(self._faiss, blocks_QD)


class _FaissProducts:
    def __init__(self, faiss: Any, blocks_QD: Sequence[FloatArray]) -> None:
        self._faiss, self._blocks_QD = faiss, blocks_QD
        self._rows_CD = blocks_QD[0][:0]

    def take(self, rows_CD: FloatArray, /) -> None:
        self._rows_CD = rows_CD

    def product(self, block: int, /) -> Array:
        return self._blocks_QD[block] @ self._rows_CD.T

    def at_least(self, block: int, least_Q: FloatArray, /) -> IntArray:
        """faiss gives the best of every query; where the worst of these passes, more are asked."""
        rows, passed_places = len(self._rows_CD), []
        open_Q, wanted = np.arange(len(least_Q)), min(_FIRST, len(self._rows_CD))
        while len(open_Q):
            scores, numbers = self._faiss.knn(
                np.ascontiguousarray(self._blocks_QD[block][open_Q]),
                self._rows_CD,
                wanted,
                metric=self._faiss.METRIC_INNER_PRODUCT,
            )
            passing = scores >= least_Q[open_Q][:, None]
            whole = ~passing[:, -1] if wanted < rows else np.ones(len(open_Q), bool)
            places = open_Q[:, None] * rows + numbers
            passed_places.append(places[whole][passing[whole]])
            open_Q, wanted = open_Q[~whole], min(4 * wanted, rows)
        return np.sort(np.concatenate(passed_places)).astype(np.int64)
