"""Listings of what is embedded: the items of tasks, or the samples of training data."""

import json
from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np

from gcl_spec.data.sample import BadSample
from gcl_spec.data.source import Source, row_of
from gcl_spec.embed.entry import Entry
from gcl_spec.tasks.task import Item, Task

__all__ = ["SampleListing", "TaskListing"]

_KEY = np.dtype("S16")


class TaskListing:
    """Every query and candidate of tasks, in order; one of equal id and content stands once.

    Args:
        tasks: the tasks, whose items stay where they are.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        sides = [side for task in tasks for side in (task.queries, task.candidates, task.union)]
        self._sides = [side for side in sides if side is not None]
        self._starts = np.cumsum([0, *(len(side) for side in self._sides)])
        keys = (_key(item) for side in self._sides for item in side)
        # Of millions of items the hashes alone are held, 16 bytes each.
        found = np.fromiter(keys, _KEY, count=int(self._starts[-1]))
        self._numbers = np.sort(np.unique(found, return_index=True)[1])

    def __len__(self) -> int:
        return len(self._numbers)

    def entries(self, part: slice, /) -> list[Entry]:
        """The entries of a slice (`Listing.entries`)."""
        return [Entry(item.id, item.content) for item in self._items(part)]

    def _items(self, part: slice) -> Iterator[Item]:
        numbers = self._numbers[part]
        sides = np.searchsorted(self._starts, numbers, "right") - 1
        for number, side in zip(numbers.tolist(), sides.tolist(), strict=True):
            yield self._sides[side][number - int(self._starts[side])]


class SampleListing:
    """The samples of training data: all parts of each together, the first where it has several.

    Args:
        source: the samples.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    def __len__(self) -> int:
        return len(self._source)

    def entries(self, part: slice, /) -> list[Entry]:
        """The entries of a slice (`Listing.entries`)."""
        return [self._entry(number) for number in range(*part.indices(len(self)))]

    def _entry(self, number: int) -> Entry:
        found = row_of(self._source, number)
        if isinstance(found, BadSample):
            return Entry(found.id or found.place, (), found.reason)
        first = ((name, parts[0]) for name, parts in found.given.items() if parts)
        return Entry(found.id, tuple(sorted(first)))


def _key(item: Item) -> bytes:
    text = json.dumps([item.id, item.content])
    return blake2b(text.encode(), digest_size=_KEY.itemsize).digest()
