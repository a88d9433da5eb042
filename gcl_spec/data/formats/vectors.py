"""Precomputed vectors of any modalities, from any model or service, in place of files."""

import copy
import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gcl_spec._typing import BoolArray, FloatArray, IntArray
from gcl_spec.batch import Batch
from gcl_spec.data.equal_rows import connected, first_equal
from gcl_spec.data.prepare.collate import Items, assemble, has_any
from gcl_spec.data.sample import Sample
from gcl_spec.errors import DataError

__all__ = ["VectorCollator", "VectorSource"]

_SOME = 1000


class VectorSource:
    """A `Source` of N rows with a vector of some of the given modalities each.

    References to the parts of samples are row numbers; `VectorCollator` makes vectors of them. Rows
    of equal ids are not each other's negatives, nor are those of equal text vectors.

    Args:
        name: the name of the file, for errors.
        vectors: floats (N, F) by modality, such as "image" and "text", of which some may be left
            out. A row of NaN alone is missing.
        ids: N names, or None for a row that shares none; no row shares one when not given.
        present: (N, G) booleans in the order of `given`, another way to say what is missing.
        numbers: the rows that are samples, shape (S,); all of them when not given.
        given: the G modalities that rows may have.

    Raises:
        DataError: arrays of other shapes or dtypes.
    """

    def __init__(
        self,
        name: str,
        vectors: dict[str, FloatArray],
        ids: Sequence[str | None] | None = None,
        present: BoolArray | None = None,
        numbers: IntArray | None = None,
        given: Sequence[str] = ("image", "text"),
    ) -> None:
        self.name = name
        self.warnings: tuple[str, ...] = ()
        self.notes: tuple[str, ...] = ()
        self.given = tuple(given)
        _check(name, vectors, ids, present, self.given)
        self.vectors, self.ids, self.present = vectors, ids, present
        rows = len(next(iter(vectors.values())))
        self.numbers = np.arange(rows) if numbers is None else numbers
        self._states = {kind: _states(x) for kind, x in vectors.items()}

    def __len__(self) -> int:
        return len(self.numbers)

    def sample(self, number: int, /) -> Sample:
        """Sample `number`, with row numbers for picture and caption (`Source.sample`).

        Raises:
            DataError: a vector has norm 0, or some NaN or Inf.
        """
        row, place = int(self.numbers[number]), self.place(number)
        has = {kind: self._has(kind, row, place) for kind in self.given}
        if not any(has.values()):
            raise DataError(f"{place}: neither {' nor '.join(self.given)}")
        given = {kind: (str(row),) for kind in self.given if has[kind]}
        if has.get("text"):
            # The first row stands for equal ones, so that they are known as one caption.
            given["text"] = (str(self._twins["text"][row]),)
        concept = f"row {row}" if self._name(row) is None else f"id {self._name(row)}"
        return Sample(self.id_of(row), given, concept)

    def place(self, number: int, /) -> str:
        """The place of sample `number`, for messages (`Source.place`)."""
        return f"{self.name} row {self.numbers[number]}"

    def label(self, number: int, /) -> str:
        """The id of sample `number`, also of a malformed one (`Source.label`)."""
        return self.id_of(int(self.numbers[number]))

    def parts(self) -> Iterator[str]:
        """Texts that change where the samples do (`Source.parts`), from some of many rows."""
        for kind, x in self.vectors.items():
            yield f"{kind} {x.dtype} {x.shape}"
        names = repr(self.ids and list(self.ids))
        masked = b"" if self.present is None else self.present.tobytes()
        yield hashlib.sha256(names.encode("utf-8", "surrogatepass") + masked).hexdigest()
        for row in np.linspace(0, len(x) - 1, _SOME).astype(int).tolist():
            for kind, x in self.vectors.items():
                wrong = self._states[kind][row] == _WRONG
                yield "" if wrong else hashlib.sha256(x[row].tobytes()).hexdigest()

    def read_bytes(self, reference: str, /) -> bytes:
        """The bytes of an image vector."""
        return self.row("image", reference).tobytes()

    def row(self, kind: str, reference: str) -> FloatArray:
        """A vector (F,) of a modality; a `DataError` where there is none."""
        x_NF = self.vectors.get(kind)
        if x_NF is None or not reference.isdecimal() or int(reference) >= len(x_NF):
            raise DataError(f"{self.name}: no {kind} vector {reference!r}; a row number is meant")
        x_F: FloatArray = x_NF[int(reference)]
        return x_F

    def id_of(self, row: int) -> str:
        """The name of a row."""
        return self._name(row) or str(row)

    def subset(self, numbers: IntArray) -> "VectorSource":
        """A source of the same rows, of which only `numbers`, shape (S,), are samples."""
        source = copy.copy(self)
        source.numbers = numbers
        return source

    @cached_property
    def groups(self) -> IntArray:
        """For each row, the first row of its group, (N,); no group is both trained and tested on.

        Rows of a group share an id, or, without ids, are joined by equal image or text vectors.
        """
        count = len(next(iter(self.vectors.values())))
        own_N = np.arange(count)
        first: dict[str | int, int] = {}
        named_N = np.asarray([self._name(row) is not None for row in range(count)])
        same_N = np.asarray([first.setdefault(self._name(n) or n, n) for n in range(count)])
        return connected([same_N, *(np.where(named_N, own_N, x) for x in self._twins.values())])

    @cached_property
    def _twins(self) -> dict[str, IntArray]:
        twins = {}
        for kind, x in self.vectors.items():
            known_N = self._states[kind] == _GOOD
            if self.present is not None:
                known_N &= self.present[:, self.given.index(kind)]
            twins[kind] = first_equal(x, known_N)
        return twins

    def _name(self, row: int) -> str | None:
        return None if self.ids is None else self.ids[row]

    def _has(self, kind: str, row: int, place: str) -> bool:
        masked = self.present is not None and not self.present[row, self.given.index(kind)]
        if kind not in self.vectors or masked or self._states[kind][row] == _ABSENT:
            return False
        if self._states[kind][row] == _WRONG:
            raise DataError(
                f"{place}: its {kind} vector has norm 0, or holds NaN or Inf, in float32"
            )
        return True


