"""Items of which there may be millions, in arrays: some fifty bytes each.

M-BEIR's union pool has 5.6 million candidates. As Python objects, each would take half a kilobyte
beside its text; here ids and parts stand one after the other in one text a column, and the texts of
a large column in a temporary file.
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import overload

import numpy as np
import numpy.typing as npt

from gcl_spec._typing import IntArray
from gcl_spec.errors import DataError
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.text_column import TextColumn

__all__ = ["ItemStore", "ItemTable", "joined"]

_DIGITS = "0123456789"


class ItemStore:
    """Rows of items that are only ever added to; an `ItemTable` is some of them in some order."""

    def __init__(self) -> None:
        self._ids = TextColumn()
        self._hashes = array("Q")
        self._parts: dict[str, TextColumn] = {}
        self._tags: dict[str, int] = {}
        self._tag_of = array("B")
        self._lines = array("I")
        self._files: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, id: str, place: str, tag: str = "", **parts: str | None) -> None:
        """Add a row.

        Args:
            id: the item's id.
            place: where it stands, "FILE:LINE" or "FILE row NUMBER".
            tag: a word of the format's own on it, of at most 255 that occur.
            parts: its text or references by modality; it lacks what is None or "".
        """
        file = place.rstrip(_DIGITS)
        if not self._files or self._files[-1][1] != file:
            self._files.append((len(self), file))
        for name, part in parts.items():
            if part and name not in self._parts:
                self._parts[name] = TextColumn(empty=len(self))
        for name, column in self._parts.items():
            column.add(parts.get(name) or "")
        self._ids.add(id)
        self._hashes.append(_hash(id))
        self._tag_of.append(self._tags.setdefault(tag, len(self._tags)))
        self._lines.append(int(place[len(file) :]))

    def item(self, row: int) -> Item:
        """The item of a row."""
        parts = {name: column.get(row) for name, column in self._parts.items()}
        return Item(self.id(row), **{name: part or None for name, part in parts.items()})

    def id(self, row: int) -> str:
        """The id of a row."""
        return self._ids.get(row)

    def hashes(self) -> npt.NDArray[np.uint64]:
        """The hash of every row's id, shape (rows,)."""
        return np.array(self._hashes, np.uint64)

    def tag(self, row: int) -> str:
        """The tag of a row."""
        return list(self._tags)[self._tag_of[row]]

    def place(self, row: int) -> str:
        """The place of a row, as it was given."""
        number = bisect_right(self._files, row, key=lambda file: file[0]) - 1
        return f"{self._files[number][1]}{self._lines[row]}"

    def holds(self, row: int, id: str, parts: Mapping[str, str | None]) -> bool:
        """Is a row that of this id, with exactly these parts?"""
        return self.id(row) == id and all(
            column.get(row) == (parts.get(name) or "") for name, column in self._parts.items()
        )

    def modalities(self, rows_N: npt.NDArray[np.int32]) -> set[str]:
        """The modalities that items of some rows have, such as "image+text".

        Args:
            rows_N: the numbers of the rows, shape (N,).
        """
        names = sorted(self._parts)
        if not names or not len(rows_N):
            return {""} if len(rows_N) else set()
        flags_PN = np.asarray([self._parts[name].filled()[rows_N] for name in names])
        kinds = np.unique(flags_PN, axis=1).T.tolist()
        return {"+".join(n for n, has in zip(names, kind, strict=True) if has) for kind in kinds}

    def same(self, row: int, other: int) -> bool:
        """Have two rows the same parts?"""
        return all(column.get(row) == column.get(other) for column in self._parts.values())

    def renamed(self, new: Callable[[str], str]) -> "ItemStore":
        """The same rows under other ids, without a copy of their parts; none must be added."""
        store = ItemStore()
        for row in range(len(self)):
            store._ids.add(new(self.id(row)))
            store._hashes.append(_hash(store.id(row)))
        store._parts, store._tags, store._tag_of = self._parts, self._tags, self._tag_of
        store._lines, store._files = self._lines, self._files
        return store

    def since(self, start: int) -> "ItemTable":
        """The rows from number `start` on."""
        return ItemTable(self, np.arange(start, len(self), dtype=np.int32))


