"""Finds the pictures and videos that tasks name and that are not there."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from gcl_spec.data.embedded import is_embedded
from gcl_spec.errors import DataError
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.item_table import ItemTable
from gcl_spec.tasks.task import Task

__all__ = ["Missing", "check_files", "missing_files"]

_FILES = ("image", "video")


class Missing(NamedTuple):
    """The files that are missing, each once, and how many there should be.

    places: where the first item that names each of them stands.
    """

    paths: tuple[str, ...]
    places: tuple[str, ...]
    total: int

    @property
    def share(self) -> float:
        """The share of the files that is missing."""
        return len(self.paths) / self.total if self.total else 0.0


def missing_files(exists: Callable[[str], bool], tasks: Sequence[Task]) -> Missing:
    """Look for every file that the queries and candidates of tasks name.

    Args:
        exists: is there a file of this path? Such as `Root.exists`.
        tasks: the tasks.
    """
    hashes = np.fromiter((_hash(path) for path, _ in _named(tasks)), np.uint64)
    # Millions of paths are kept as eight bytes each.
    first = np.zeros(len(hashes), bool)
    first[np.unique(hashes, return_index=True)[1]] = True
    lost = [
        (path, place)
        for (path, place), new in zip(_named(tasks), first.tolist(), strict=True)
        if new and not exists(path)
    ]
    return Missing(
        tuple(path for path, _ in lost), tuple(place() for _, place in lost), int(first.sum())
    )


def check_files(exists: Callable[[str], bool], tasks: Sequence[Task]) -> None:
    """Refuse tasks of which files are missing.

    Args:
        exists: is there a file of this path?
        tasks: the tasks.

    Raises:
        DataError: some are missing; it says how many, which share, and the first of them.
    """
    missing = missing_files(exists, tasks)
    if missing.paths:
        raise DataError(
            f"{missing.places[0]}: no file {missing.paths[0]!r}; {len(missing.paths):,} of "
            f"{missing.total:,} pictures or videos ({missing.share:.1%}) are missing; unpack or "
            "fetch them, in the folders that the paths name"
        )


def _named(tasks: Sequence[Task]) -> Iterator[tuple[str, Callable[[], str]]]:
    """The path of every file, as often as it is named, and a function that gives its place."""
    for task in tasks:
        for items in (task.queries, task.candidates):
            for number, item in enumerate(items):
                for name in _FILES:
                    path = item.get(name)
                    if path is not None and not is_embedded(path):
                        yield path, partial(_place, task.name, items, number)


def _place(task: str, items: Sequence[Item], number: int) -> str:
    if isinstance(items, ItemTable):
        return items.place(number)
    return f"task {task}, item {items[number].id!r}"


def _hash(path: str) -> int:
    return int.from_bytes(blake2b(path.encode(), digest_size=8).digest(), "little")
