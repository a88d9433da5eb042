"""Moves scores by what is known of a candidate and the query's modality, as appended numbers.

A score q.c - b(modality of q, c) is the inner product of [q, 1 at its modality, 0 elsewhere] with
[c, -b(image, c), -b(text, c), -b(image+text, c)], so that any index of inner products finds it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from array_api_compat import array_namespace, is_numpy_array

from gcl_spec._typing import Array, FloatArray
from gcl_spec.errors import InputError
from gcl_spec.evaluate.calibrations.calibration import like, of_key, with_modality
from gcl_spec.evaluate.calibrations.rows import (
    ROUNDING,
    Fitting,
    Role,
    Rows,
    in_role,
    key,
    mean_row,
)
from gcl_spec.objective import in_order

__all__ = ["Bank", "Standard"]

_CHUNK = 1024
_K, _WEIGHT = 16, 0.5  # k was chosen on the validation tasks of the starter set


@dataclass(frozen=True)
class Bank:
    """The score minus half the mean of the candidate's k largest similarities with references.

    The references are rows of the query's modality, so that a candidate which is near to all
    queries (a hub, or one on their side of the gap) loses what it has over others. It is the NNN
    retrieval of arXiv 2410.24114, with a bank for each modality of queries.

    references: (R, D) by modality of queries.
    """

    name: ClassVar[str] = "bank"
    meaning: ClassVar[str] = "takes off what a candidate has in common with all queries"

    references: Mapping[str, FloatArray]
    k: int = _K
    weight: float = _WEIGHT

    @classmethod
    def fit(cls, samples: Fitting) -> Self:
        """The queries among the samples as references; see `Calibration.fit`."""
        queries = in_role(samples, "query")
        return cls({name: np.asarray(rows.whole, np.float32) for name, rows in queries.items()})

    @property
    def appended(self) -> int:
        """One number for each modality of queries."""
        return len(self.references)

    def biases(self, candidates_CD: Array) -> Array:
        """What is subtracted from a candidate's scores, (C, A) for A modalities of queries."""
        xp = array_namespace(candidates_CD)
        columns, count = [], candidates_CD.shape[0]
        for name in in_order(self.references):
            bank_RD = like(self.references[name], candidates_CD)
            parts = [
                _mean_of_largest(candidates_CD[n : min(n + _CHUNK, count), :] @ bank_RD.T, self.k)
                for n in range(0, count, _CHUNK)
            ]
            columns.append(xp.concat(parts) if parts else candidates_CD[:, 0])
        return self.weight * xp.stack(columns, axis=1)

    def apply(self, rows: Rows, role: Role) -> Array:
        """Rows (N, D + A): which modality a query is of, or the biases of a candidate."""
        if role == "query":
            return _asked(rows, in_order(self.references), self.name)
        xp = array_namespace(rows.whole)
        return xp.concat([rows.whole, -self.biases(rows.whole)], axis=1)

    def arrays(self) -> Mapping[str, FloatArray]:
        """The references (R, D), and k and weight, shape ()."""
        return {**self.references, "k": np.asarray(self.k), "weight": np.asarray(self.weight)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """The calibration with this state."""
        references = {name: x for name, x in arrays.items() if name not in ("k", "weight")}
        return cls(references, int(arrays["k"]), float(arrays["weight"]))


@dataclass(frozen=True)
class Standard:
    """(score - mean) / deviation, by modality of the candidate (arXiv 2511.22141).

    The mean is that of the scores between two modalities, and the deviation, for which an inner
    product has one factor a candidate, is that of a candidate modality's scores about these means.

    means: (A,) by candidate modality, for the A modalities of queries in the order of
        `gcl_spec.objective.in_order`.
    deviations: (1,) by candidate modality.
    """

    name: ClassVar[str] = "standard"
    meaning: ClassVar[str] = "scores of each candidate modality get mean 0 and deviation 1"

    queries: tuple[str, ...]
    means: Mapping[str, FloatArray]
    deviations: Mapping[str, FloatArray]

    @classmethod
    def fit(cls, samples: Fitting) -> Self:
        """Moments of the scores of all pairs, by way of the moments of the rows; see `Calibration`.

        The mean of q.c over all pairs is mean(q).mean(c), and that of its square is the sum of the
        products of E[q q'] and E[c c'], element by element.
        """
        queries = in_role(samples, "query")
        asked = in_order(queries)
        counts_A = np.asarray([len(queries[name].whole) for name in asked], np.float64)
        moments = [(mean_row(queries[name].whole), _second(queries[name].whole)) for name in asked]
        means, deviations = {}, {}
        for name, rows in in_role(samples, "candidate").items():
            first_D, second_DD = mean_row(rows.whole), _second(rows.whole)
            mean_A = np.asarray([own_D @ first_D for own_D, _ in moments])
            square_A = np.asarray([np.sum(own_DD * second_DD) for _, own_DD in moments])
            variance = float(np.average(square_A - mean_A**2, weights=counts_A))
            # All scores may be equal, as those of a single row are.
            differ = variance > ROUNDING * float(np.average(square_A, weights=counts_A))
            means[key("candidate", name)] = mean_A
            deviations[key("candidate", name)] = np.asarray([np.sqrt(variance) if differ else 1.0])
        return cls(asked, means, deviations)

    @property
    def appended(self) -> int:
        """One number for each modality of queries."""
        return len(self.queries)

    def apply(self, rows: Rows, role: Role) -> Array:
        """Rows (N, D + A): which modality a query is of, or a scaled candidate and its biases."""
        if role == "query":
            return _asked(rows, self.queries, self.name)
        xp, x_ND = array_namespace(rows.whole), rows.whole
        mean_A = like(of_key(self.means, self.name, role, rows.modality), x_ND)
        deviation_1 = like(of_key(self.deviations, self.name, role, rows.modality), x_ND)
        bias_NA = xp.broadcast_to(-mean_A, (x_ND.shape[0], len(self.queries)))
        return xp.concat([x_ND, bias_NA], axis=1) / deviation_1

    def arrays(self) -> Mapping[str, FloatArray]:
        """The means (A,) and deviations (1,); the modalities of queries stand in the names."""
        asked = ",".join(self.queries)
        return {
            f"{kind}/{asked}/{name}": x
            for kind, vectors in (("mean", self.means), ("deviation", self.deviations))
            for name, x in vectors.items()
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """The calibration with this state."""
        kinds: dict[str, dict[str, FloatArray]] = {"mean": {}, "deviation": {}}
        asked = ""
        for name, x in arrays.items():
            kind, asked, rest = name.split("/", 2)
            kinds[kind][rest] = x
        return cls(tuple(asked.split(",")), kinds["mean"], kinds["deviation"])


def _mean_of_largest(scores_NR: Array, k: int) -> Array:
    """The mean of the k largest numbers of each row, (N,); of all where there are fewer."""
    xp = array_namespace(scores_NR)
    k = min(k, scores_NR.shape[1])
    if is_numpy_array(scores_NR):
        return np.mean(np.partition(scores_NR, -k, axis=1)[:, -k:], axis=1)
    return xp.mean(xp.sort(scores_NR, axis=1)[:, -k:], axis=1)


def _asked(rows: Rows, asked: Sequence[str], name: str) -> Array:
    """Rows (N, D + A) of queries with 1 at the place of their modality (`with_modality`)."""
    if rows.modality not in asked:
        raise InputError(
            f"the calibration {name!r} was fitted without queries of {rows.modality} (it has "
            f"{', '.join(asked)}); fit it on data that has them: gcl calibrate RUN --data ROWS"
        )
    return with_modality(rows, asked)


def _second(z_ND: Array) -> FloatArray:
    """The mean of z z' over the rows, (D, D)."""
    z = np.asarray(z_ND, np.float64)
    moments_DD: FloatArray = z.T @ z / len(z)
    return moments_DD
