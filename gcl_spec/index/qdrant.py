"""An index in a collection of a Qdrant server, which many machines search.

The index on the disk stays the source: `publish` makes the collection equal to it, and what is the
same already is not sent again. One collection has a named vector for the plain rows and one for
those of each calibration; its metadata says of which model they are. Where the index stores codes,
the collection gets the whole rows beside them.
"""

import json
import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.errors import ConfigError, DataError, FileError
from gcl_spec.index.about import About
from gcl_spec.index.exact import shown
from gcl_spec.index.hit import Found, ranked
from gcl_spec.index.schema import row_of
from gcl_spec.index.store import Address, connect, store_errors
from gcl_spec.index.table import PAYLOAD, Row, Table
from gcl_spec.progress import Reporter

__all__ = ["Published", "QdrantSearching", "publish"]

_BATCH = 256
_SCROLLED = 4096
_REQUEST = 4 * 2**20
"""A request that writes has at most so many bytes, or one point; servers refuse more than 32 MB."""
_NUMBER = 26
"""The most characters of a float32 as a number of JSON, such as -1.1754943508222875e-38, + 2."""
_TIES = 32
"""So many hits more are asked for, among which those of equal scores are put in order."""
_MOST_TIES = 10_000
_TOLD = ("hash", "origin", "image")
"""What of a point says whether it is that of a row; the hash is of modality, text and picture."""
_NAMES = uuid.UUID("6f0c7a0e-3f0e-5f49-9b6e-0d6f2b4f6b7a")


@dataclass(slots=True)
class Published:
    """What `publish` did: the numbers of points that were written, left alone, and removed."""

    written: int = 0
    same: int = 0
    removed: int = 0


def publish(table: Table, about: About, address: Address, reporter: Reporter) -> Published:
    """Make a collection equal to an index; a collection that is not there is made.

    A kill leaves some of it; the same call goes on.

    Args:
        table: of the index.
        about: its model.
        address: the collection.
        reporter: hears of progress.

    Raises:
        ConfigError: the index holds codes alone.
        DataError: the collection is of another model, or not of an index.
        FileError: the server cannot be reached, or refuses.
    """
    _refuse_codes(about)
    client, done = connect(address), Published()
    with store_errors("publish to", address):
        _make(client, address, about, table)
        total, seen = len(table), 0
        for rows, vectors in _batches(table):
            _put(client, address, rows, vectors, done)
            seen += len(rows)
            reporter.update("publish", seen, total)
        done.removed = _remove_others(client, address, table)
    return done


class QdrantSearching:
    """Searches of a collection that `publish` has made; filters apply inside of its index.

    Args:
        address: the collection.
        about: the index whose model makes the queries.

    Raises:
        ConfigError: the index holds codes alone.
        DataError: the collection is not there, or of another model.
        FileError: the server cannot be reached.
    """

    def __init__(self, address: Address, about: About) -> None:
        _refuse_codes(about)
        self._client, self._address = connect(address), address
        with store_errors("search", address):
            if not self._client.collection_exists(address.collection):
                raise DataError(
                    f"{address} is not there; make it: gcl index INDEX --store qdrant://..."
                )
            _check(self._client, address, about)

    def nearest(
        self, query_D: FloatArray, k: int, *, column: str, only: Collection[str], exact: bool
    ) -> list[Found]:
        """The `k` best items, best first; of equal scores the lower id comes first.

        Args:
            query_D: the row to search with, (D,) float32.
            k: how many are wanted.
            column: the name of the vectors.
            only: the modalities that are searched, all if empty.
            exact: compare with every point, not by the server's index.
        """
        from qdrant_client import models

        kept = None
        if only:
            any_of = models.MatchAny(any=sorted(only))
            kept = models.Filter(must=[models.FieldCondition(key="modality", match=any_of)])
        more = _TIES
        while True:
            with store_errors("search", self._address):
                points = self._client.query_points(
                    self._address.collection,
                    query=np.asarray(query_D, np.float32).tolist(),
                    using=column,
                    query_filter=kept,
                    search_params=models.SearchParams(exact=exact),
                    limit=k + more,
                    with_payload=list(PAYLOAD),
                ).points
            every = len(points) < k + more or points[-1].score < points[k - 1].score
            if every or more > _MOST_TIES:
                return ranked(map(self._found, points), k)
            more *= 8

    def _found(self, point: Any) -> Found:
        try:
            return Found(point.score, **shown(point.payload))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{self._address} has points that gcl index did not write; bring it up to date: "
                "gcl index INDEX --store qdrant://..."
            ) from error


def _refuse_codes(about: About) -> None:
    if about.codes is not None and not about.codes.rescore:
        raise ConfigError(
            f"a copy on a Qdrant server has whole rows, and this index holds {about.codes.form} "
            "codes alone; make it with --rescore float16"
        )


