"""Listings of what is embedded: the items of tasks, or the samples of training data."""

import json
from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np

from gcl_spec.data.sample import BadSample
from gcl_spec.data.source import Source, row_of
from gcl_spec.embed.entry import Entry
from gcl_spec.evaluate.calibrations.rows import ROLES
from gcl_spec.tasks.task import Item, Task

__all__ = ["SampleListing", "TaskListing"]

_KEY = np.dtype("S16")


class TaskListing:
    """Every query and candidate of tasks, in order; one of equal id and content stands once.

    Args:
        tasks: the tasks, whose items stay where they are.
        roles: tell queries from candidates; an item that is both then stands twice.
    """

    def __init__(self, tasks: Sequence[Task], *, roles: bool = False) -> None:
        query, candidate = ROLES if roles else ("", "")
        sides = [
            (role, side)
            for task in tasks
            for role, side in (
                (query, task.queries),
                (candidate, task.candidates),
                (candidate, task.union),
            )
            if side is not None
        ]
        self._roles = [role for role, _ in sides]
        self._sides = [side for _, side in sides]
        self._starts = np.cumsum([0, *(len(side) for side in self._sides)])
        keys = (_key(item, role) for role, side in sides for item in side)
        # There may be millions of items, so only their hashes are held, of 16 bytes each.
        hashes = np.fromiter(keys, _KEY, count=int(self._starts[-1]))
        self._numbers = np.sort(np.unique(hashes, return_index=True)[1])

    def __len__(self) -> int:
        return len(self._numbers)

    def entries(self, part: slice, /) -> list[Entry]:
        """The entries of a slice (`Listing.entries`)."""
        return [Entry(item.id, item.content, role=role) for role, item in self._items(part)]

    def _items(self, part: slice) -> Iterator[tuple[str, Item]]:
        numbers = self._numbers[part]
        sides = np.searchsorted(self._starts, numbers, "right") - 1
        for number, side in zip(numbers.tolist(), sides.tolist(), strict=True):
            yield self._roles[side], self._sides[side][number - int(self._starts[side])]


class SampleListing:
    """The samples of training data: all parts of each together, the first where it has several.

    Args:
        source: the samples.
        role: what all of them are embedded as.
    """

    def __init__(self, source: Source, role: str = "") -> None:
        self._source, self._role = source, role

    def __len__(self) -> int:
        return len(self._source)

    def entries(self, part: slice, /) -> list[Entry]:
        """The entries of a slice (`Listing.entries`)."""
        return [self._entry(number) for number in range(*part.indices(len(self)))]

    def _entry(self, number: int) -> Entry:
        row = row_of(self._source, number)
        if isinstance(row, BadSample):
            return Entry(row.id or row.place, (), row.reason, self._role)
        first = ((name, parts[0]) for name, parts in row.given.items() if parts)
        return Entry(row.id, tuple(sorted(first)), role=self._role)


def _key(item: Item, role: str) -> bytes:
    text = json.dumps([role, item.id, item.content])
    return blake2b(text.encode(), digest_size=_KEY.itemsize).digest()
