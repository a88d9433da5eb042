"""An objective as the softmaxes to compute: pure data in modality indices, derived once.

The arithmetic obeys the plan and knows no names, so one code serves every set of modalities.
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
    """The positives of one direction: rows of `modality`; `term` is its place in `directions`."""

    term: int
    modality: int


@dataclass(frozen=True, slots=True)
class Softmax:
    """One log-sum-exp for each row of a query modality, shared by one or more directions.

    pool: modalities whose rows of other samples are candidates.
    own: those of them whose row of the query's own sample is a candidate too.
    """

    query: int
    pool: tuple[int, ...]
    own: tuple[int, ...]
    targets: tuple[Target, ...]


def make_plan(objective: Objective) -> tuple[Softmax, ...]:
    """The softmaxes of `objective`; directions with the same query and candidates share one.

    GCL has one for each modality (its row form), CLIP one for each direction.
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
    if name == direction.target:
        return True
    if name == direction.query:
        return objective.self_term == "keep"
    return objective.same_sample == "keep"


def plans_by_scale(
    log_scale: Any, objective: Objective, like: Array, xp: ArrayNamespace
) -> Iterator[tuple[Array | float, tuple[Softmax, ...]]]:
    """The softmaxes of each scale: all of one, or with a scale per direction one of each."""
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
    # In the wider of the two dtypes: rounding ln(scale) costs more digits than rounding the scale.
    wide = xp.astype(log_scale, xp.result_type(log_scale, like))
    return xp.astype(xp.exp(wide), like.dtype)
