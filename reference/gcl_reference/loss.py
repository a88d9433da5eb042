"""The objective as the paper's sums, in loops over float64 numbers, and its closed-form gradient.

It is written from the definition in `gcl_spec.objective` alone (arXiv 2509.25638, equations 1 and
2), and slow on purpose. `loss` also takes complex rows, so that complex-step differentiation
(Squire and Trapp, 1998) can check `gradients`.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gcl_spec.errors import NoPairError
from gcl_spec.objective import Direction, Objective

__all__ = ["Gradients", "Samples", "gradients", "loss"]

Row = tuple[int, int]
Numbers = npt.NDArray[Any]


class Gradients(NamedTuple):
    """The loss, and its derivatives by every embedding and by log_scale.

    grads: (M, B, D). dlog_scale: shape () or (T,).
    """

    loss: float
    grads: npt.NDArray[np.float64]
    dlog_scale: npt.NDArray[np.float64]


class Samples:
    """Rows z[m, j] of modality m and sample j, and what the objective says of them.

    Args:
        z_MBD: (M, B, D), real or complex.
        objective: the directions and their pools.
        present: (M, B); all rows are present when not given.
        ids: (B,); all samples differ when not given.
        captions: features s, (B, F); similarities within one modality are times 1 - s_j . s_k
            (AlignCLIP, arXiv 2406.17639).
    """

    def __init__(
        self,
        z_MBD: Numbers,
        objective: Objective,
        present: npt.NDArray[np.bool_] | None = None,
        ids: npt.NDArray[np.integer[Any]] | None = None,
        captions: npt.NDArray[np.float64] | None = None,
    ) -> None:
        modalities, samples, _ = z_MBD.shape
        self.objective = objective
        self.present = np.ones((modalities, samples), bool) if present is None else present
        self.ids = np.arange(samples) if ids is None else ids
        self.captions = captions
        self.z = np.where(self.present[:, :, None], z_MBD, 0.0)
        self.rows = [(m, k) for m in range(modalities) for k in range(samples)]
        self._known: dict[tuple[Row, Row], Any] = {}

    def similarity(self, x: Row, y: Row) -> Any:
        """The dot product of two rows, without conjugate, so that it is analytic."""
        if (x, y) not in self._known:  # directions with the same query ask for the same
            self._known[x, y] = self.factor(x, y) * (self.z[x] * self.z[y]).sum()
        return self._known[x, y]

    def factor(self, x: Row, y: Row) -> float:
        """The factor by which captions multiply a similarity."""
        if self.captions is None or x[0] != y[0]:
            return 1.0
        return float(1.0 - self.captions[x[1]] @ self.captions[y[1]])

    def positives(self, query: Row, d: Direction) -> list[Row]:
        """The rows of the target modality that the query should find."""
        j, target = query[1], self.objective.modalities.index(d.target)
        if self.objective.duplicates == "positive":
            found = [(target, int(k)) for k in np.flatnonzero(self.ids == self.ids[j])]
        else:
            found = [(target, j)]
        return [row for row in found if self.present[row]]

    def pool(self, query: Row, d: Direction) -> list[Row]:
        """The rows with which the query's positives compete, themselves among them."""
        return [row for row in self.rows if self._competes(query, d, row)]

    def _competes(self, query: Row, d: Direction, row: Row) -> bool:
        (_, j), (m, k), rule = query, row, self.objective
        name, pool = rule.modalities[m], rule.pool_of(d)
        if not self.present[row]:
            return False
        if self.ids[k] != self.ids[j]:
            return pool == "all" or name == (d.target if pool == "target" else d.query)
        if k != j and rule.duplicates == "drop":
            return False
        if name == d.target:
            return True
        if name == d.query:
            return rule.self_term == "keep" and pool != "target"
        return rule.same_sample == "keep" and pool == "all"

    def terms(self) -> Iterator[tuple[float, Row, int]]:
        """Coefficient, query row and place of the direction of every valid term.

        The coefficients of a mean sum to 1.

        Raises:
            NoPairError: there is no valid term.
        """
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
            raise NoPairError("no valid pair is left: no sample has a direction's two sides")
        if self.objective.reduction == "sum":
            total /= sum(d.weight for d, js in valid.items() if js)
        for t, (d, js) in enumerate(valid.items()):
            for j in js:
                yield weight[d] / total, (name(d.query), j), t

    def _valid(self, d: Direction, j: int) -> bool:
        name = self.objective.modalities.index
        return bool(self.present[name(d.query), j] and self.present[name(d.target), j])


def loss(samples: Samples, log_scale: Any) -> Any:
    """The weighted mean of -log(exp(s_positive) / sum of exp(s) over the pool).

    These are the terms of arXiv 2509.25638, equation 2, where the objective is GCL.

    Args:
        samples: the rows, and the objective.
        log_scale: ln(1 / temperature), a number or one for each direction.
    """
    scales = np.broadcast_to(np.exp(log_scale), len(samples.objective.directions))
    total: Any = 0.0
    for coefficient, query, t in samples.terms():
        d, scale = samples.objective.directions[t], scales[t]
        scores = [scale * samples.similarity(query, row) for row in samples.pool(query, d)]
        top = max(score.real for score in scores)
        log_sum = np.log(sum(np.exp(score - top) for score in scores)) + top
        positives = samples.positives(query, d)
        for row in positives:
            score = scale * samples.similarity(query, row)
            total += coefficient / len(positives) * (log_sum - score)
    return total


def gradients(samples: Samples, log_scale: Any) -> Gradients:
    """The loss and its gradients: d term / d s(row) = softmax(row) - [row positive] / count.

    That is the derivative of a log-sum-exp less the mean of the positives' logits s (SupCon, arXiv
    2004.11362, equation 2).

    Args:
        samples: the rows, and the objective.
        log_scale: ln(1 / temperature), a number or one for each direction.
    """
    scales = np.broadcast_to(np.exp(log_scale), len(samples.objective.directions))
    grads = np.zeros(samples.z.shape)
    dlog_scales = np.zeros(len(scales))
    for coefficient, query, t in samples.terms():
        d, scale = samples.objective.directions[t], float(scales[t])
        pool, positives = samples.pool(query, d), samples.positives(query, d)
        scores = {row: scale * samples.similarity(query, row) for row in pool}
        top = max(scores.values())
        total = sum(np.exp(score - top) for score in scores.values())
        for row, score in scores.items():
            share = np.exp(score - top) / total
            d_score = coefficient * (share - (row in positives) / len(positives))
            d_dot = d_score * scale * samples.factor(query, row)
            grads[query] += d_dot * samples.z[row]
            grads[row] += d_dot * samples.z[query]
            dlog_scales[t] += d_score * score
    dlog_scale = dlog_scales if np.ndim(log_scale) else dlog_scales.sum()
    return Gradients(float(loss(samples, log_scale)), grads, dlog_scale)
