"""A copy of an index on a Qdrant server, by the real client's local mode, which has no server.

Its searches are exact, so that nothing here says how good the server's own index is.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gcl_spec.errors import DataError, FileError
from gcl_spec.index import Index, qdrant
from gcl_spec.index.queries import unit
from gcl_spec.index.store import parse_store
from gcl_spec.progress import Quiet
from indexed import added, model_of, opened, stored, write_folder

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local")

STORE = "qdrant://search.example/tiles"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    from qdrant_client import QdrantClient

    found = QdrantClient(":memory:")
    monkeypatch.setattr(qdrant, "connect", lambda address: found)
    return found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    data = write_folder(tmp_path / "data")
    for n in range(40):
        Image.new("RGB", (8, 8), (6 * (n // 2), 20, 255 - 6 * (n // 2))).save(data / f"{n:02}.png")
    (data / "it's.txt").write_text("a quoted tile")
    added(tmp_path / "ix", data, size=17)
    return tmp_path / "ix"


@pytest.fixture
def requests(client: Any, monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """The points of each request that writes some."""
    found: list[list[Any]] = []
    upsert = client.upsert

    def told(name: str, points: list[Any], **more: Any) -> Any:
        found.append(points)
        return upsert(name, points, **more)

    monkeypatch.setattr(client, "upsert", told)
    return found


def published(index: Path) -> tuple[int, int, int]:
    found = opened(index)
    done = qdrant.publish(found._table, found.about, parse_store(STORE), Quiet())
    return done.written, done.same, done.removed


def copy_of(index: Path) -> Index:
    return Index(index, model=model_of(index.parent), store=STORE)


def test_a_search_of_the_copy_is_that_of_the_index(place: Path, client: Any) -> None:
    assert published(place) == (45, 0, 0)
    own, copy = opened(place), copy_of(place)
    for only in ((), ("image",), ("text", "image+text")):
        for k in (1, 5, 60):
            want = own.search(text="a red tile", k=k, only=only)
            got = copy.search(text="a red tile", k=k, only=only)
            assert [x.id for x in got] == [x.id for x in want]
            assert [x.score for x in got] == pytest.approx([x.score for x in want], abs=1e-6)
            assert [(x.text, x.image, x.origin) for x in got] == [
                (x.text, x.image, x.origin) for x in want
            ]
    equal = unit(stored(place)["06.png"])  # 06 and 07 are the same picture
    assert [x.id for x in copy.search(vector=equal, k=1)] == ["06.png"]
    assert [x.id for x in copy.search(like="it's.txt", k=3)] == [
        x.id for x in own.search(like="it's.txt", k=3)
    ]


def test_only_what_has_changed_is_sent(
    place: Path, requests: list[list[Any]], monkeypatch: Any
) -> None:
    monkeypatch.setattr(qdrant, "_SCROLLED", 7)
    published(place)
    requests.clear()
    assert published(place) == (0, 45, 0)
    assert requests == []
    data = place.parent / "data"
    Image.new("RGB", (8, 8), (1, 255, 1)).save(data / "03.png")
    for name in ("04.png", "it's.txt"):
        (data / name).unlink()
    added(place, data, update=True)
    assert published(place) == (1, 42, 2)
    assert [len(points) for points in requests] == [1]
    own, copy = opened(place), copy_of(place)
    for text in ("a quoted tile", "a green tile"):
        assert [x.id for x in copy.search(text=text, k=50)] == [
            x.id for x in own.search(text=text, k=50)
        ]


def test_a_picture_at_another_place_is_told(place: Path, client: Any) -> None:
    """Its content is the same, and so is the hash of its item."""
    index, data = opened(place), place.parent / "data"
    index.add([{"id": "one", "image": data / "03.png"}])
    published(place)
    shutil.copy(data / "03.png", data / "moved.png")
    index.add([{"id": "one", "image": data / "moved.png"}])
    assert published(place)[0] == 1
    hit = next(x for x in copy_of(place).search(text="a", k=60) if x.id == "one")
    assert hit.image == str(data / "moved.png")


def test_a_kill_before_the_index_of_the_filter_is_made_up_for(
    place: Path, client: Any, monkeypatch: Any
) -> None:
    make, made = client.create_payload_index, list[str]()

    def breaks(name: str, field: str, kind: object) -> Any:
        made.append(field)
        if len(made) == 1:
            raise KeyboardInterrupt
        return make(name, field, kind)

    monkeypatch.setattr(client, "create_payload_index", breaks)
    with pytest.raises(KeyboardInterrupt):
        published(place)
    assert published(place) == (45, 0, 0)
    assert made == ["modality"] * 2


def test_a_publishing_that_was_killed_goes_on(place: Path, client: Any, monkeypatch: Any) -> None:
    upsert = client.upsert
    calls = 0

    def breaks(*args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return upsert(*args, **more)

    monkeypatch.setattr(qdrant, "_BATCH", 10)
    monkeypatch.setattr(client, "upsert", breaks)
    with pytest.raises(KeyboardInterrupt):
        published(place)
    written, same, _ = published(place)
    assert written + same == 45
    assert same > 0


def test_a_collection_of_something_else_is_refused(place: Path, client: Any) -> None:
    from qdrant_client import models

    with pytest.raises(DataError, match="collection tiles is not there; make it"):
        copy_of(place)
    plain = {"vector": models.VectorParams(size=3, distance=models.Distance.DOT)}
    client.create_collection("tiles", vectors_config=plain)
    for act in (published, copy_of):
        with pytest.raises(DataError, match="was not made by gcl index"):
            act(place)
    client.delete_collection("tiles")
    published(place)
    metadata = dict(client.get_collection("tiles").config.metadata)
    assert metadata["model"].startswith("tiles, step 0")
    metadata["gcl_index"] = metadata["gcl_index"].replace("0000", "1111")
    client.delete_collection("tiles")
    client.create_collection("tiles", vectors_config=plain, metadata=metadata)
    with pytest.raises(DataError, match="holds rows of another model"):
        published(place)


def test_no_request_is_too_large_for_a_server(
    place: Path, requests: list[list[Any]], monkeypatch: Any
) -> None:
    """Qdrant refuses requests of more than 32 MB, which texts or wide rows of 256 points may be."""
    opened(place).add({"id": f"long {n}", "text": f"{n} " + 49_000 * "\u00e9 "} for n in range(9))
    monkeypatch.setattr(qdrant, "_REQUEST", 20_000)
    assert published(place) == (54, 0, 0)
    assert sum(len(points) for points in requests) == 54
    sizes = [sum(len(point.model_dump_json()) for point in points) for points in requests]
    assert max(sizes) <= 20_000
    assert len(requests) < 12
    monkeypatch.setattr(qdrant, "_REQUEST", 1)
    opened(place).add([{"id": "x", "text": "x"}, {"id": "y", "text": "y"}])
    assert published(place) == (2, 54, 0)
    hit = copy_of(place).search(like="long 3", k=1)[0]
    assert len(hit.text or "") == 1000
    assert opened(place).get(hit.id).text != hit.text


def test_many_points_are_removed_in_several_requests(
    place: Path, client: Any, monkeypatch: Any
) -> None:
    published(place)
    opened(place).delete([f"{n:02}.png" for n in range(20)])
    monkeypatch.setattr(qdrant, "_SCROLLED", 8)
    delete, removed = client.delete, list[int]()
    monkeypatch.setattr(
        client, "delete", lambda name, these, **more: (removed.append(len(these.points)),
                                                       delete(name, these, **more)))  # fmt: skip
    assert published(place) == (0, 25, 20)
    assert removed == [8, 8, 4]


def test_of_many_equal_items_the_lowest_ids_are_first(place: Path, client: Any) -> None:
    data = place.parent / "data"
    for n in range(100):
        shutil.copy(data / "06.png", data / f"z-{97 * n % 100:03}.png")
    added(place, data, size=200)
    published(place)
    equal = unit(stored(place)["06.png"])
    for k in (1, 3, 50, 101, 120):
        want = [x.id for x in opened(place).search(vector=equal, k=k)]
        assert [x.id for x in copy_of(place).search(vector=equal, k=k)] == want


def test_points_of_others_in_the_collection(place: Path, client: Any) -> None:
    """They are found by no search, and removed when the copy is brought up to date."""
    from qdrant_client import models

    published(place)
    own = unit(stored(place)["06.png"])
    payloads: list[dict[str, Any]] = [{}, {"id": "stranger"}, {"id": 3, "hash": None}]
    client.upsert(
        "tiles",
        [
            models.PointStruct(id=n, vector={"vector": own.tolist()}, payload=payload)
            for n, payload in enumerate(payloads)
        ],
    )
    with pytest.raises(DataError, match="points that gcl index did not write; bring it up to date"):
        copy_of(place).search(vector=own, k=3)
    assert published(place) == (0, 45, 3)
    assert [x.id for x in copy_of(place).search(vector=own, k=1)] == ["06.png"]


def test_a_server_that_keeps_no_metadata_is_refused(
    place: Path, client: Any, monkeypatch: Any
) -> None:
    """Servers before Qdrant 1.16 leave it out, and the model of a copy would not be known."""
    create = client.create_collection

    def older(name: str, *, metadata: object, **more: Any) -> Any:
        return create(name, **more)

    monkeypatch.setattr(client, "create_collection", older)
    with pytest.raises(FileError, match=r"keeps no metadata of collections.* 1\.16"):
        published(place)
    assert not client.collection_exists("tiles")
