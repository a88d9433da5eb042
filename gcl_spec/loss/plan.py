"""An objective as the softmaxes to compute: pure data in modality indices, derived once.

The arithmetic obeys the plan and knows no names, so one code serves every set of modalities.
"""

from dataclasses import dataclass

from gcl_spec.objective import Direction, Objective

__all__ = ["Softmax", "Target", "make_plan"]


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
