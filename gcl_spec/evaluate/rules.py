"""Which candidates are relevant to a query, and with which it is compared."""

from collections.abc import Sequence

import numpy as np

from gcl_spec._typing import BoolArray
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.item_table import ItemTable
from gcl_spec.tasks.task import Task

__all__ = ["Rules"]


class Rules:
    """What a task says of its queries in one pool.

    Args:
        task: the queries.
        candidates: the C candidates: the task's own, or those of all tasks.
        local: are they the task's own? Then a query with choices is compared with these alone.
    """

    def __init__(self, task: Task, candidates: Sequence[Item], *, local: bool) -> None:
        self._task, self._count, self._local = task, len(candidates), local
        self._table = candidates if isinstance(candidates, ItemTable) else None
        self._places = (
            {} if self._table else {item.id: place for place, item in enumerate(candidates)}
        )

    def of(self, query: str) -> tuple[BoolArray, BoolArray]:
        """Of a query's id: which candidates are relevant, and which compete; (C,) each.

        A relevant candidate that does not compete is not relevant: the query cannot find it.
        """
        task = self._task
        competing_C = np.ones(self._count, bool)
        if self._local and query in task.choices:
            competing_C[:] = False
            competing_C[self._numbers(task.choices[query])] = True
        competing_C[self._numbers(task.left_out.get(query, ()))] = False
        relevant_C = np.zeros(self._count, bool)
        relevant_C[self._numbers(task.qrels[query])] = True
        relevant_C[self._numbers(task.elsewhere.get(query, ()))] = True
        return relevant_C & competing_C, competing_C

    def _numbers(self, ids: Sequence[str] | frozenset[str]) -> list[int]:
        """The numbers of those candidates that are in the pool."""
        find = self._table.find if self._table else self._places.get
        return [number for number in map(find, ids) if number is not None]
