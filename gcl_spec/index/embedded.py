"""Items whose rows `gcl embed` has computed."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.embed.entry import Entry, key_of
from gcl_spec.embed.stored import Embeddings
from gcl_spec.errors import ConfigError
from gcl_spec.index.items import Items
from gcl_spec.index.model import Model
from gcl_spec.index.sources import items_of, origin_of
from gcl_spec.run.embedded import load_embeddings
from gcl_spec.run.to_embed import Described

__all__ = ["StoredEncoder", "embedded_items"]


class StoredEncoder:
    """Gives the rows that are stored, in place of `gcl_spec.embed.encode_entries.EntryEncoder`.

    Args:
        embeddings: a folder of `gcl embed`.
    """

    def __init__(self, embeddings: Embeddings) -> None:
        self._embeddings = embeddings
        self._why = {line.key: line.absent for line in embeddings.absent()}

    def encode(
        self, entries: Sequence[Entry], told: Callable[[int], None]
    ) -> tuple[FloatArray, dict[int, str]]:
        """Rows (R, D) float32 of entries, and the reasons of those without one, by their place.

        Args:
            entries: some of the items.
            told: hears how many entries are done.
        """
        place_N = self._embeddings.places([entry.content for entry in entries])
        has_N = self._embeddings.has_rows(place_N)
        rows_RD = self._embeddings.read(place_N[has_N == 1])
        told(len(entries))
        missing = np.flatnonzero(has_N != 1).tolist()
        return rows_RD, {n: self._reason(entries[n]) for n in missing}

    def _reason(self, entry: Entry) -> str:
        why = self._why.get(key_of(entry.content))
        return why or f"{self._embeddings.folder} has no row of it; run `gcl embed` again"


def embedded_items(folder: Path, model: Model, prefix: str = "") -> Items:
    """The items of data that `gcl embed` has embedded, with their stored rows.

    Args:
        folder: what it wrote.
        model: that of the index.
        prefix: stands before each id.

    Raises:
        DataError: the rows are not complete, of another model, or their data is not where it was.
        ConfigError: calibrations are asked for, which need rows of parts.
    """
    embeddings = load_embeddings(folder)
    model.maker.refuse_other_model(embeddings.manifest.maker, str(folder))
    if model.calibrations:
        raise ConfigError(
            f"{folder} has no rows of the parts of items, which calibrations need; name its data"
        )
    described = Described.from_json(embeddings.manifest.about)
    origin = origin_of(
        described.path,
        described.items or None,
        model.config.data,
        benchmark=described.benchmark,
        prefix=prefix,
    )
    items = items_of(origin, model.config)
    return items._replace(encoder=StoredEncoder(embeddings))
