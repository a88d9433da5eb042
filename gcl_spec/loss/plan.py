"""An objective as the softmaxes to compute: pure data in modality indices, derived once.

The arithmetic obeys the plan and knows no names, so one code serves every set of modalities. There
is one plan for all directions, or, with a temperature for each direction, one for each.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.objective import Direction, Objective

__all__ = ["Softmax", "Target", "make_plan", "plans_by_scale"]


@dataclass(frozen=True, slots=True)
class Target:
    """The positives of one direction."""

    term: int
    """The place of the direction in the objective's `directions`."""
    modality: int
    """The modality whose rows are the positives."""


@dataclass(frozen=True, slots=True)
class Softmax:
    """One log-sum-exp for each row of a query modality, shared by one or more directions."""

    query: int
    """The modality of the rows."""
    pool: tuple[int, ...]
    """The modalities whose rows of other samples are candidates."""
    own: tuple[int, ...]
    """The modalities whose row of the query's own sample is a candidate."""
    targets: tuple[Target, ...]
    """The positives of the directions that share it."""


def make_plan(objective: Objective) -> tuple[Softmax, ...]:
    """The softmaxes of an objective; directions with the same query and candidates share one.

    GCL (arXiv 2509.25638, eq. 2) has one for each modality, CLIP one for each direction.

    >>> from gcl_spec.objective import CLIP, GCL
    >>> [len(softmax.targets) for softmax in make_plan(GCL)], len(make_plan(CLIP))
    ([2, 2, 2], 2)
    """
    groups: dict[tuple[int, tuple[int, ...], tuple[int, ...]], list[Target]] = {}
    index = {name: i for i, name in enumerate(objective.modalities)}
    for term, direction in enumerate(objective.directions):
        kind = objective.pool_of(direction)
        pools = {"target": (direction.target,), "query": (direction.query,)}
        pool = pools.get(kind, objective.modalities)
        # The positive competes in every pool, also where the pool holds no other row of its kind.
        candidates = pool if direction.target in pool else (*pool, direction.target)
        own = tuple(n for n in candidates if _own_row_competes(objective, direction, n))
        key = (
            index[direction.query],
            tuple(index[name] for name in pool),
            tuple(index[name] for name in own),
        )
        groups.setdefault(key, []).append(Target(term, index[direction.target]))
    return tuple(Softmax(*key, targets=tuple(targets)) for key, targets in groups.items())


def _own_row_competes(objective: Objective, direction: Direction, name: str) -> bool:
    """Whether the row of modality `name` of the query's own sample is a candidate."""
    if name == direction.target:
        return True
    if name == direction.query:
        return objective.self_term == "keep"
    return objective.same_sample == "keep"


def plans_by_scale(
    log_scale: Any, objective: Objective, like: Array, xp: ArrayNamespace
) -> Iterator[tuple[Array | float, tuple[Softmax, ...]]]:
    """The scales exp(log_scale), 0-d each, with the softmaxes that are computed at each of them.

    The logarithm is what is learned, as in CLIP (arXiv 2103.00020, section 2.5).

    Args:
        log_scale: ln(1 / temperature), a number, shape (), or one for each direction, (T,).
        objective: the objective, of T directions.
        like: an array of any shape, of the dtype to compute in.
        xp: the Array API namespace of the arrays.

    Returns:
        One scale, shape (), with the whole plan, or T of them with one direction each.
    """
    plan = make_plan(objective)
    if isinstance(log_scale, Real):
        yield math.exp(float(log_scale)), plan
    elif len(log_scale.shape) == 0:
        yield _scale(log_scale, like, xp), plan
    else:
        for softmax in plan:
            for target in softmax.targets:
                alone = (replace(softmax, targets=(target,)),)
                yield _scale(log_scale[target.term], like, xp), alone


def _scale(log_scale: Array, like: Array, xp: ArrayNamespace) -> Array:
    """The scale exp(log_scale), shape (), in the dtype of `like`."""
    # In the wider of the two dtypes: rounding ln(scale) costs more digits than rounding the scale.
    wide = xp.astype(log_scale, xp.result_type(log_scale, like))
    return xp.astype(xp.exp(wide), like.dtype)
