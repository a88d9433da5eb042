"""What the page and the API ask of an index; all of it may be called by several threads."""

import time
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from threading import Lock

import numpy as np

from gcl_spec._words import brief
from gcl_spec.data.prepare.pictures import shrunk
from gcl_spec.errors import InputError
from gcl_spec.evaluate.projection import plane
from gcl_spec.index.index import Index
from gcl_spec.serve.answers import About, Found, Points, Shown

__all__ = ["MOST_BYTES", "MOST_HITS", "SIDES", "Service"]

MOST_BYTES = 25 * 2**20
"""The largest request in bytes: photographs of telephones have some 10 MB."""
MOST_HITS = 200
MOST_POINTS = 5000
SIDES = (320, 1280)
"""The sizes in which pictures are shown: their longer side in pixels."""
_KEPT = 2048
"""How many small pictures stay in memory; one of 320 pixels has some 15 kB."""


class Service:
    """An index that is searched, and whose pictures are shown.

    Args:
        index: what is served.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        # The model, and the readers of archives, are for one thread at a time.
        self._searching, self._reading = Lock(), Lock()
        self._small = lru_cache(_KEPT)(self._shrunk)

    def about(self) -> About:
        """The index."""
        index = self._index
        counts = dict(index.modalities)
        names = sorted(index.about.columns())
        run = index.about.maker.name
        return About(
            index.path.resolve().name, run, sum(counts.values()), counts, names, MOST_BYTES,
            index.codes,
        )  # fmt: skip

    def warm_up(self) -> None:
        """Load the model, and encode a text and a picture, which loads what is loaded late.

        Raises:
            GclError: the run is not that of the index, or cannot be loaded.
        """
        for query in ({"text": "a"}, {"image": np.zeros((8, 8, 3), np.uint8)}):
            with suppress(InputError):  # a model of pictures alone takes no text
                self._index.search(k=1, **query)

    def search(
        self,
        *,
        image: bytes | None = None,
        text: str | None = None,
        like: str | None = None,
        minus: str | None = None,
        k: int = 24,
        only: Sequence[str] = (),
        weight: float | None = None,
        balanced: bool = False,
        exact: bool = False,
        min_score: float | None = None,
        calibration: str = "",
    ) -> Found:
        """The items that are nearest; see `gcl_spec.index.index.Index.search`.

        Raises:
            GclError: the query is none, or the index cannot be searched.
        """
        if not 1 <= k <= MOST_HITS:
            raise InputError(f"k is {k}; wanted 1 to {MOST_HITS} hits")
        start = time.perf_counter()
        with self._searching:
            hits = self._index.search(
                image,
                text,
                like=like,
                minus=minus,
                k=k,
                only=tuple(only),
                weight=weight,
                balanced=balanced,
                exact=exact,
                min_score=min_score,
                calibration=calibration,
            )
        shown = [Shown.of(hit, score=hit.score) for hit in hits]
        return Found(shown, time.perf_counter() - start)

    def item(self, id: str) -> Shown:
        """An item, with its whole text.

        Raises:
            InputError: there is none of this id.
        """
        return Shown.of(self._index.get(id))

    def picture(self, id: str, side: int = SIDES[0]) -> bytes:
        """The picture of an item as a WebP.

        Args:
            id: of the item.
            side: the most pixels of its longer side, one of `SIDES`.

        Raises:
            InputError: there is no such item, or no such side.
            DataError: it has no picture, or it cannot be read any more.
        """
        if side not in SIDES:
            raise InputError(f"side is {side}; wanted {' or '.join(map(str, SIDES))} pixels")
        digest = self._index.get(id).hash
        return self._small(id, digest, side) if side == SIDES[0] else self._shrunk(id, digest, side)

    def points(self, count: int) -> Points:
        """Some items on the plane in which their rows vary most.

        Args:
            count: how many at most, from 2.

        Raises:
            InputError: it is out of range.
        """
        if not 2 <= count <= MOST_POINTS:
            raise InputError(f"count is {count}; wanted 2 to {MOST_POINTS}")
        items, rows_ND = self._index.sample(count)
        shown = [Shown.of(item) for item in items]
        if not shown:
            return Points([], [], [], (0.0, 0.0))
        places_N2, shares = plane(rows_ND)
        x, y = np.round(places_N2, 4).T.tolist()
        return Points(shown, x, y, shares)

    def _shrunk(self, id: str, digest: str, side: int) -> bytes:
        """The small picture of an item; a replaced item has another `digest`, and is made anew."""
        with self._reading:
            data = self._index.picture(id)
        return shrunk(data, side=side, where=f"the picture of {brief(id)}")
