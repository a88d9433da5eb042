"""What the page and the API ask: the results of the index, pictures, a plane."""

import io
import threading

import numpy as np
import pytest
from PIL import Image

from gcl_spec.errors import DataError, GclError, InputError
from gcl_spec.index import Index
from gcl_spec.serve.service import MOST_HITS, Service


def test_a_search_is_that_of_the_index(index: Index, service: Service) -> None:
    for more in ({}, {"only": ["text"]}, {"balanced": True}, {"min_score": 0.5}):
        found = service.search(text="a red tile", k=4, **more)  # type: ignore[arg-type]
        want = index.search(text="a red tile", k=4, **more)  # type: ignore[arg-type]
        assert [(x.id, x.score) for x in found.hits] == [(x.id, x.score) for x in want]
        assert [x.picture for x in found.hits] == [x.image is not None for x in want]
        assert found.seconds > 0
    red = (index.path.parent / "data" / "red.png").read_bytes()
    alone = [service.search(image=red, text="a blue tile", weight=w).hits for w in (0.0, 1.0)]
    assert [x.id for x in alone[0]] == [x.id for x in service.search(text="a blue tile").hits]
    assert [x.id for x in alone[1]] == [x.id for x in service.search(image=red).hits]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"text": "a", "k": 0},
        {"text": "a", "k": MOST_HITS + 1},
        {"text": "a", "min_score": float("nan")},
        {"text": "a", "weight": 0.5},
        {"text": "a", "like": "red.png"},
        {"like": "nobody"},
    ],
)
def test_what_is_no_query_is_one_line(service: Service, asked: dict[str, object]) -> None:
    with pytest.raises(GclError) as found:
        service.search(**asked)  # type: ignore[arg-type]
    assert "\n" not in str(found.value)


def test_pictures_are_small_webps(service: Service) -> None:
    sizes = {}
    for side in (320, 1280):
        picture = Image.open(io.BytesIO(service.picture("wide & odd #1.png", side)))
        assert picture.format == "WEBP"
        sizes[side] = picture.size
    assert sizes == {320: (320, 107), 1280: (900, 300)}
    with pytest.raises(InputError, match="side is 100000; wanted 320 or 1280 pixels"):
        service.picture("red.png", 100_000)
    with pytest.raises(DataError, match="no picture"):
        service.picture("long.txt")


def test_a_replaced_picture_is_shown_anew(index: Index) -> None:
    path = index.path.parent / "data" / "later.png"
    Image.new("RGB", (8, 8), (1, 2, 3)).save(path)
    index.add([{"id": "later", "image": path}])
    service = Service(index)
    before = service.picture("later")
    Image.new("RGB", (8, 8), (200, 2, 3)).save(path)
    assert service.picture("later") == before  # until the index has the new one
    index.add([{"id": "later", "image": path}])
    assert service.picture("later") != before
    index.delete("later")
    with pytest.raises(InputError, match="no item 'later'"):
        service.picture("later")


def test_points_are_items_on_a_plane(index: Index, service: Service) -> None:
    found = service.points(1000)
    assert len(found.items) == len(found.x) == len(found.y) == len(index)
    assert {x.id for x in found.items} >= {"red.png", "long.txt"}
    assert len({*zip(found.x, found.y, strict=True)}) > 2
    assert 0 < sum(found.shares) <= 1 + 1e-9
    some = service.points(3)
    assert len({x.id for x in some.items}) == 3
    for count in (1, 10**6):
        with pytest.raises(InputError, match="count is"):
            service.points(count)


def test_the_model_is_for_one_thread_at_a_time(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, most = 0, 0
    search, go = service._index.search, threading.Event()

    def counted(*args: object, **more: object) -> object:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        go.wait(0.02)
        found = search(*args, **more)  # type: ignore[arg-type]
        inside -= 1
        return found

    monkeypatch.setattr(service._index, "search", counted)
    threads = [threading.Thread(target=service.search, kwargs={"text": f"{n}"}) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_warming_up_loads_what_is_loaded_late(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def counted(k: int, **query: object) -> list[object]:
        asked.extend(query)
        assert all(np.size(x) for x in query.values())
        return []

    monkeypatch.setattr(service._index, "search", counted)
    service.warm_up()
    assert asked == ["text", "image"]
