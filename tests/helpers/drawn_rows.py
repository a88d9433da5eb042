"""Stored rows of the items of tasks, without a model; many of them are equal."""

from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import numpy as np

from embedding import MAKER
from gcl_spec._typing import FloatArray
from gcl_spec.embed.entry import Entry, key_of
from gcl_spec.embed.maker import Maker
from gcl_spec.embed.manifest import write_manifest
from gcl_spec.embed.shards import write_shard
from gcl_spec.run.listings import TaskListing
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.task import Task

WIDTH = 12


def drawn(items: Sequence[Item] | Sequence[Entry]) -> FloatArray:
    """Unit rows that follow from the contents of items; a third of the pairs is of equal ones."""
    seeds = [crc32(key_of(item.content).encode()) for item in items]
    rows = [np.random.default_rng(s if s % 3 else s % 4).normal(size=WIDTH) for s in seeds]
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def store(
    folder: Path, tasks: Sequence[Task], dtype: str = "float32", *, size: int = 7, seed: int = 0
) -> Path:
    """Write the rows of all items in a drawn order, in shards of so many."""
    listed = TaskListing(tasks)
    entries = listed.entries(slice(0, len(listed)))
    order = np.random.default_rng(seed).permutation(len(entries)).tolist()
    maker = Maker(**{**MAKER.to_json(), "dtype": dtype, "size": size})
    folder.mkdir()
    starts = range(0, len(entries), size)
    for number, start in enumerate(starts):
        own = [entries[n] for n in order[start : start + size]]
        write_shard(folder, number, maker, own, drawn(own), {}, "0" * 64)
    write_manifest(folder, len(starts), maker, {})
    return folder
