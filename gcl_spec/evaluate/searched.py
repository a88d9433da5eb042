"""The items of tasks as rows, and the searches that an evaluation makes among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gcl_spec._typing import FloatArray, IntArray
from gcl_spec.errors import DataError
from gcl_spec.evaluate.calibrations.known import Chain, apply_to_items
from gcl_spec.evaluate.calibrations.rows import Encode, EncodedOnce, Role
from gcl_spec.tasks.task import Item, Task, one_content_an_id, union_pool

__all__ = ["Search", "Searched", "searched"]


class Search(NamedTuple):
    """The queries of a task, and one of its two pools.

    task: with ids as in the pool. pool: "local" or "global". candidates: the pool, C items.
    queries_QD: the rows of the queries. rows_C: the numbers of the candidates' rows.
    """

    task: Task
    pool: str
    candidates: Sequence[Item]
    queries_QD: FloatArray
    rows_C: IntArray


@dataclass(frozen=True)
class Searched:
    """The different contents of all items, and who is searched for what.

    items: one for each content, N in all. rows_ND: their rows as candidates. pool_C: the numbers of
    the global pool's rows. searches: each task in its own pool, then in the global one.
    """

    items: Sequence[Item]
    rows_ND: FloatArray
    pool_C: IntArray
    searches: tuple[Search, ...]
    places: Mapping[tuple[tuple[str, str], ...], int]

    def numbers(self, items: Sequence[Item]) -> IntArray:
        """The numbers of items' rows, (M,) for M items."""
        return np.asarray([self.places[item.content] for item in items], np.int64)


def searched(encode: Encode, tasks: Sequence[Task], calibration: Chain | None = None) -> Searched:
    """The rows of all items of tasks; each content is encoded once.

    Args:
        encode: makes unit rows (N, D) float32 of N items.
        tasks: one task at least.
        calibration: what is made of the rows before they are searched.

    Raises:
        DataError: there is no task.
    """
    if not tasks:
        raise DataError("there is no task to evaluate")
    renamed = one_content_an_id(tasks)
    pool = union_pool(renamed)
    groups = [group for task in tasks for group in (task.queries, task.candidates)]
    contents = dict.fromkeys(item.content for group in (*groups, pool) for item in group)
    items = [Item("", **dict(content)) for content in contents]
    once = encode if isinstance(encode, EncodedOnce) else EncodedOnce(encode)

    def made(wanted: Sequence[Item], role: Role) -> FloatArray:
        if calibration is None:
            return once(wanted)
        return apply_to_items(calibration, wanted, once, [role])[role]

    places = {content: n for n, content in enumerate(contents)}
    encoded_items = Searched(items, made(items, "candidate"), np.zeros(0, np.int64), (), places)
    pool_C = encoded_items.numbers(pool)
    searches = []
    for task, same in zip(tasks, renamed, strict=True):
        queries_QD = made(task.queries, "query")
        own_C = encoded_items.numbers(task.candidates)
        searches.append(Search(task, "local", task.candidates, queries_QD, own_C))
        searches.append(Search(same, "global", pool, queries_QD, pool_C))
    return Searched(items, encoded_items.rows_ND, pool_C, tuple(searches), places)
