"""An index of items, which is searched by a picture, a text, both, or an item of it."""

import os
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gcl_spec._files.reading import is_file
from gcl_spec._typing import FloatArray
from gcl_spec._words import brief, nearest
from gcl_spec.config.user_paths import is_text
from gcl_spec.errors import ConfigError, InputError
from gcl_spec.index.about import About, Origin, read_about
from gcl_spec.index.coded import CodedSearching
from gcl_spec.index.duplicates import Group, duplicates
from gcl_spec.index.hit import Found, Hit, interleaved
from gcl_spec.index.qdrant import QdrantSearching
from gcl_spec.index.quality import Quality, quality_of
from gcl_spec.index.queries import (
    MODALITIES,
    Query,
    calibrated,
    check_asked,
    chosen_modalities,
    given_vector,
    stored_rows,
    unit,
)
from gcl_spec.index.searching import Searching
from gcl_spec.index.store import parse_store
from gcl_spec.index.table import Row, State, Table, open_table
from gcl_spec.index.used import Used
from gcl_spec.index.writing import delete, known_by
from gcl_spec.progress import Quiet, Reporter

if TYPE_CHECKING:  # what a search by a row does not need is imported when it is first used
    from gcl_spec.data.prepare.pictures import ImageInput
    from gcl_spec.index.items import Added
    from gcl_spec.index.model import Model
    from gcl_spec.index.pictures import Pictures

__all__ = ["Index"]


