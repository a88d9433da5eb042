"""An objective as the softmaxes to compute: pure data in modality indices, derived once.

The arithmetic obeys the plan and knows no names, so one code serves every set of modalities. With a
sigmoid in place of a softmax the plan says which directions share their negatives.
"""

from dataclasses import dataclass

from gcl_spec.objective import Direction, Objective

__all__ = ["Softmax", "Target", "make_plan"]


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

    GCL (arXiv 2509.25638, eq. 2) has one for each modality, CLIP one for each direction. The
    targets of one are all positives of a query that its pool holds.

    >>> from gcl_spec.objective import CLIP, GCL
    >>> [len(softmax.targets) for softmax in make_plan(GCL)], len(make_plan(CLIP))
    ([2, 2, 2], 2)
    """
    groups: dict[tuple[int, tuple[int, ...], tuple[int, ...]], list[Target]] = {}
    index = {name: i for i, name in enumerate(objective.modalities)}
    for term, direction in enumerate(objective.directions):
        pool = objective.pool_names(direction)
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
    if objective.loss == "sigmoid":  # compares each row with its positive alone
        return False
    if name == direction.target:
        return True
    if name == direction.query:
        return objective.self_term == "keep"
    return objective.same_sample == "keep"