class ItemTable(Sequence[Item]):
    """Some rows of a store; items are made of them when they are asked for.

    Args:
        store: the rows.
        rows_N: the numbers of those that are in it, shape (N,).
    """

    def __init__(self, store: ItemStore, rows_N: npt.NDArray[np.int32]) -> None:
        self.store = store
        self.rows_N = rows_N

    def __len__(self) -> int:
        return len(self.rows_N)

    @overload
    def __getitem__(self, place: int, /) -> Item: ...
    @overload
    def __getitem__(self, place: slice, /) -> "ItemTable": ...
    def __getitem__(self, place: int | slice, /) -> "Item | ItemTable":
        """One item, or those of a slice."""
        if isinstance(place, slice):
            return ItemTable(self.store, self.rows_N[place])
        return self.store.item(int(self.rows_N[place]))

    def __iter__(self) -> Iterator[Item]:
        return (self.store.item(row) for row in self.rows_N.tolist())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as a list has none

    def __repr__(self) -> str:
        return f"<{len(self)} items>"

    def ids(self) -> Iterator[str]:
        """The ids, in order."""
        return map(self.store.id, self.rows_N.tolist())

    def modalities(self) -> set[str]:
        """The modalities that its items have, such as "image+text"."""
        return self.store.modalities(self.rows_N)

    def place(self, number: int) -> str:
        """The place of item `number`, such as "FILE:LINE"."""
        return self.store.place(int(self.rows_N[number]))

    def tag(self, number: int) -> str:
        """The tag of item `number`."""
        return self.store.tag(int(self.rows_N[number]))

    def holds(self, number: int, id: str, parts: Mapping[str, str | None]) -> bool:
        """Is item `number` that of this id, with exactly these parts?"""
        return self.store.holds(int(self.rows_N[number]), id, parts)

    def find(self, id: str) -> int | None:
        """The number of the first item of an id; None where there is none."""
        hashes_N, order_N = self._index
        wanted = np.uint64(_hash(id))  # a Python number would be compared as a float
        start = int(np.searchsorted(hashes_N, wanted))
        while start < len(hashes_N) and hashes_N[start] == wanted:
            number = int(order_N[start])
            if self.store.id(int(self.rows_N[number])) == id:
                return number
            start += 1
        return None

    def without_twins(self) -> "tuple[ItemTable, int]":
        """Each id once, and how many rows were left out because they say the same again.

        Raises:
            DataError: an id stands for different contents.
        """
        hashes_N, order_N = self._index
        extra: list[int] = []
        for start in np.flatnonzero(hashes_N[1:] == hashes_N[:-1]).tolist():
            # The order is stable, so that the first item of an id stands first.
            later = int(order_N[start + 1])
            id = self.store.id(int(self.rows_N[later]))
            first = self.find(id)
            if first is None or first == later:
                continue
            if not self.store.same(int(self.rows_N[first]), int(self.rows_N[later])):
                raise DataError(
                    f"{self.place(later)}: id {id!r} stands at {self.place(first)} too, with "
                    "another content; rename or remove one of the two"
                )
            extra.append(later)
        if not extra:
            return self, 0
        return ItemTable(self.store, np.delete(self.rows_N, extra)), len(extra)

    @cached_property
    def _index(self) -> tuple[npt.NDArray[np.uint64], IntArray]:
        """The hashes of ids in ascending order, (N,), and the number of each one's item, (N,)."""
        hashes_N = self.store.hashes()[self.rows_N]
        order_N = np.argsort(hashes_N, kind="stable")
        return hashes_N[order_N], order_N.astype(np.int32)


def joined(tables: Iterable[ItemTable]) -> ItemTable | None:
    """All rows of tables of one store, each row once; None where they are of several stores."""
    all_tables = list(tables)
    if not all_tables or any(table.store is not all_tables[0].store for table in all_tables):
        return None
    rows = np.concatenate([table.rows_N for table in all_tables])
    _, first = np.unique(rows, return_index=True)
    return ItemTable(all_tables[0].store, rows[np.sort(first)])


def _hash(id: str) -> int:
    return int.from_bytes(blake2b(id.encode(), digest_size=8).digest(), "little")
