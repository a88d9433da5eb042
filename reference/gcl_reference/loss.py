"""The objective as the paper's sums, in loops over float64 numbers, and its closed-form gradient.

Written from the definition in `gcl_spec.objective` alone; slow on purpose. `loss` also takes
complex rows, so that complex-step differentiation (Squire and Trapp, 1998) can check `gradients`.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gcl_spec.errors import InputError
from gcl_spec.objective import Direction, Objective

__all__ = ["Gradients", "Samples", "gradients", "loss"]

Row = tuple[int, int]
Numbers = npt.NDArray[Any]


class Gradients(NamedTuple):
    """Loss and its derivatives by every embedding, (M, B, D), and by log_scale."""

    loss: float
    grads: npt.NDArray[np.float64]
    dlog_scale: float


class Samples:
    """Rows z[m, j] and what the objective says of them."""

    def __init__(
        self,
        z_MBD: Numbers,
        objective: Objective,
        present: npt.NDArray[np.bool_] | None = None,
        ids: npt.NDArray[np.integer[Any]] | None = None,
    ) -> None:
        modalities, samples, _ = z_MBD.shape
        self.objective = objective
        self.present = np.ones((modalities, samples), bool) if present is None else present
        self.ids = np.arange(samples) if ids is None else ids
        self.z = np.where(self.present[:, :, None], z_MBD, 0.0)
        self.rows = [(m, k) for m in range(modalities) for k in range(samples)]

    def similarity(self, x: Row, y: Row) -> Any:
        """Dot product of two rows; no conjugate, so that it is analytic."""
        return (self.z[x] * self.z[y]).sum()

    def positives(self, query: Row, target: int) -> list[Row]:
        """Rows of `target` that the query should find."""
        j = query[1]
        if self.objective.duplicates == "positive":
            found = [(target, int(k)) for k in np.flatnonzero(self.ids == self.ids[j])]
        else:
            found = [(target, j)]
        return [row for row in found if self.present[row]]

    def pool(self, query: Row, target: int) -> list[Row]:
        """Rows that the query's positives compete with, themselves among them."""
        return [row for row in self.rows if self._competes(query, target, row)]

    def _competes(self, query: Row, target: int, row: Row) -> bool:
        (a, j), (m, k), rule = query, row, self.objective
        if not self.present[row] or (rule.pool == "target" and m != target):
            return False
        if self.ids[k] != self.ids[j]:
            return True
        if k != j and rule.duplicates == "drop":
            return False
        if m == a:
            return rule.self_term == "keep"
        return m == target or rule.same_sample == "keep"

    def terms(self) -> Iterator[tuple[float, Row, int]]:
        """(coefficient, query row, target modality) of every valid term; coefficients sum to 1."""
        name = self.objective.modalities.index
        valid = {
            d: [j for j in range(len(self.ids)) if self._valid(d, j)]
            for d in self.objective.directions
        }
        if self.objective.balance == "direction":
            weight = {d: d.weight / len(js) for d, js in valid.items() if js}
            total = sum(d.weight for d in weight)
        else:
            weight = {d: d.weight for d in valid}
            total = sum(d.weight * len(js) for d, js in valid.items())
        if total == 0:
            raise InputError("no valid pair is left: no sample has query and target of a direction")
        for d, js in valid.items():
            for j in js:
                yield weight[d] / total, (name(d.query), j), name(d.target)

    def _valid(self, d: Direction, j: int) -> bool:
        name = self.objective.modalities.index
        return bool(self.present[name(d.query), j] and self.present[name(d.target), j])


def loss(samples: Samples, log_scale: Any) -> Any:
    """The weighted mean of -log(exp(s_positive) / sum of exp(s) over the pool)."""
    scale = np.exp(log_scale)
    total: Any = 0.0
    for coefficient, query, target in samples.terms():
        scores = [scale * samples.similarity(query, row) for row in samples.pool(query, target)]
        top = max(score.real for score in scores)
        log_sum = np.log(sum(np.exp(score - top) for score in scores)) + top
        positives = samples.positives(query, target)
        for row in positives:
            score = scale * samples.similarity(query, row)
            total += coefficient / len(positives) * (log_sum - score)
    return total


def gradients(samples: Samples, log_scale: float) -> Gradients:
    """Loss and closed-form gradients: d term / d s(row) = softmax(row) - [row positive] / count."""
    scale = float(np.exp(log_scale))
    grads = np.zeros(samples.z.shape)
    dlog_scale = 0.0
    for coefficient, query, target in samples.terms():
        pool, positives = samples.pool(query, target), samples.positives(query, target)
        scores = {row: scale * samples.similarity(query, row) for row in pool}
        top = max(scores.values())
        total = sum(np.exp(score - top) for score in scores.values())
        for row, score in scores.items():
            share = np.exp(score - top) / total
            d_score = coefficient * (share - (row in positives) / len(positives))
            grads[query] += d_score * scale * samples.z[row]
            grads[row] += d_score * scale * samples.z[query]
            dlog_scale += d_score * score
    return Gradients(float(loss(samples, log_scale)), grads, float(dlog_scale))
