"""A folder that `gcl embed` made, for a search and for an evaluation."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.config.user_paths import user_path
from gcl_spec.embed.stored import Embeddings
from gcl_spec.errors import DataError
from gcl_spec.search.shards import Shard
from gcl_spec.tasks.absent_rows import without_absent
from gcl_spec.tasks.task import Item, Task

__all__ = ["embedded_tasks", "load_embeddings", "searchable", "stored_rows"]

_CHUNK = 65_536


def load_embeddings(path: str | os.PathLike[str]) -> Embeddings:
    """The embeddings that `gcl embed` has written.

    Args:
        path: their folder.

    Raises:
        DataError: there are none, they are not complete, or a file is not as it was written.
    """
    return Embeddings.open(Path(user_path(os.fspath(path))))


def searchable(embeddings: Embeddings) -> list[Shard]:
    """The shards as `gcl_spec.search.top_k` takes them: an id is the item's number in the listing.

    Raises:
        DataError: a file is not as it was written.
    """
    return [
        Shard(stored.rows, ids_C=stored.numbers_R, modality=stored.modality)
        for stored in embeddings.shards()
    ]


def stored_rows(embeddings: Embeddings) -> Callable[[Sequence[Item]], FloatArray]:
    """A function that gives the unit rows (N, D) float32 of N items from what is stored."""

    def encode(items: Sequence[Item]) -> FloatArray:
        parts = [embeddings.rows([item.content for item in part]) for part in _parts(items)]
        return np.concatenate(parts or [np.zeros((0, embeddings.manifest.width), np.float32)])

    return encode


def embedded_tasks(
    embeddings: Embeddings, tasks: Sequence[Task]
) -> tuple[tuple[Task, ...], tuple[str, ...]]:
    """The tasks of the items that have a row, and a line for each task that lost some.

    Args:
        embeddings: what was embedded.
        tasks: those of the same data.

    Raises:
        DataError: items were never embedded, or no task is left.
    """

    def has(items: Sequence[Item]) -> list[bool]:
        found: list[int] = []
        for part in _parts(items):
            found += embeddings.has([item.content for item in part]).tolist()
        unknown = [n for n, code in enumerate(found) if code < 0]
        if unknown:
            raise DataError(
                f"{embeddings.folder} was made of other data: {len(unknown)} of {len(items)} items "
                f"were never embedded, such as {items[unknown[0]].id!r}; run `gcl embed` on this "
                "data, or name the data that was embedded"
            )
        return [code == 1 for code in found]

    return without_absent(tasks, has)


def _parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))
