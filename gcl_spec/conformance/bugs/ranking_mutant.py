"""A backend with a bug in its retrieval metrics."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gcl_spec._typing import BoolArray, FloatArray
from gcl_spec.backend import Backend
from gcl_spec.conformance.cases.rankings import RankingCase
from gcl_spec.conformance.numpy_arrays import NumPyArrays
from gcl_spec.conformance.rankings import metrics_of

__all__ = ["Answer", "Asked", "RankingBug", "RankingMutant"]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A question for metrics: scores, booleans for relevant and left out, gains, (Q, C) each."""

    scores_QC: FloatArray
    relevant_QC: BoolArray
    left_out_QC: BoolArray
    gains_QC: FloatArray
    metrics: tuple[str, ...]

    def but(self, **changes: Any) -> "Asked":
        """The same question with some of it changed."""
        return replace(self, **changes)


Answer = Callable[[Asked], FloatArray]
RankingBug = Callable[[Asked, Answer], FloatArray]
"""A bug takes a question and the right function, and gives a wrong answer."""


class RankingMutant(NumPyArrays):
    """A backend whose retrieval metrics have one bug, on its first device; arrays are NumPy's.

    `memory` keeps right answers, (T, 3, Q) each, so that many bugs on the same cases ask the
    backend once.
    """

    name = "mutant"

    def __init__(
        self, backend: Backend, bug: RankingBug, memory: dict[Any, FloatArray | ValueError]
    ) -> None:
        self._backend, self._bug, self._memory = backend, bug, memory

    def devices(self) -> tuple[str, ...]:
        """The default device of the backend."""
        return tuple(self._backend.devices()[:1])

    def retrieval_metrics(
        self,
        scores_QC: FloatArray,
        relevant_QC: BoolArray,
        left_out_QC: BoolArray,
        gains_QC: FloatArray,
        /,
        metrics: tuple[str, ...],
    ) -> FloatArray:
        """The backend's metrics, (T, 3, Q), of arrays (Q, C), with the bug in them."""
        asked = Asked(scores_QC, relevant_QC, left_out_QC, gains_QC, metrics)
        with np.errstate(all="ignore"):
            return self._bug(asked, self._right)

    def _right(self, asked: Asked) -> FloatArray:
        arrays = (asked.scores_QC, asked.relevant_QC, asked.left_out_QC, asked.gains_QC)
        key = (*(x.tobytes() for x in arrays), str(asked.scores_QC.dtype), asked.metrics)
        if key not in self._memory:
            case = RankingCase("", *arrays)
            dtype, device = str(asked.scores_QC.dtype), self.devices()[0]
            try:
                ways = metrics_of(self._backend, case, dtype, device, asked.metrics)
                self._memory[key] = ways[0]
            except ValueError as error:
                self._memory[key] = error
        metrics_or_error = self._memory[key]
        if isinstance(metrics_or_error, ValueError):
            raise metrics_or_error
        return metrics_or_error
