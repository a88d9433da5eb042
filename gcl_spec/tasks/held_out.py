"""Makes retrieval tasks of vectors that are kept from training."""

import hashlib
import io
from typing import BinaryIO

import numpy as np

from gcl_spec.data.formats.vectors import VectorSource
from gcl_spec.errors import DataError
from gcl_spec.tasks.task import Item, Task

__all__ = ["VectorPictures", "hold_out"]

_MOST = 1000


def hold_out(source: VectorSource, share: float) -> tuple[VectorSource, tuple[Task, ...]]:
    """The rows to train on, and text->image and image->text search among the others.

    All rows of one group are on one side (`VectorSource.groups`), which the id of its first row
    alone decides. At most 1000 rows are held out, or as many more as the last group has.

    Raises:
        DataError: fewer than two held rows have both vectors.
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
    held = np.isin(groups, firsts[ranked[before < wanted]])
    tasks = _tasks(source, source.numbers[held].tolist())
    return source.subset(source.numbers[~held]), tasks


def _tasks(source: VectorSource, rows: list[int]) -> tuple[Task, ...]:
    every = source.subset(np.arange(len(source.groups)))
    both = [row for row in rows if _is_whole(every, row)]
    if len(both) < 2:
        raise DataError(
            f"{source.name}: {len(both)} of {len(rows)} rows held out for evaluation have an image "
            "and a text vector; raise data.holdout, or give more rows both"
        )
    images = tuple(Item(f"image {row}", image=str(row)) for row in both)
    texts = tuple(Item(f"text {row}", text=str(row)) for row in both)
    of_group: dict[int, list[int]] = {}
    for place, row in enumerate(both):
        of_group.setdefault(int(source.groups[row]), []).append(place)

    def task(name: str, queries: tuple[Item, ...], candidates: tuple[Item, ...]) -> Task:
        qrels = {
            query.id: frozenset(candidates[n].id for n in of_group[source.groups[row]])
            for query, row in zip(queries, both, strict=True)
        }
        return Task(name, queries, candidates, qrels)

    return task("t2i", texts, images), task("i2t", images, texts)


def _is_whole(source: VectorSource, row: int) -> bool:
    try:
        sample = source.sample(row)
    except DataError:
        return False
    return sample.image is not None and bool(sample.captions)


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
