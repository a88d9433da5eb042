"""Makes batches of vectors that a caller gives, for models that take vectors of other models."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gcl_spec._typing import FloatArray, IntArray
from gcl_spec.batch import Batch
from gcl_spec.data.prepare.collate import Items, assemble, has_any
from gcl_spec.errors import InputError

__all__ = ["GivenVectors"]


class GivenVectors:
    """A `Collate` whose items are the vectors themselves.

    Args:
        widths: how many numbers the vectors of each modality have.
    """

    def __init__(self, widths: Mapping[str, int]) -> None:
        self._widths = widths

    def items(self, parts: Mapping[str, Iterable[Any] | None]) -> Items:
        """The vectors of N samples, (F,) float32 each, None where a sample has none.

        Args:
            parts: arrays (N, F), or N entries of (F,) numbers or None, by modality.

        Raises:
            InputError: there are none, their numbers differ, a vector is of another width, has norm
                0, or is not finite, or a sample has none at all.
        """
        given = {name: list(x) for name, x in parts.items() if x is not None}
        if not given or not all(given.values()):
            raise InputError(f"there is no vector to encode; give {' or '.join(self._widths)}")
        counts = {name: len(entries) for name, entries in given.items()}
        if len({*counts.values()}) > 1:
            raise InputError(f"different numbers of vectors, {counts}; give one a sample")
        vectors = {
            name: [self._vector(name, n, x) for n, x in enumerate(entries)]
            for name, entries in given.items()
        }
        for n, sample in enumerate(zip(*vectors.values(), strict=True)):
            if all(part is None for part in sample):
                raise InputError(f"sample {n} has no vector")
        return vectors

    def _vector(self, modality: str, number: int, entry: Any) -> FloatArray | None:
        if entry is None:
            return None
        try:
            vector_F = np.asarray(entry, np.float32)
        except (TypeError, ValueError):
            vector_F = np.empty((), np.float32)
        width = self._widths[modality]
        if vector_F.shape != (width,):
            raise InputError(
                f"{modality} {number} is no vector of {width} numbers, which this run takes (its "
                f"model is an adapter): {type(entry).__name__} of shape {vector_F.shape}"
            )
        if not np.all(np.isfinite(vector_F)) or not np.any(vector_F):
            raise InputError(f"{modality} {number} has norm 0, or holds NaN or Inf, in float32")
        return vector_F

    def __call__(
        self,
        items: Items,
        ids: IntArray | None = None,
        /,
        *,
        bad: dict[str, str] | None = None,
        every: bool = False,
    ) -> Batch:
        """A batch of vectors; its arguments are those of `Collate.__call__`, and none is bad."""
        inputs: dict[str, npt.NDArray[np.generic]] = {}
        for name, entries in items.items():
            if has_any(items, name, every):
                zero_F = np.zeros(self._widths[name], np.float32)
                inputs[f"{name}/features"] = np.stack([zero_F if x is None else x for x in entries])
        return assemble(inputs, items, ids)