def _make(client: Any, address: Address, about: About, table: Table) -> None:
    from qdrant_client import models

    if client.collection_exists(address.collection):
        _check(client, address, about)
    else:
        dtype = table.kind or table.dtype
        kind = models.Datatype.FLOAT16 if dtype == "float16" else models.Datatype.FLOAT32
        client.create_collection(
            address.collection,
            vectors_config={
                name: models.VectorParams(
                    size=table.sizes[table.nearest_rows(name)],
                    distance=models.Distance.DOT,
                    datatype=kind,
                    on_disk=True,
                )
                for name in table.columns
            },
            on_disk_payload=True,
            metadata=_identity(about),
        )
        if not client.get_collection(address.collection).config.metadata:
            client.delete_collection(address.collection)
            raise FileError(
                f"{address}: this server keeps no metadata of collections, by which an index knows "
                "its copy; take Qdrant 1.16 or newer"
            )
    # A kill may have come before this; where the index of the filter is there, nothing changes.
    client.create_payload_index(address.collection, "modality", models.PayloadSchemaType.KEYWORD)


def _identity(about: About) -> dict[str, str]:
    """What the rows of a collection are of: the model, and the states of the calibrations."""
    maker = {**about.maker.to_json(), "size": 0}
    identity = {"maker": maker, "calibrations": {n: list(x) for n, x in about.calibrations.items()}}
    return {"gcl_index": json.dumps(identity, sort_keys=True), "model": about.maker.name}


def _check(client: Any, address: Address, about: About) -> None:
    there = client.get_collection(address.collection).config.metadata or {}
    own = _identity(about)
    if there.get("gcl_index") == own["gcl_index"]:
        return
    if "gcl_index" not in there:
        raise DataError(f"{address} was not made by gcl index; choose another name")
    raise DataError(
        f"{address} holds rows of another model ({there.get('model')}) or of other calibrations "
        f"than the index ({own['model']}); choose another name"
    )


def _batches(table: Table) -> Iterator[tuple[list[Row], dict[str, FloatArray]]]:
    kept = {name: table.nearest_rows(name) for name in table.columns}
    for batch in table.batches((*Row._fields, *kept.values())):
        rows = [row_of(x) for x in batch.select(Row._fields).to_pylist()]
        vectors = {name: table.rows_of(batch, x) for name, x in kept.items()}
        for start in range(0, len(rows), _BATCH):
            part = slice(start, start + _BATCH)
            yield rows[part], {name: x[part] for name, x in vectors.items()}


def _put(
    client: Any,
    address: Address,
    rows: Sequence[Row],
    vectors: dict[str, FloatArray],
    done: Published,
) -> None:
    """Send the rows that are not there as they are."""
    from qdrant_client import models

    points = [_point(row.id) for row in rows]
    there = client.retrieve(address.collection, points, with_payload=list(_TOLD))
    known = {x.id: tuple((x.payload or {}).get(name) for name in _TOLD) for x in there}
    fresh = [n for n, row in enumerate(rows) if known.get(points[n]) != _told(row)]
    if fresh:
        made = [
            models.PointStruct(
                id=points[n],
                vector={name: x[n].astype(np.float32).tolist() for name, x in vectors.items()},
                payload=shown(rows[n]._asdict()),
            )
            for n in fresh
        ]
        for some in _requests(made):
            client.upsert(address.collection, some, wait=True)
    done.written += len(fresh)
    done.same += len(rows) - len(fresh)


def _requests(points: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The points in parts of at most `_REQUEST` bytes of JSON, or of one point."""
    start = size = 0
    for n, point in enumerate(points):
        numbers = sum(len(x) for x in point.vector.values())
        own = _NUMBER * numbers + len(json.dumps(point.payload)) + len(json.dumps([*point.vector]))
        own += 200  # the id, and what stands between
        if n > start and size + own > _REQUEST:
            yield points[start:n]
            start, size = n, 0
        size += own
    yield points[start:]


def _told(row: Row) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in _TOLD)


def _remove_others(client: Any, address: Address, table: Table) -> int:
    """Remove the points whose ids the table has not."""
    from qdrant_client import models

    gone, place = list[Any](), None
    while True:
        points, place = client.scroll(
            address.collection, limit=_SCROLLED, offset=place, with_payload=["id"]
        )
        names = {x.id: (x.payload or {}).get("id") for x in points}
        known = table.known([name for name in names.values() if isinstance(name, str)])
        gone += [n for n, name in names.items() if name not in known or n != _point(name)]
        if place is None:
            break
    for start in range(0, len(gone), _SCROLLED):
        some = models.PointIdsList(points=gone[start : start + _SCROLLED])
        client.delete(address.collection, some, wait=True)
    return len(gone)


def _point(id: str) -> str:
    """The number of a point: Qdrant's are UUIDs, made here of the ids of items."""
    return str(uuid.uuid5(_NAMES, id))
