"""M-BEIR's tasks with the integers that UniIR stores its embeddings by ("hashed ids")."""

from collections.abc import Callable, Iterable, Sequence

from gcl_spec.errors import DataError
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.item_table import ItemStore, ItemTable
from gcl_spec.tasks.mbeir_text import split_id
from gcl_spec.tasks.task import Task

__all__ = ["candidate_id", "candidate_number", "query_id", "query_number", "with_hashed_ids"]

# The numbers of a data set's queries and candidates are below these.
_QUERIES, _CANDIDATES = 500_000, 10**7


def query_number(id: str) -> int:
    """The one integer by which UniIR stores a query's row ("hashed qid").

    >>> query_number("8:4171")
    4004171

    Raises:
        DataError: it is no id, or two ids would have the integer.
    """
    return _number(id, _QUERIES)


def candidate_number(id: str) -> int:
    """The one integer by which UniIR stores a candidate's row ("hashed did").

    >>> candidate_number("5:2100000")
    52100000

    Raises:
        DataError: it is no id, or two ids would have the integer.
    """
    return _number(id, _CANDIDATES)


def query_id(number: int) -> str:
    """The id of a query by its integer.

    >>> query_id(4004171)
    '8:4171'
    """
    return "{}:{}".format(*divmod(number, _QUERIES))


def candidate_id(number: int) -> str:
    """The id of a candidate by its integer; -1, for none, gives "-1:9999999" as in UniIR.

    >>> candidate_id(52100000)
    '5:2100000'
    """
    return "{}:{}".format(*divmod(number, _CANDIDATES))


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

    def hashed(ids: Iterable[str]) -> frozenset[str]:
        return frozenset(str(candidate_number(name)) for name in ids)

    return tuple(
        Task(
            task.name,
            table(task.queries, query_number),
            table(task.candidates, candidate_number),
            {str(query_number(query)): hashed(ids) for query, ids in task.qrels.items()},
            task.notes,
            metrics=task.metrics,
            elsewhere={str(query_number(q)): hashed(ids) for q, ids in task.elsewhere.items()},
            union=None if task.union is None else table(task.union, candidate_number),
        )
        for task in tasks
    )


def _number(id: str, most: int) -> int:
    dataset, number = split_id(id, "hashed id")
    if number >= most:
        raise DataError(f"id {id!r}: a hashed id needs a number below {most:,}")
    return dataset * most + number
