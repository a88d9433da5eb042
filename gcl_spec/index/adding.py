"""Adds items to an index, one commit after another, so that a kill loses one of them at most."""

from collections.abc import Sequence
from pathlib import Path

from gcl_spec._typing import FloatArray
from gcl_spec.embed.entry import Entry
from gcl_spec.errors import DataError
from gcl_spec.index.coding import Codes
from gcl_spec.index.items import Added, Items, RowMaker, hash_of, refusal
from gcl_spec.index.model import COMMIT, Model
from gcl_spec.index.sorting import Sorted, sort
from gcl_spec.index.spread import spread
from gcl_spec.index.table import Row
from gcl_spec.index.writing import Writing
from gcl_spec.progress import Quiet, Reporter

__all__ = ["Adding"]

_OUTSIDE = 0.05
"""The share of numbers outside of their ranges above which a note is given.

Of rows like the first hundred, from which ranges are learnt, about a fiftieth of the numbers lies
outside.
"""


class Adding:
    """Adds items to the index in a folder, which is made with the first rows.

    Args:
        folder: the index.
        model: what makes the rows.
        items: the items.
        reporter: hears of progress.
        size: the items of a commit.
        codes: what a new index stores in place of rows; None: the rows.
    """

    def __init__(
        self,
        folder: Path,
        model: Model,
        items: Items,
        reporter: Reporter | None = None,
        *,
        size: int = COMMIT,
        codes: Codes | None = None,
    ) -> None:
        self._writing, self._items, self._size = Writing(folder, model, codes), items, size
        self._codes = codes
        self._reporter = reporter or Quiet()
        self._encoder: RowMaker = items.encoder or model.encoder(items.collate)
        self._seen: set[str] = set()
        self.done = Added()

    def run(self, *, update: bool = False) -> Added:
        """Add the items, or replace those that have changed; the same ones are left as they are.

        Args:
            update: remove items of the same place that are not there any more, or not readable.

        Returns:
            What was done; `done` has it also where this is interrupted.

        Raises:
            DataError: there is no item, none of them has a row, or the index is of another model.
            ConfigError: the folder holds something else, or another process writes there.
            FileError: a commit cannot be written; the commits before it stay.
        """
        total = len(self._items.listing)
        if not total:
            raise DataError(f"{self._items.contents.name} holds no picture and no text")
        with self._writing as writing:
            self._fit(total)
            for start in range(0, total, self._size):
                part = slice(start, min(start + self._size, total))
                self._add(self._items.listing.entries(part), start, total)
            if not self._seen:
                raise DataError(self._nothing(total))
            if writing.table is not None:
                if update:
                    self._remove()
                writing.tidy(self._reporter)
        self._tell_of_ranges()
        return self.done

    def _fit(self, total: int) -> None:
        """Encode items from everywhere, where a new index learns ranges from more than a commit."""
        learns = self._codes is not None and self._codes.form == "int8"
        if not learns or self._writing.table is not None or total <= self._size:
            return
        entries = spread(self._items.listing)
        self._reporter.say(f"learning the ranges of int8 from {len(entries):,} items of all")
        rows_ND, _ = self._encoder.encode(entries, lambda count: None)
        self._writing.fitted_ND = rows_ND if len(rows_ND) else None
        self._items.contents.forget()

    def _tell_of_ranges(self) -> None:
        outside, numbers = self._writing.outside, self._writing.numbers
        if outside > _OUTSIDE * numbers:
            self._reporter.say(
                f"note: {outside / numbers:.0%} of the numbers lie outside of the ranges that this "
                "index learnt from its first data, and were cut; make it again from all data"
            )

    def _add(self, entries: Sequence[Entry], start: int, total: int) -> None:
        """Add the items of one commit, which are read from the `start`-th on."""
        self._items.contents.forget()
        writing = self._writing
        some = sort(self._new(entries), self._items, writing.table, writing.about)
        self.done.same += some.same
        self.done.absent |= some.refused

        def told(count: int) -> None:  # they are done when they are committed
            self._reporter.update("index", start + min(count, len(entries) - 1), total)

        told(0)
        rows_ND, absent = self._encoder.encode(some.changed, told)
        for place, why in absent.items():
            name = some.changed[place].id
            self.done.absent[name] = why
            self._seen.discard(name)
        kept = [entry for n, entry in enumerate(some.changed) if n not in absent]
        self._commit(some, kept, rows_ND)
        self._reporter.update("index", start + len(entries), total)

    def _new(self, entries: Sequence[Entry]) -> list[Entry]:
        """The entries that may be indexed, each id once; it notes why others may not."""
        new_entries = []
        for entry in entries:
            why = refusal(entry)
            if entry.id in self._seen:
                self.done.absent.setdefault(entry.id, "another item of these has this id")
            elif why:
                self.done.absent[entry.id] = why
            else:
                self._seen.add(entry.id)
                new_entries.append(entry)
        return new_entries

    def _commit(self, some: Sorted, kept: Sequence[Entry], rows_ND: FloatArray) -> None:
        origin, contents = self._items.origin, self._items.contents
        if kept:
            number = self._writing.number_of(origin, rows_ND.shape[1])
            rows = [_row(entry, number, hash_of(entry, contents)) for entry in kept]
            self._writing.put(rows, rows_ND, replaces=bool(some.known))
            replaced = sum(row.id in some.known for row in rows)
            self.done.replaced += replaced
            self.done.added += len(rows) - replaced
        if some.moved:
            number = self._writing.number_of(origin, 0)
            self._writing.move([row._replace(origin=number) for row in some.moved.values()])
            self.done.replaced += len(some.moved)

    def _remove(self) -> None:
        """Remove the rows of the same place whose items are gone."""
        about, table = self._writing.about, self._writing.table
        assert about is not None
        assert table is not None
        number = about.number_of(self._items.origin)
        if number is None:
            return
        gone = [name for name in table.of_origin(number) if name not in self._seen]
        unknown = [name for name in gone if name.startswith(self._items.closed)]
        if unknown:
            self._reporter.say(
                f"note: {len(unknown):,} items stay that lie in folders which cannot be read now"
            )
            gone = [name for name in gone if not name.startswith(self._items.closed)]
        self.done.removed += table.delete(gone) if gone else 0

    def _nothing(self, total: int) -> str:
        name, why = next(iter(self.done.absent.items()))
        return (
            f"{self._items.contents.name}: none of {total:,} items can be indexed, such as "
            f"{name!r:.200}: {why}"
        )


def _row(entry: Entry, origin: int, digest: str) -> Row:
    parts = dict(entry.content)
    return Row(entry.id, entry.modality, parts.get("text"), parts.get("image"), origin, digest)
