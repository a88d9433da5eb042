"""Finds the pictures and videos that tasks name and that are not on disk.

It is asked before anything is embedded. Items that have no row once it is done, for any reason, are
left out of tasks by `absent_rows`.
"""

import os
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import blake2b
from itertools import compress
from typing import NamedTuple, Protocol

import numpy as np

from gcl_spec.data.embedded import is_embedded
from gcl_spec.data.names import listed, shown
from gcl_spec.errors import DataError
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.item_table import ItemTable
from gcl_spec.tasks.task import Task

__all__ = ["Files", "Missing", "check_files", "missing_files"]

_FILES = ("image", "video")
_SHOWN = 100


class Files(Protocol):
    """Where files are looked for, such as a `gcl_spec.data.root.Root`."""

    def exists(self, path: str, /) -> bool:
        """Is there a file of this path (`Root.exists`)?"""
        ...

    def listing(self, path: str, /) -> Sequence[str] | None:
        """Names of files in a folder (`Root.listing`)."""
        ...


class Missing(NamedTuple):
    """The files that are missing, and how many there should be; each is counted once.

    paths: the first hundred of those that are missing.
    places: where the first item that names each of these stands.
    lost: how many are missing.
    total: how many are named.
    """

    paths: tuple[str, ...]
    places: tuple[str, ...]
    lost: int
    total: int

    @property
    def share(self) -> float:
        """The share of the files that is missing."""
        return self.lost / self.total if self.total else 0.0


def missing_files(files: Files, tasks: Sequence[Task]) -> Missing:
    """Look for every file that the queries and candidates of tasks name.

    A folder is listed once, which takes microseconds a file; to ask for each takes a tenth of a
    millisecond.

    Args:
        files: where they are looked for.
        tasks: the tasks.
    """
    hashes = array("Q")  # millions of paths are kept as eight bytes each
    folders: dict[str, None] = {}
    for path, _ in _named(tasks):
        hashes.append(_hash(path))
        folders[_folder(path)] = None
    there, gone = array("Q"), set[str]()
    for folder in folders:
        names = files.listing(folder)
        there.extend(_hash(f"{folder}{name}") for name in names or ())
        if names is None:
            gone.add(folder)
    hashes_N = np.array(hashes, np.uint64)
    first_N = np.zeros(len(hashes_N), bool)
    first_N[np.unique(hashes_N, return_index=True)[1]] = True
    doubtful_N = first_N & ~np.isin(hashes_N, np.array(there, np.uint64))
    lost = 0
    shown_first: dict[str, str] = {}
    # The items are read a second time only where a file is not in a listing.
    for path, place in compress(_named(tasks), doubtful_N) if doubtful_N.any() else ():
        if _folder(path) in gone or not files.exists(path):
            lost += 1
            if len(shown_first) < _SHOWN:
                shown_first[path] = place()
    return Missing(tuple(shown_first), tuple(shown_first.values()), lost, int(first_N.sum()))


def check_files(files: Files, tasks: Sequence[Task]) -> None:
    """Refuse tasks of which files are missing.

    Args:
        files: where they are looked for.
        tasks: the tasks.

    Raises:
        DataError: some are missing; it says how many, which share, and the first of them.
    """
    missing = missing_files(files, tasks)
    if missing.paths:
        more = f", too, such as {listed(map(shown, missing.paths[1:]), 3)}"
        raise DataError(
            f"{missing.places[0]}: no file {missing.paths[0]!r}; {missing.lost:,} of "
            f"{missing.total:,} pictures or videos ({missing.share:.1%}) are missing"
            f"{more if missing.lost > 1 else ''}; unpack or fetch them, in the folders that the "
            "paths name"
        )


def _named(tasks: Sequence[Task]) -> Iterator[tuple[str, Callable[[], str]]]:
    """The path of every file, as often as it is named, and a function that gives its place."""
    unions = {id(task.union): task.union for task in tasks}  # tasks may share one union
    for task in tasks:
        for items in (task.queries, task.candidates, unions.pop(id(task.union), None)):
            for number, item in enumerate(items or ()):
                for name in _FILES:
                    path = item.get(name)
                    if path is not None and not is_embedded(path):
                        yield path, partial(_place, task.name, items or (), number)


def _place(task: str, items: Sequence[Item], number: int) -> str:
    if isinstance(items, ItemTable):
        return items.place(number)
    return f"task {task}, item {items[number].id!r}"


def _folder(path: str) -> str:
    """The folder of a path with the "/" at its end; "" for none."""
    return path[: path.rfind("/") + 1]


def _hash(path: str) -> int:
    return int.from_bytes(blake2b(os.fsencode(path), digest_size=8).digest(), "little")
