"""The rows of a batch, and what an objective says of them: who is whose positive, and who competes.

It is written from the definition in `gcl_spec.objective` alone (arXiv 2509.25638, equations 1 and
2).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from gcl_spec.errors import NoPairError
from gcl_spec.objective import Direction, Objective

__all__ = ["Row", "Samples"]

Row = tuple[int, int]
"""The place of a row: its modality and its sample."""
Numbers = npt.NDArray[Any]


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
        self._known: dict[tuple[Row, Row], Any] = {}  # some directions ask alike

    def cosine(self, x: Row, y: Row) -> Any:
        """The dot product of two rows, times `factor`; without conjugate, so that it is analytic.

        It is their cosine where they are unit rows and there are no captions.
        """
        if (x, y) not in self._known:
            self._known[x, y] = self.factor(x, y) * (self.z[x] @ self.z[y])
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
            rows = [(target, int(k)) for k in np.flatnonzero(self.ids == self.ids[j])]
        else:
            rows = [(target, j)]
        return [row for row in rows if self.present[row]]

    def pool(self, query: Row, d: Direction) -> list[Row]:
        """The rows with which the query's positives compete, themselves among them."""
        return [row for row in self.rows if self._competes(query, d, row)]

    def _competes(self, query: Row, d: Direction, row: Row) -> bool:
        (_, j), (m, k), rule = query, row, self.objective
        name = rule.modalities[m]
        if not self.present[row]:
            return False
        if self.ids[k] != self.ids[j]:
            return self.holds(d, name)
        if k != j and rule.duplicates == "drop":
            return False
        if name == d.target:
            return True
        if name == d.query:
            return rule.self_term == "keep" and self.holds(d, name)
        return rule.same_sample == "keep" and self.holds(d, name)

    def holds(self, d: Direction, name: str) -> bool:
        """Whether rows of a modality, of other samples, are in a direction's pool."""
        pool = self.objective.pool_of(d)
        if isinstance(pool, tuple):
            return name in pool
        return pool == "all" or name == (d.target if pool == "target" else d.query)

    def together(self, d: Direction) -> list[Direction]:
        """The directions of the same query that share their pool with one, which is among them.

        A softmax is shared where each target competes with the other; a sigmoid needs its negatives
        alone to be shared.
        """
        rule, names = self.objective, self.objective.modalities
        softmax = rule.loss == "softmax"

        def shares(other: Direction) -> bool:
            if other.query != d.query:
                return False
            if any(self.holds(d, name) != self.holds(other, name) for name in names):
                return False
            inside = self.holds(d, d.target) and self.holds(d, other.target)
            return not softmax or (inside and rule.same_sample == "keep")

        return [other for other in rule.directions if other is d or shares(other)]

    def terms(self) -> Iterator[tuple[float, Row, int]]:
        """Coefficient, query row and place of the direction of every valid term.

        The coefficients of a mean sum to 1.

        Raises:
            NoPairError: there is no valid term.
        """
        name = self.objective.modalities.index
        valid = {
            d: [j for j in range(len(self.ids)) if self.valid(d, j)]
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

    def valid(self, d: Direction, j: int) -> bool:
        """Whether a sample has the query and the target of a direction."""
        name = self.objective.modalities.index
        return bool(self.present[name(d.query), j] and self.present[name(d.target), j])
