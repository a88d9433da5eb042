"""M-BEIR's tasks with the integers that UniIR stores its embeddings by ("hashed ids")."""

from collections.abc import Callable, Iterable, Sequence

from gcl_spec.errors import DataError
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.item_table import ItemStore, ItemTable
from gcl_spec.tasks.mbeir_text import (
    MOST_CANDIDATES,
    MOST_QUERIES,
    candidate_number,
    query_number,
)
from gcl_spec.tasks.task import Task

__all__ = ["candidate_id", "query_id", "with_hashed_ids"]


def query_id(number: int) -> str:
    """The id of a query by its integer.

    >>> query_id(4004171)
    '8:4171'
    """
    return "{}:{}".format(*divmod(number, MOST_QUERIES))


def candidate_id(number: int) -> str:
    """The id of a candidate by its integer; -1, for none, gives "-1:9999999" as in UniIR.

    >>> candidate_id(52100000)
    '5:2100000'
    """
    return "{}:{}".format(*divmod(number, MOST_CANDIDATES))


def with_hashed_ids(tasks: Sequence[Task]) -> tuple[Task, ...]:
    """The tasks with integers, as texts, for ids.

    Args:
        tasks: those of `gcl_spec.tasks.mbeir`.

    Raises:
        DataError: two ids would have one integer.
    """
    stores: dict[int, ItemStore] = {}

    def table(items: Sequence[Item], number: Callable[[str], int]) -> ItemTable:
        if not isinstance(items, ItemTable):
            raise DataError("only tasks that were read as M-BEIR have hashed ids")
        key = id(items.store)
        if key not in stores:
            stores[key] = items.store.renamed(lambda name: str(number(name)))
        return ItemTable(stores[key], items.rows_N)

    def found(ids: Iterable[str]) -> frozenset[str]:
        return frozenset(str(candidate_number(name)) for name in ids)

    return tuple(
        Task(
            task.name,
            table(task.queries, query_number),
            table(task.candidates, candidate_number),
            {str(query_number(query)): found(ids) for query, ids in task.qrels.items()},
            task.notes,
            metrics=task.metrics,
            elsewhere={str(query_number(q)): found(ids) for q, ids in task.elsewhere.items()},
            union=None if task.union is None else table(task.union, candidate_number),
        )
        for task in tasks
    )
