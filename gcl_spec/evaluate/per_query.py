"""What every query of a task is to find, and in which pool, as pairs of numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gcl_spec._typing import BoolArray, FloatArray, IntArray
from gcl_spec.tasks.task import Item, Task, numbers_of

__all__ = ["Pools", "pools_of"]


@dataclass(frozen=True, slots=True)
class Pools:
    """The queries of a task in one pool; pairs are (query, candidate), (P, 2) each.

    relevant_P2: what is to be found. gains_P: its grades, above 0, shape (P,). left_out_P2: what is
    not compared with the query. choices_P2: all that is compared with a query that has choices.
    limited_Q: whether it has, shape (Q,).
    """

    relevant_P2: IntArray
    gains_P: FloatArray
    left_out_P2: IntArray
    choices_P2: IntArray
    limited_Q: BoolArray

    def relevant(self, part: slice) -> IntArray:
        """The relevant pairs of a slice of the queries, whose numbers then begin at 0, (P, 2)."""
        return _within(self.relevant_P2, part)

    def gains(self, part: slice) -> FloatArray:
        """The gains of the relevant pairs of a slice of the queries, (P,)."""
        return self.gains_P[_inside(self.relevant_P2, part)]

    def left_out(self, part: slice, candidates: int) -> IntArray | BoolArray:
        """What is left out for a slice of the queries, pairs (P, 2) or booleans (Q, C)."""
        pairs_P2 = _within(self.left_out_P2, part)
        if not self.limited_Q[part].any():
            return pairs_P2
        left_out_QC = np.repeat(self.limited_Q[part][:, None], candidates, axis=1)
        left_out_QC[tuple(_within(self.choices_P2, part).T)] = False
        left_out_QC[tuple(pairs_P2.T)] = True
        return left_out_QC


def pools_of(
    task: Task, candidates: Sequence[Item], *, local: bool, twins_compete: bool = False
) -> Pools:
    """The pairs of a task by its rules.

    `Task.left_out` goes before relevance; `Task.choices` holds in the task's own pool.

    Args:
        task: the task, with ids as in the pool.
        candidates: the pool.
        local: is it the task's own?
        twins_compete: keep candidates with exactly the query's content; else they are left out
            unless they are relevant.
    """
    named = (task.qrels, task.elsewhere, task.left_out, task.choices if local else {})
    place = numbers_of(
        candidates, {id for by_query in named for ids in by_query.values() for id in ids}
    )
    twins: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for n, item in enumerate(() if twins_compete else candidates):
        twins.setdefault(item.content, []).append(n)
    relevant: list[tuple[int, int]] = []
    gains: list[float] = []
    left_out: list[tuple[int, int]] = []
    choices: list[tuple[int, int]] = []
    limited_Q = np.zeros(len(task.queries), bool)
    for n, query in enumerate(task.queries):
        elsewhere = task.elsewhere.get(query.id, frozenset())
        wanted = {place[id] for id in task.qrels[query.id]}
        wanted |= {place[id] for id in elsewhere if id in place}
        spared = {place[id] for id in task.left_out.get(query.id, ())}
        spared |= {twin for twin in twins.get(query.content, ()) if twin not in wanted}
        if local and query.id in task.choices:
            limited_Q[n] = True
            offered = {place[id] for id in task.choices[query.id]}
            choices += [(n, one) for one in sorted(offered)]
            wanted &= offered
        right, grades = sorted(wanted - spared), task.grades.get(query.id, {})
        relevant += [(n, one) for one in right]
        gains += [grades.get(candidates[one].id, 1.0) for one in right]
        left_out += [(n, one) for one in sorted(spared)]
    gains_P = np.asarray(gains, np.float64)
    return Pools(_array(relevant), gains_P, _array(left_out), _array(choices), limited_Q)


def _array(pairs: Sequence[tuple[int, int]]) -> IntArray:
    return np.asarray(pairs, np.int64).reshape(-1, 2)


def _within(pairs_P2: IntArray, part: slice) -> IntArray:
    return np.asarray(pairs_P2[_inside(pairs_P2, part)] - np.asarray([part.start, 0]))


def _inside(pairs_P2: IntArray, part: slice) -> BoolArray:
    """A mask of the pairs whose query is in a slice of the queries, (P,)."""
    return np.asarray((pairs_P2[:, 0] >= part.start) & (pairs_P2[:, 0] < part.stop))
