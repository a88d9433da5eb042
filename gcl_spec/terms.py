"""The terms of the loss, one for each direction and sample, and their mean."""

from typing import NamedTuple

from array_api_compat import array_namespace

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.objective import Objective

__all__ = ["LossTerms", "direction_losses", "mean_term"]


class LossTerms(NamedTuple):
    """The loss of every direction and sample, -log of the positive's share of the pool."""

    values: Array
    """(T, B), in the order of `objective.directions`; 0 where not valid."""
    valid: Array
    """(T, B) booleans: query and target are both present."""


def mean_term(terms: LossTerms, objective: Objective, *, xp: ArrayNamespace | None = None) -> Array:
    """The weighted mean over valid terms, as `objective.balance` says; a 0-d array.

    With every row present and equal weights both kinds of balance are 1/(T B) sum of the terms.
    `objective.reduction == "sum"` multiplies it by the weights of the directions that occur.
    """
    xp = array_namespace(terms.values) if xp is None else xp
    dtype = terms.values.dtype
    total = weight = weights = 0.0
    for t, direction in enumerate(objective.directions):
        sum_, count = xp.sum(terms.values[t, ...]), xp.sum(xp.astype(terms.valid[t, ...], dtype))
        occurs = xp.astype(count > 0, dtype)
        if objective.balance == "direction":
            sum_, count = sum_ / xp.where(count > 0, count, 1.0), occurs
        total = total + direction.weight * sum_
        weight = weight + direction.weight * count
        weights = weights + direction.weight * occurs
    return total / weight * (weights if objective.reduction == "sum" else 1.0)


def direction_losses(
    terms: LossTerms, objective: Objective, *, xp: ArrayNamespace | None = None
) -> dict[str, Array]:
    """The mean of each direction's valid terms, a 0-d array by "query->target"; 0 without one."""
    xp = array_namespace(terms.values) if xp is None else xp
    means = {}
    for t, direction in enumerate(objective.directions):
        count = xp.sum(xp.astype(terms.valid[t, ...], terms.values.dtype))
        total = xp.sum(terms.values[t, ...])
        means[f"{direction.query}->{direction.target}"] = total / xp.where(count > 0, count, 1.0)
    return means
