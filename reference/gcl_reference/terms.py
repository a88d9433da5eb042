"""One term of the loss, of one query in one direction, and its derivatives by logits and cosines.

The formulas are those in the docstring of `gcl_spec.objective.Objective`, on lists of numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gcl_reference.samples import Row
from gcl_spec.objective import Objective

__all__ = ["Candidates", "Term", "sigmoid_term", "softmax_term"]

FLOOR = 0.001
"""The least share of the negatives' sum that a debiased denominator keeps."""


@dataclass(frozen=True)
class Candidates:
    """The candidates of one query in one direction.

    Args:
        logits: the logit of every candidate, by its row.
        cosines: the cosine of each.
        own: the candidates of the query's own sample, or of equal ids where these are positives.
        positives: the direction's positives.
        every: the positives of all directions that share the pool.
        directions: the number of these directions that the sample has both sides of.
    """

    logits: Mapping[Row, Any]
    cosines: Mapping[Row, Any]
    own: frozenset[Row]
    positives: tuple[Row, ...]
    every: tuple[Row, ...]
    directions: int

    @property
    def negatives(self) -> list[Row]:
        """The candidates of other samples."""
        return [row for row in self.logits if row not in self.own]


@dataclass
class Term:
    """A term, with its derivatives by the logits and, past these, by the cosines of rows."""

    value: Any
    by_logit: dict[Row, Any]
    by_cosine: dict[Row, Any]


def softmax_term(given: Candidates, rule: Objective) -> Term:
    """The term -log of the positives' share, as the objective has it.

    Args:
        given: the candidates.
        rule: the objective.
    """
    x, alpha = given.logits, rule.hardness
    top = max((x[row] + alpha * given.cosines[row]).real for row in x)
    e = {row: np.exp(x[row] - top) for row in x}
    weights, by_cosine = _weights(given, rule, e)
    negatives = sum((weights[row] * e[row] for row in weights), start=0.0)
    shared = sum(e[row] for row in given.every)
    debiased = negatives - rule.debias * shared
    above = bool(np.real(debiased) >= FLOOR * np.real(negatives))
    total = sum(e[row] for row in given.own) + (debiased if above else FLOOR * negatives)
    by_negatives = (1.0 if above else FLOOR) / total
    by_logit = {row: e[row] / total for row in given.own}
    for row, weight in weights.items():
        by_logit[row] = by_negatives * weight * e[row]
    if above:
        for row in given.every:
            by_logit[row] -= rule.debias * e[row] / total
    even, count = 1.0 if rule.positives == "each" else float(rule.positives), len(given.positives)
    value = np.log(total) + top - even * sum(x[row] for row in given.positives) / count
    for row in given.positives:
        by_logit[row] -= even / count
    if rule.positives != "each":
        value -= (1 - even) * (np.log(shared) + top) + even * np.log(len(given.every))
        for row in given.every:
            by_logit[row] -= (1 - even) * e[row] / shared
    return Term(value, by_logit, {row: by_negatives * d for row, d in by_cosine.items()})


def _weights(
    given: Candidates, rule: Objective, e: Mapping[Row, Any]
) -> tuple[dict[Row, Any], dict[Row, Any]]:
    """The negatives' weights, and the derivative of their weighted sum by the weights' cosines."""
    alpha, rows = rule.hardness, given.negatives
    if alpha == 0.0 or not rows:
        return dict.fromkeys(rows, 1.0), {}
    if rule.hardness_weights == "detached":
        return {row: np.exp(alpha * np.real(given.cosines[row])) for row in rows}, {}
    hard = {row: np.exp(alpha * given.cosines[row]) for row in rows}
    mean = sum(hard.values()) / len(rows)
    weights = {row: hard[row] / mean for row in rows}
    total = sum(weights[row] * e[row] for row in rows)
    by_cosine = {row: alpha * weights[row] * (e[row] - total / len(rows)) for row in rows}
    return weights, by_cosine


def sigmoid_term(given: Candidates) -> Term:
    """The term softplus(-s) of the positive, plus the row's share of softplus(s) of its negatives.

    Args:
        given: the candidates, of which one is the positive.
    """
    (positive,) = given.positives
    value = _softplus(-given.logits[positive])
    by_logit = {positive: -_sigmoid(-given.logits[positive])}
    for row in given.negatives:
        value = value + _softplus(given.logits[row]) / given.directions
        by_logit[row] = _sigmoid(given.logits[row]) / given.directions
    return Term(value, by_logit, {})


def _softplus(x: Any) -> Any:
    """log(1 + exp(x)), which may be complex."""
    return x + np.log1p(np.exp(-x)) if np.real(x) > 0 else np.log1p(np.exp(x))


def _sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), without overflow."""
    return 1 / (1 + np.exp(-x)) if np.real(x) > 0 else np.exp(x) / (1 + np.exp(x))
