"""Makes retrieval tasks of vectors that are kept from training."""

import hashlib
import io
from collections.abc import Sequence
from itertools import product
from typing import BinaryIO

import numpy as np

from gcl_spec._typing import BoolArray
from gcl_spec.data.formats.vectors import VectorSource
from gcl_spec.errors import DataError
from gcl_spec.objective import given_names, name_parts
from gcl_spec.tasks.task import Item, Task

__all__ = ["VectorPictures", "held_rows", "hold_out"]

_MOST = 1000


def hold_out(
    source: VectorSource, share: float, modalities: Sequence[str] = ("image", "text")
) -> tuple[VectorSource, tuple[Task, ...]]:
    """The rows to train on, and searches among the others, such as text->image and image->text.

    All rows of one group are on one side (`VectorSource.groups`), which the id of its first row
    alone decides. At most 1000 rows are held out, or as many more as the last group has.

    Args:
        source: the vectors.
        share: how many of the rows are held out, from 0 to 1.
        modalities: those of the model: there is a search for every two without a common part.

    Raises:
        DataError: fewer than two held rows have both vectors of any search.
    """
    held_S = held_rows(source, share)
    tasks = _tasks(source, source.numbers[held_S].tolist(), modalities)
    return source.subset(source.numbers[~held_S]), tasks


def held_rows(source: VectorSource, share: float) -> BoolArray:
    """The mask of the samples that are held out (`hold_out`), shape (S,) for S samples.

    Args:
        source: the vectors.
        share: how many of the rows are held out, from 0 to 1.
    """
    groups = source.groups[source.numbers]
    firsts, sizes = np.unique(groups, return_counts=True)
    names = [hashlib.sha256(source.id_of(row).encode()).digest() for row in firsts.tolist()]
    ranked = np.argsort(names, kind="stable")
    wanted = min(_MOST, max(2, round(share * len(groups))))
    # A group of half of the rows, such as those of one common text, is better trained on.
    fits = ranked[sizes[ranked] <= wanted]
    ranked = fits if len(fits) else ranked
    before = np.cumsum(sizes[ranked]) - sizes[ranked]
    held_S: BoolArray = np.isin(groups, firsts[ranked[before < wanted]])
    return held_S


def _tasks(source: VectorSource, rows: list[int], modalities: Sequence[str]) -> tuple[Task, ...]:
    """A search for every two modalities without a common part, among the rows that have both."""
    every = source.subset(np.arange(len(source.groups)))
    parts = {row: _parts(every, row) for row in rows}
    tasks = []
    for target, query in product(modalities, modalities):
        asked, sought = name_parts(query), name_parts(target)
        whole = [row for row in rows if parts[row] >= {*asked, *sought}]
        if {*asked}.isdisjoint(sought) and len(whole) > 1:
            name = f"{_short(query, modalities)}2{_short(target, modalities)}"
            tasks.append(_task(source, name, whole, query, target))
    if not tasks:
        given = given_names(modalities)
        both = [row for row in rows if len(parts[row] & {*given}) > 1]
        words = " and ".join(f"{'an' if n[0] in 'aeiou' else 'a'} {n}" for n in given)
        raise DataError(
            f"{source.name}: {len(both)} of {len(rows)} rows held out for evaluation have {words} "
            "vector; raise data.holdout, or give more rows both"
        )
    return tuple(tasks)


def _task(source: VectorSource, name: str, rows: list[int], query: str, target: str) -> Task:
    """One search; the rows of a query's group are relevant to it."""

    def items(modality: str) -> tuple[Item, ...]:
        names = name_parts(modality)
        return tuple(Item(f"{modality} {n}", **dict.fromkeys(names, str(n))) for n in rows)

    queries, candidates = items(query), items(target)
    of_group: dict[int, list[str]] = {}
    for row, candidate in zip(rows, candidates, strict=True):
        of_group.setdefault(int(source.groups[row]), []).append(candidate.id)
    qrels = {
        asked.id: frozenset(of_group[source.groups[row]])
        for asked, row in zip(queries, rows, strict=True)
    }
    return Task(name, queries, candidates, qrels)


def _short(modality: str, modalities: Sequence[str]) -> str:
    """The beginnings of the parts of a modality, as long as tells them from those of others."""
    given = given_names(modalities)

    def beginning(part: str) -> str:
        others = [name for name in given if name != part]
        lengths = range(1, len(part))
        cut = (part[:n] for n in lengths if not any(name.startswith(part[:n]) for name in others))
        return next(cut, part)

    return "".join(map(beginning, name_parts(modality)))


def _parts(source: VectorSource, row: int) -> set[str]:
    """The modalities that a row has; none where it is malformed."""
    try:
        return {*source.sample(row).given}
    except DataError:
        return set()


class VectorPictures:
    """A `Root` that shows image vectors, for reports, as grey cells of which the least is black."""

    def __init__(self, source: VectorSource) -> None:
        self.name = source.name
        self._source = source

    def open(self, path: str, /) -> BinaryIO:
        """The PNG of the vector of row `path`, open for reading."""
        return io.BytesIO(self.read_bytes(path))

    def read_bytes(self, path: str, /) -> bytes:
        """The PNG of the vector of row `path`."""
        from PIL import Image

        row_F = self._source.row("image", path).astype(np.float64)
        low, high = row_F.min(), row_F.max()
        cells = np.rint(255 * (row_F - low) / max(high - low, 1e-30)).astype(np.uint8)
        side = int(np.ceil(np.sqrt(len(cells))))
        square = np.pad(cells, (0, side * side - len(cells))).reshape(side, side)
        buffer = io.BytesIO()
        Image.fromarray(square).save(buffer, "PNG")
        return buffer.getvalue()

    def exists(self, path: str, /) -> bool:
        """Is there such a row?"""
        return path.isdecimal() and int(path) < len(self._source.vectors.get("image", ()))

    def folders(self, path: str, /) -> list[str]:
        """No folders, since there are none."""
        return []

    def listing(self, path: str, /) -> tuple[str, ...]:
        """No names (`Root.listing`), since there are no files."""
        return ()
