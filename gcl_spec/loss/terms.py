"""The terms of the loss, one for each direction and sample, and their mean."""

from collections import Counter
from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

from array_api_compat import array_namespace

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.geometry import gap_of_means
from gcl_spec.loss.unstack import unstack
from gcl_spec.objective import Objective

__all__ = [
    "LossTerms",
    "direction_losses",
    "direction_names",
    "mean_term",
    "modality_gap",
    "modality_gaps",
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


def modality_gap(
    image: Array,
    text: Array,
    present: Mapping[str, Array] | None = None,
    *,
    xp: ArrayNamespace | None = None,
) -> dict[str, Array]:
    """How far apart the images and texts of a batch lie, as 0-d arrays that carry no gradient.

    They are the "distance" of the means, the gap of Liang et al. (2203.02053), and the "cosine" of
    the means, figure 2 of arXiv 2509.25638. Both are 0 where a modality has no row.

    Args:
        image: unit rows, (B, D).
        text: unit rows, (B, D).
        present: (B,) booleans by modality, as in `gcl_spec.loss.gcl_loss`.
        xp: the Array API namespace; found from the rows when not given.

    >>> import numpy as np
    >>> gap = modality_gap(np.eye(2), np.asarray([[-1.0, 0.0], [0.0, 1.0]]))
    >>> {name: round(float(x), 3) for name, x in gap.items()}
    {'distance': 1.0, 'cosine': 0.0}
    """
    xp = array_namespace(image, text) if xp is None else xp
    means, some = [], True
    for name, rows in (("image", image), ("text", text)):
        here = None if present is None else present.get(name)
        here = xp.ones_like(rows[:, 0]) if here is None else xp.astype(here, rows.dtype)
        count = xp.sum(here)
        kept = xp.where(here[:, None] > 0, rows, 0.0)
        means.append(xp.sum(kept, axis=0) / xp.where(count > 0, count, 1.0))
        some = some & (count > 0)
    distance, cosine = gap_of_means(*means, xp=xp)
    return {"distance": xp.where(some, distance, 0.0), "cosine": xp.where(some, cosine, 0.0)}


def modality_gaps(
    rows: Mapping[str, Array],
    present: Mapping[str, Array] | None = None,
    *,
    xp: ArrayNamespace | None = None,
) -> dict[str, Array]:
    """The `modality_gap` of every two given modalities of a batch, as 0-d arrays.

    Args:
        rows: unit rows by modality, (B, D) each; those of fused modalities are left out.
        present: (B,) booleans by modality.
        xp: the Array API namespace; found from the rows when not given.

    Returns:
        "distance" and "cosine" where there are two given modalities; of more, "distance/a,b" and
        "cosine/a,b" for each two of them.
    """
    given = sorted(name for name in rows if "+" not in name)
    gaps: dict[str, Array] = {}
    for a, b in combinations(given, 2):
        flags = {"image": (present or {}).get(a), "text": (present or {}).get(b)}
        gap = modality_gap(rows[a], rows[b], flags, xp=xp)
        suffix = f"/{a},{b}" if len(given) > 2 else ""
        gaps |= {f"{name}{suffix}": value for name, value in gap.items()}
    return gaps