class VectorCollator:
    """A `Collate` that makes arrays "<modality>/features" (B, F) float32 of row numbers."""

    def __init__(self, source: VectorSource) -> None:
        self._source = source

    def __call__(
        self,
        items: Items,
        ids: IntArray | None = None,
        /,
        *,
        bad: dict[str, str] | None = None,
        every: bool = False,
    ) -> Batch:
        """A batch of vectors; its arguments are those of `Collate.__call__`, and no row is bad."""
        inputs: dict[str, npt.NDArray[np.generic]] = {}
        for kind, entries in items.items():
            if has_any(items, kind, every and kind in self._source.vectors):
                zero = np.zeros(self._source.vectors[kind].shape[1], np.float32)
                rows = [
                    zero if item is None else self._source.row(kind, str(item)) for item in entries
                ]
                inputs[f"{kind}/features"] = np.stack(rows).astype(np.float32)
        return assemble(inputs, items, ids)


_GOOD, _ABSENT, _WRONG = 0, 1, 2


def _states(x_NF: FloatArray) -> npt.NDArray[np.int8]:
    states_N = np.zeros(len(x_NF), np.int8)
    for start in range(0, len(x_NF), 4096):  # millions of rows are not copied at once
        with np.errstate(over="ignore"):
            part = x_NF[start : start + 4096].astype(np.float32)  # training sees float32
        fine = np.isfinite(part).all(axis=1) & np.any(part != 0, axis=1)
        absent = np.isnan(part).all(axis=1)
        states_N[start : start + 4096] = np.where(absent, _ABSENT, np.where(fine, _GOOD, _WRONG))
    return states_N


def _check(
    name: str,
    vectors: dict[str, FloatArray],
    ids: Sequence[str | None] | None,
    present: BoolArray | None,
    given: tuple[str, ...],
) -> None:
    if not vectors:
        raise DataError(f"{name}: neither {' nor '.join(given)} vectors; see data.columns")
    for kind, x in vectors.items():
        if x.ndim != 2 or 0 in x.shape or not np.issubdtype(x.dtype, np.floating):
            raise DataError(f"{name}: {kind} vectors are {x.dtype} {x.shape}; wanted floats (N, F)")
    rows = {len(x) for x in vectors.values()}
    if ids is not None:
        rows.add(len(ids))
    if len(rows) > 1:
        names = f"{', '.join(given)} and id"
        raise DataError(f"{name}: {names} have different numbers of rows: {rows}")
    shape = (rows.pop(), len(given))
    if present is not None and (present.dtype != np.bool_ or present.shape != shape):
        raise DataError(
            f"{name}: present is {present.dtype} {present.shape}; wanted bool (N, {len(given)}), "
            f"of {', '.join(given)}"
        )