class Index:
    """An index of items, which `gcl index` has made.

    A search sees the newest commit, whichever process made it. The model is loaded when it is first
    needed, and once: a search by an item of the index, or by a vector, needs none.

    Args:
        folder: the index.
        run: the folder of the run; None: where it was when the index was made.
        used: how the run is used.
        model: the model, where it is in memory already.
        store: search in this copy on a Qdrant server, such as qdrant://HOST/COLLECTION.

    Raises:
        DataError: there is no index, it is of another format, or of another model than `model`.
        FileError: the server cannot be reached.
    """

    def __init__(
        self,
        folder: Path,
        run: Path | None = None,
        used: Used | None = None,
        model: "Model | None" = None,
        store: str | None = None,
    ) -> None:
        self.path = folder
        self.about: About = read_about(folder)
        self._run, self._used = run, used or Used()
        self._table: Table = open_table(folder, self.about)
        self._searching: Searching | CodedSearching | QdrantSearching = Searching(self._table)
        if self.about.codes is not None:
            self._searching = CodedSearching(self._table)
        if store is not None:
            self._searching = QdrantSearching(parse_store(store), self.about)
        if model is not None:
            model.check(self.about, folder)
            self.__dict__["model"] = model

    def __len__(self) -> int:
        return len(self._table)

    @property
    def codes(self) -> str:
        """The codes that scores are computed of, so approximate: "int8", "binary"; "" for none."""
        codes = self.about.codes
        return codes.form if codes and not codes.rescore else ""

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The places that items came from; `Hit.origin` is the number of one."""
        return read_about(self.path).origins

    @property
    def modalities(self) -> dict[str, int]:
        """The number of items of each modality."""
        counts = {name: self._table.count((name,)) for name in MODALITIES}
        return {name: n for name, n in counts.items() if n}

    @cached_property
    def model(self) -> "Model":
        """The model, which is loaded when it is first asked for.

        Raises:
            ConfigError: there is no run where it was.
            CheckpointError: the run is damaged.
            DataError: the run has other weights than those of the index.
        """
        from gcl_spec.index.model import model_of

        return model_of(self.about, self.path, self._run, self._used)

    def search(
        self,
        image: "ImageInput | None" = None,
        text: str | None = None,
        *,
        like: str | None = None,
        vector: FloatArray | None = None,
        k: int = 10,
        only: str | Collection[str] = (),
        exact: bool = False,
        min_score: float | None = None,
        balanced: bool = False,
        calibration: str = "",
        minus: str | None = None,
        weight: float | None = None,
    ) -> list[Hit]:
        """The items that are nearest to a query, best first; of equal scores the lower id is first.

        The first hits of a search for more are those of a search for fewer; of an approximate one,
        as `exact` avoids, for up to 16 hits.

        Args:
            image: a picture: a path, a file's content, a Pillow image, or (H, W, 3) uint8.
            text: a text; with a picture the two are fused.
            like: the id of an item of the index, in place of these; it is not among its own hits.
            vector: a row of the model, (D,), in place of these, of any norm; with a calibration a
                row of it as a query, which is taken as it is.
            k: how many hits are wanted.
            only: the modalities that are searched, such as "image" or ("image", "image+text"): the
                result is that of a search of these items alone.
            exact: search exactly also where there are many items.
            min_score: leave out hits of lower scores.
            balanced: take hits of each modality in turn.
            calibration: the name of one whose rows the index has.
            minus: a text whose row is subtracted from the query's.
            weight: the share of the picture in a query of both, from 0 to 1; None: they are fused
                as the run fuses.

        Raises:
            InputError: nothing, or too much, is given, or there is no such item.
            DataError: the picture cannot be read, or the run is not that of the index.
            ConfigError: `exact`, and the index holds codes alone.
        """
        names, column = chosen_modalities(only), self._column(calibration)
        given = (image is not None or text is not None, like is not None, vector is not None)
        check_asked(k, min_score, given, weighed=minus is not None or weight is not None)
        item = None if like is None else self.get(like)
        asked = Query(image, text, minus, weight) if given[0] else item
        query_D = self._row_of(asked, vector, calibration)

        def nearest_of(wanted: Collection[str]) -> list[Found]:
            hits = self._searching.nearest(
                query_D, k + (item is not None), column=column, only=wanted, exact=exact
            )
            least = -np.inf if min_score is None else min_score
            return [x for x in hits if (not item or x.id != item.id) and x.score >= least][:k]

        if balanced:
            hits = interleaved([nearest_of((x,)) for x in names or MODALITIES], k)
        else:
            hits = nearest_of(names)
        return [
            Hit(rank, x.score, x.modality, x.id, x.text, x.image, x.origin)
            for rank, x in enumerate(hits, 1)
        ]

    def add(self, items: Iterable[Mapping[str, Any]]) -> "Added":
        """Add items, or replace those of the same ids that have changed, in commits of some 2000.

        Args:
            items: mappings with "id" and "image", the path of a picture, or "text", or both.

        Returns:
            What was done, and why some items could not be added.

        Raises:
            InputError: an item is none.
            DataError: none of them can be added.
            ConfigError: another process writes to the index.
        """
        from gcl_spec.index.adding import Adding
        from gcl_spec.index.given import given_items

        given = given_items(items, self.model.config)
        return Adding(self.path, self.model, given).run()

    def delete(self, ids: str | Iterable[str]) -> int:
        """Delete the items of these ids; the number of those that were there."""
        return delete(self.path, [ids] if isinstance(ids, str) else list(ids))

    def get(self, id: str) -> Row:
        """The item of an id, with its whole text; letters may be composed or not (`known_by`).

        Raises:
            InputError: there is none.
        """
        rows = known_by(self._table, [id]) if is_text(id) else {}
        if id not in rows:
            raise InputError(f"{self.path} has no item {brief(id)!r}")
        return rows[id]

    def sample(self, count: int) -> tuple[list[Row], FloatArray]:
        """At most `count` items, evenly spread over the index, and their rows (N, D)."""
        return self._table.sample(count, self._column(""))

    def picture(self, id: str) -> bytes:
        """The file of the picture of an item, read where the item came from.

        Raises:
            InputError: there is no such item.
            DataError: it has no picture, or it cannot be read any more.
        """
        row = self.get(id)
        return self._pictures.read(self.origins[row.origin], row.image)

    def path_of(self, hit: Hit) -> str | None:
        """The path of a hit's picture, or of the archive or table that it lies in; None without."""
        if hit.image is None:
            return None
        origin = self.origins[hit.origin]
        place = os.path.join(origin.path, hit.image)  # noqa: PTH118  # an image may have any letter
        return place if is_file(place) else origin.path

    @cached_property
    def _pictures(self) -> "Pictures":
        from gcl_spec.index.pictures import Pictures

        return Pictures(self.path)

    def duplicates(self, least: float = 0.98, reporter: Reporter | None = None) -> list[Group]:
        """Groups of items of one modality that are nearly equal, the largest first.

        Args:
            least: the least score of two items that are joined, above 0, at most 1.
            reporter: hears of progress.

        Raises:
            ConfigError: there are too many items to compare all pairs.
        """
        if not 0 < least <= 1:
            raise InputError(f"the least score is {least}; wanted more than 0, at most 1")
        return duplicates(self._table, least, reporter or Quiet())

    def state(self) -> State:
        """What the disk holds: rows, fragments, versions and bytes."""
        return self._table.state()

    def quality(self) -> Quality | None:
        """How good approximate searches are, by 20 items; None: exact, or no rows to compare."""
        return quality_of(self._table, self._column(""))

    def _row_of(
        self, asked: Row | Query | None, vector: FloatArray | None, calibration: str
    ) -> FloatArray:
        """The row (D + A,) to search with: of a query, of an item, or of a vector."""
        if vector is not None:
            width = self.about.columns()[calibration][1]
            return given_vector(vector, width, as_it_is=bool(calibration))
        if isinstance(asked, Query):
            rows = self.model.query(asked)
        else:
            assert asked is not None
            column = self._table.nearest_rows(self._column(""))
            stored_1E = self._table.vectors([asked.id], column)[asked.id][None]
            row_D = self._table.decoded(column, stored_1E)[0]
            if not calibration:
                return unit(row_D.astype(np.float32))
            if self.codes == "binary":
                raise ConfigError(f"{self.path} holds bits alone, which have no {calibration} rows")
            rows = stored_rows(asked.modality, row_D)
        return calibrated(rows, self.model.calibrations[calibration] if calibration else None)

    def _column(self, calibration: str) -> str:
        columns = self.about.columns()
        if calibration not in columns:
            known = ", ".join(x for x in columns if x) or "none"
            raise ConfigError(
                f"{self.path} has no rows of calibration {calibration!r:.80} (it has {known}); "
                f"make the index with --calibration{nearest(calibration, columns)}"
            )
        return columns[calibration][0]
