"""Tasks without the items of which there is no embedding, and lines that name them.

`gcl embed` lists an item that it cannot read as absent, whatever the reason. `missing_files` asks
before anything is embedded, and of files alone.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from gcl_spec.errors import DataError
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.item_table import ItemTable
from gcl_spec.tasks.task import Task

__all__ = ["without_absent"]

_SHOWN = 5


def without_absent(
    tasks: Sequence[Task], has: Callable[[Sequence[Item]], Sequence[bool]]
) -> tuple[tuple[Task, ...], tuple[str, ...]]:
    """The tasks of the items that have an embedding, and a line for each task that lost some.

    An absent query is left out. An absent candidate is in no pool and never found: a query whose
    relevant candidates are all absent counts as failed.

    Args:
        tasks: the whole tasks.
        has: says of items whether they have an embedding.

    Raises:
        DataError: no task has queries and candidates left.
    """
    kept: list[Task] = []
    lines: list[str] = []
    for task in tasks:
        queries = _split(task.queries, has)
        candidates = _split(task.candidates, has)
        lost = [
            f"{len(absent)} of {len(absent) + len(present)} {side} ({_shown(absent)})"
            for side, (present, absent) in (("queries", queries), ("candidates", candidates))
            if absent
        ]
        union = None if task.union is None else _split(task.union, has)
        if union is not None and union[1]:
            lost.append(f"{len(union[1])} of {len(task.union or ())} candidates of the global pool")
        if lost:
            lines.append(f"partial: task {task.name} is without {' and '.join(lost)}: absent")
        if not queries[0] or not candidates[0]:
            lines[-1] += "; the whole task is left out"
        elif lost:
            reduced = _reduced(task, queries[0], candidates[0], {item.id for item in candidates[1]})
            kept.append(replace(reduced, union=None if union is None else union[0]))
        else:
            kept.append(task)
    if not kept:
        raise DataError(f"no task can be evaluated: {'; '.join(lines)}")
    return tuple(kept), tuple(lines)


def _split(
    items: Sequence[Item], has: Callable[[Sequence[Item]], Sequence[bool]]
) -> tuple[Sequence[Item], list[Item]]:
    """The items that have an embedding, and those that have none."""
    flags = has(items)
    if all(flags):
        return items, []
    if isinstance(items, ItemTable):  # millions of them stay in it
        fine_N = np.asarray(flags, bool)
        lost = ItemTable(items.store, items.rows_N[~fine_N])
        return ItemTable(items.store, items.rows_N[fine_N]), list(lost)
    present: list[Item] = []
    absent: list[Item] = []
    for item, fine in zip(items, flags, strict=True):
        (present if fine else absent).append(item)
    return present, absent


def _shown(items: Sequence[Item]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(item.id for item in items[:_SHOWN]) + more


def _reduced(
    task: Task, queries: Sequence[Item], candidates: Sequence[Item], absent: Collection[str]
) -> Task:
    """The task with these queries and candidates, of which `absent` ids are no more."""
    ids = {item.id for item in queries}

    def sets(by_query: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        return {query: some.difference(absent) for query, some in by_query.items() if query in ids}

    qrels = sets(task.qrels)
    failed = {q for q, some in qrels.items() if not some and not task.elsewhere.get(q)}
    return replace(
        task,
        queries=queries,
        candidates=candidates,
        qrels=qrels,
        elsewhere={q: some for q, some in task.elsewhere.items() if q in ids},
        unjudged=frozenset(task.unjudged & ids | failed),
        left_out=sets(task.left_out),
        choices={
            query: tuple(x for x in some if x not in absent)
            for query, some in task.choices.items()
            if query in ids
        },
        grades={
            query: {x: grade for x, grade in some.items() if x not in absent}
            for query, some in task.grades.items()
            if query in ids
        },
    )
