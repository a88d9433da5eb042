"""The terms of the loss, one for each direction and sample, and their mean."""

from collections import Counter
from typing import NamedTuple

from array_api_compat import array_namespace

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.unstack import unstack
from gcl_spec.objective import Objective

__all__ = [
    "LossTerms",
    "direction_losses",
    "direction_names",
    "mean_term",
    "valid_terms",
]


class LossTerms(NamedTuple):
    """The loss of every direction and sample, -log of the positive's share of the pool."""

    values: Array
    """(T, B), in the order of `objective.directions`; 0 where a term is not valid."""
    valid: Array
    """(T, B) booleans: the query and the target are both present."""


def valid_terms(
    values: Array, present: Array | None, objective: Objective, xp: ArrayNamespace
) -> LossTerms:
    """The terms, 0 where the query or the target is not present.

    Args:
        values: the loss of every direction and sample, (T, B).
        present: (M, B) booleans; None where every row is present.
        objective: whose T directions the terms are of.
        xp: the Array API namespace of the arrays.
    """
    if present is None:
        return LossTerms(values, xp.ones_like(values, dtype=xp.bool))
    index = objective.modalities.index
    here = [present[m, ...] for m in range(len(objective.modalities))]
    valid = xp.stack([here[index(d.query)] & here[index(d.target)] for d in objective.directions])
    return LossTerms(xp.where(valid, values, xp.zeros_like(values)), valid)


def mean_term(terms: LossTerms, objective: Objective, *, xp: ArrayNamespace | None = None) -> Array:
    """The weighted mean over valid terms, as `objective.balance` says; a 0-d array.

    With every row present and equal weights both kinds of balance are 1/(T B) sum of the terms, as
    in equation 2 of arXiv 2509.25638, where T = 6. `objective.reduction == "sum"` multiplies the
    mean by the weights of the directions that occur.

    Args:
        terms: the terms and which of them are valid, (T, B) each.
        objective: the objective, of T directions.
        xp: the Array API namespace; found from the terms when not given.
    """
    xp = array_namespace(terms.values) if xp is None else xp
    sums = xp.sum(terms.values, axis=1)
    counts = xp.sum(xp.astype(terms.valid, sums.dtype), axis=1)
    occurs = xp.astype(counts > 0, sums.dtype)
    if objective.balance == "direction":
        sums, counts = sums / xp.where(counts > 0, counts, xp.ones_like(counts)), occurs
    mean = _weighted(sums, objective, xp) / _weighted(counts, objective, xp)
    return mean * _weighted(occurs, objective, xp) if objective.reduction == "sum" else mean


def _weighted(x: Array, objective: Objective, xp: ArrayNamespace) -> Array:
    """The sum over directions, shape (), of their weights times numbers (T,)."""
    weights = [direction.weight for direction in objective.directions]
    if len({*weights}) == 1:
        return weights[0] * xp.sum(x)
    return sum(weight * number for weight, number in zip(weights, unstack(x, xp), strict=True))


def direction_losses(
    terms: LossTerms, objective: Objective, *, xp: ArrayNamespace | None = None
) -> dict[str, Array]:
    """The mean of each direction's valid terms, a 0-d array by its name; 0 without one.

    Args:
        terms: the terms and which of them are valid, (T, B) each.
        objective: the objective, of T directions.
        xp: the Array API namespace; found from the terms when not given.
    """
    xp = array_namespace(terms.values) if xp is None else xp
    counts = xp.sum(xp.astype(terms.valid, terms.values.dtype), axis=1)
    means = xp.sum(terms.values, axis=1) / xp.where(counts > 0, counts, xp.ones_like(counts))
    return dict(zip(direction_names(objective), unstack(means, xp), strict=True))


def direction_names(objective: Objective) -> tuple[str, ...]:
    """The names of an objective's T directions in logs, each once.

    A name is "query->target". Directions that share both, such as those of CLIP's loss and of the
    separation beside it, differ in their pools, which then stand behind: "image->text among text".

    >>> from gcl_spec.objective import PRESETS
    >>> direction_names(PRESETS["separation"])[1:3]
    ('text->image among image', 'image->text among image')
    """
    times = Counter(map(str, objective.directions))
    return tuple(
        str(d) if times[str(d)] == 1 else f"{d} among {' and '.join(objective.pool_names(d))}"
        for d in objective.directions
    )
