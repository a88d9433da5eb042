"""A folder that `gcl embed` made, for a search and for an evaluation."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gcl_spec._typing import FloatArray
from gcl_spec.config.user_paths import user_path
from gcl_spec.embed.stored import Embeddings, PoolRows, StoredRows
from gcl_spec.errors import DataError
from gcl_spec.evaluate.calibrations.rows import ROLES, Role, key
from gcl_spec.search.shards import Shard
from gcl_spec.tasks.absent_rows import without_absent
from gcl_spec.tasks.item_table import ItemStore, ItemTable
from gcl_spec.tasks.task import Item, Task

__all__ = ["StoredItems", "load_embeddings", "searchable"]

Places: TypeAlias = npt.NDArray[np.int32]
_CHUNK = 65_536
_NOT_YET = -2


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

    Rows that were calibrated as queries have modalities such as "query/text".

    Raises:
        DataError: a file is not as it was written.
    """
    return [
        Shard(stored.rows, ids_C=stored.numbers_R, modality=_modalities(stored))
        for stored in embeddings.shards()
    ]


def _modalities(stored: StoredRows) -> tuple[str, ...]:
    names = zip(stored.role, stored.modality, strict=True)
    return tuple(key("query", name) if role == "query" else name for role, name in names)


class StoredItems:
    """The rows of items of tasks in a folder of embeddings.

    Where the row of an item lies is looked up once, however many tasks share its table.

    Args:
        embeddings: what was embedded.
    """

    def __init__(self, embeddings: Embeddings) -> None:
        self._embeddings = embeddings
        self._known: dict[tuple[int, str], tuple[ItemStore, Places]] = {}
        self._calibrated = bool(embeddings.manifest.maker.calibration)

    def rows(self, items: Sequence[Item], role: Role = "query") -> FloatArray:
        """Rows (N, D) float32 of N items, which are unit rows where they are not calibrated.

        Args:
            items: N items.
            role: what they are used as.

        Raises:
            DataError: one has no row, or a file is not as it was written.
        """
        return self.pool(items, role)[:]

    def pool(self, items: Sequence[Item], role: Role = "candidate") -> PoolRows:
        """Rows (C, D) float32 as those of `rows`, which are read when they are asked for.

        Raises:
            DataError: one has no row.
        """
        place_C = self._places(items, role)
        has_C = self._embeddings.has_rows(place_C) == 1
        if not np.all(has_C):
            lost = items[int(np.argmin(has_C))]
            raise DataError(f"{self._embeddings.folder} has no row of {dict(lost.content)}")
        return PoolRows(self._embeddings, place_C)

    def tasks(self, tasks: Sequence[Task]) -> tuple[tuple[Task, ...], tuple[str, ...]]:
        """The tasks of the items that have a row, and a line for each task that lost some.

        Args:
            tasks: those of the data that was embedded.

        Raises:
            DataError: items were never embedded, or no task is left.
        """
        return without_absent(tasks, self._has)

    def _has(self, items: Sequence[Item]) -> list[bool]:
        # Whether the items are queries or candidates is not known here, so both roles are tried.
        roles = ROLES if self._calibrated else ("",)
        codes = [self._embeddings.has_rows(self._places(items, role)) for role in roles]
        found_N = np.max(codes, axis=0)
        unknown = np.flatnonzero(found_N < 0).tolist()
        if unknown:
            raise DataError(
                f"{self._embeddings.folder} was made of other data: {len(unknown)} of {len(items)} "
                f"items were never embedded, such as {items[unknown[0]].id!r}; run `gcl embed` on "
                "this data, or name the data that was embedded"
            )
        return [code == 1 for code in found_N.tolist()]

    def _places(self, items: Sequence[Item], role: str) -> Places:
        """The places of items in the folder, (N,)."""
        role = role if self._calibrated else ""
        if not isinstance(items, ItemTable):
            return self._looked_up(items, role)
        store, name = items.store, (id(items.store), role)
        _, known_R = self._known.get(name, (store, np.full(len(store), _NOT_YET, np.int32)))
        self._known[name] = store, known_R
        new = np.unique(items.rows_N[known_R[items.rows_N] == _NOT_YET])
        known_R[new] = self._looked_up(ItemTable(store, new), role)
        return known_R[items.rows_N]

    def _looked_up(self, items: Sequence[Item], role: str) -> Places:
        found_N = np.empty(len(items), np.int32)
        for start in range(0, len(items), _CHUNK):
            part = slice(start, start + _CHUNK)
            contents = [item.content for item in items[part]]
            found_N[part] = self._embeddings.places(contents, role)
        return found_N
