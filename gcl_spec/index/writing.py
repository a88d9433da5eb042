"""Writes an index: one process at a time, a commit at a time."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from gcl_spec._files.atomic import atomic_folder
from gcl_spec._files.locks import locked
from gcl_spec._typing import FloatArray
from gcl_spec.data.spellings import spellings
from gcl_spec.errors import ConfigError, DataError
from gcl_spec.index.about import ABOUT, About, Origin, read_about, write_about
from gcl_spec.index.approximate import build, is_built
from gcl_spec.index.coding import Codes, Int8Coding
from gcl_spec.index.fitting import beside, fitted
from gcl_spec.index.searching import EXACT_ROWS
from gcl_spec.index.table import MOST_FRAGMENTS, Row, Table, make_table, open_table
from gcl_spec.progress import Reporter

if TYPE_CHECKING:
    from gcl_spec.index.model import Model

__all__ = ["Writing", "delete", "known_by"]

_WHILE_ADDING = 4 * MOST_FRAGMENTS
_GROWN = 2  # so many times the rows want partitions of their own


class Writing:
    """The index in a folder, which other processes may read meanwhile, but not write.

    It is made with its first rows: until then there is nothing.

    Args:
        folder: the index.
        model: that of the rows.
        codes: what a new index stores in place of rows; None: the rows.

    Raises:
        ConfigError: the folder holds something else, or another process writes there.
        DataError: the index is of another model, or of another format.
    """

    def __init__(self, folder: Path, model: "Model", codes: Codes | None = None) -> None:
        self.folder, self._model, self._codes = folder, model, codes
        self.about: About | None = None
        self.table: Table | None = None
        self.fitted_ND: FloatArray | None = None
        """The rows (N, D + ...) of which a new index takes its ranges; None: the first ones."""
        self.numbers, self.outside = 0, 0
        """The numbers that were made codes of int8, and how many of them lie outside of ranges."""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if (self.folder / ABOUT).exists():
            self._open()
        elif self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise ConfigError(
                f"{self.folder} is not empty and holds no index; choose another place"
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _open(self) -> None:
        with ExitStack() as stack:
            stack.enter_context(locked(self.folder, "writes"))
            about = read_about(self.folder)
            self._model.check(about, self.folder)
            table = open_table(self.folder, about)
            if "values=int" in table.origin_type():  # see gcl_spec.index.schema
                raise DataError(
                    f"{self.folder} was made by an older version, and its files may not be "
                    "readable once LanceDB has merged them; make it again: gcl index RUN DATA "
                    "--out ANOTHER"
                )
            self.about, self.table = about, table
            self._stack = stack.pop_all()

    def number_of(self, origin: Origin, width: int) -> int:
        """The number of a place, which index.json names from now on.

        Args:
            origin: the place.
            width: the numbers of a row and of those of all calibrations together.
        """
        if self.about is None:
            self.about = _about(self._model, width, self._codes)
        number = self.about.number_of(origin)
        if number is None:
            number = len(self.about.origins)
            self.about = self.about.with_origin(origin)
            if self.table is not None:
                write_about(self.folder, self.about)
        return number

    def put(self, rows: Sequence[Row], rows_ND: FloatArray, *, replaces: bool) -> None:
        """Write items in one commit.

        Args:
            rows: N items.
            rows_ND: their rows, those of each calibration beside them, (N, D + ...).
            replaces: some of the ids may be there.

        Raises:
            FileError: it cannot be written; the index is as before.
        """
        assert self.about is not None
        if self.table is None:
            self.about = fitted(self.about, rows_ND if self.fitted_ND is None else self.fitted_ND)
            self._make(self.about, rows, beside(self.about, rows_ND))
        else:
            vectors = self.table.encoded(beside(self.about, rows_ND))
            self.table.put(rows, vectors, replaces=replaces)
            self.table.tidy(most=_WHILE_ADDING)
        self._count(beside(self.about, rows_ND))

    def _count(self, vectors: Mapping[str, FloatArray]) -> None:
        """Count numbers (N, D) of each column that lie outside of the ranges."""
        for name, coding in (self.table.codings if self.table else {}).items():
            if isinstance(coding, Int8Coding):
                self.numbers += vectors[name].size
                self.outside += coding.outside(vectors[name])

    def tidy(self, reporter: Reporter) -> None:
        """Merge small files, and make what approximate searches need, where there are many items.

        Args:
            reporter: hears what takes a while.
        """
        assert self.about is not None
        assert self.table is not None
        self.table.tidy()
        count = len(self.table)
        if count <= EXACT_ROWS or self.about.codes is not None:
            return
        for column in self.table.columns:
            before = self.about.trained.get(column, 0) if is_built(self.table, column) else 0
            if before and count >= _GROWN * before:
                reporter.say(f"it has grown from {before:,} rows, to which its partitions belong")
            if count >= _GROWN * before:
                build(self.table, column, reporter)
                self.about = replace(self.about, trained={**self.about.trained, column: count})
                write_about(self.folder, self.about)

    def move(self, rows: Sequence[Row]) -> None:
        """Write items again, in one commit, whose rows are as they were."""
        assert self.table is not None
        ids = [row.id for row in rows]
        vectors = {}
        for name in self.table.sizes:
            there = self.table.vectors(ids, name)
            vectors[name] = np.stack([there[one] for one in ids])
        self.table.put(rows, vectors, replaces=True)

    def _make(self, about: About, rows: Sequence[Row], vectors: Mapping[str, FloatArray]) -> None:
        with atomic_folder(self.folder) as place:
            table = make_table(place, about)
            table.put(rows, table.encoded(vectors), replaces=False)
            write_about(place, about)
        self._open()


def _about(model: "Model", width: int, codes: Codes | None) -> About:
    """What a new index is, whose rows and those of all calibrations have `width` numbers."""
    more = {name: chain.appended for name, chain in model.calibrations.items()}
    own = (width - sum(more.values())) // (1 + len(more))
    digests = model.digests()
    calibrations = {name: (digests[name], own + count) for name, count in more.items()}
    return About(model.maker, own, model.path, calibrations, codes=codes)


def delete(folder: Path, ids: Sequence[str]) -> int:
    """Delete the items of these ids; the number of those that were there.

    Raises:
        ConfigError: another process writes there.
        DataError: there is no index.
    """
    about = read_about(folder)
    with locked(folder, "writes"):
        table = open_table(folder, about)
        count = table.delete([row.id for row in known_by(table, ids).values()])
        table.tidy()
    return count


def known_by(table: Table, ids: Sequence[str]) -> dict[str, Row]:
    """The rows of those of these ids that are there, by these ids.

    Where there is none, an id whose letters are composed, or decomposed, means the same: they look
    alike, and macOS decomposes those in names of files.
    """
    rows = table.known(ids)
    others = {one: [*spellings(one)] for one in ids if one not in rows}
    there = table.known([x for forms in others.values() for x in forms]) if others else {}
    alike = {one: next(filter(there.__contains__, forms), "") for one, forms in others.items()}
    return rows | {one: there[name] for one, name in alike.items() if name}
