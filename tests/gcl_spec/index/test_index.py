"""A search finds what an exact search of the kept items finds, and says what it cannot do."""

from collections.abc import Collection
from pathlib import Path

import pytest
from PIL import Image

from gcl_spec._typing import FloatArray
from gcl_spec.errors import ConfigError, DataError, InputError
from gcl_spec.index import Hit, Index
from gcl_spec.index import searching as searching_module
from gcl_spec.index.queries import unit
from indexed import added, opened, stored, write_folder

NASTY = [
    *("it's", "a\nb", "nul\0x", "\\", '"', "x'; DROP TABLE items; --", "' OR '1'='1"),
    *("\u00e9", "e\u0301", "\U0001f600", "%", "_"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found: Path = tmp_path_factory.mktemp("index")
    data = write_folder(found / "data")
    for n in range(20):
        Image.new("RGB", (8, 8), (9 * n, 20, 255 - 9 * n)).save(data / f"{n:02}.png")
        (data / f"{n:02}.txt").write_text(f"tile number {n % 7}") if n % 3 == 0 else None
        (data / f"text{n}.txt").write_text(f"a tile numbered {n % 5}")
    added(found / "ix", data, size=17)
    return found


@pytest.fixture(scope="module")
def index(place: Path) -> Index:
    return opened(place / "ix")


def oracle(index: Index, query_D: FloatArray, only: Collection[str]) -> list[str]:
    rows = stored(index.path)
    kept = {name: row for name, row in rows.items() if not only or index.get(name).modality in only}
    scores = {name: float(row.astype(float) @ query_D.astype(float)) for name, row in kept.items()}
    return sorted(kept, key=lambda name: (-round(scores[name], 14), name))


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("only", [(), ("image",), ("text", "image+text")])
def test_a_search_is_exact(
    index: Index, only: tuple[str, ...], streamed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if streamed:
        monkeypatch.setattr(searching_module, "EXACT_ROWS", 0)
    query = unit(stored(index.path)["03.png"])
    wanted = oracle(index, query, only)
    hits = index.search(vector=query, k=99, only=only, exact=True)
    assert [hit.id for hit in hits] == wanted
    assert [hit.rank for hit in hits] == list(range(1, len(wanted) + 1))
    assert index.search(vector=query, k=5, only=only, exact=True) == hits[:5]
    scaled = index.search(vector=2 * query, k=99, only=only, exact=True)
    assert [hit.id for hit in scaled] == wanted


def test_equal_rows_come_in_the_order_of_their_ids(index: Index) -> None:
    # text0, text5, text10 and text15 have the same text.
    hits = index.search(text="a tile numbered 0", k=6, only="text")
    assert [hit.id for hit in hits[:4]] == ["text0.txt", "text10.txt", "text15.txt", "text5.txt"]
    assert [round(hit.score, 5) for hit in hits[:4]] == [1.0] * 4
    assert index.search(text="a tile numbered 0", k=2, only="text") == hits[:2]


def test_a_search_by_parts(index: Index, place: Path) -> None:
    picture = place / "data" / "03.png"
    text = index.get("03.png").text
    hit = index.search(picture, text, k=1)[0]
    assert hit == Hit(1, hit.score, "image+text", "03.png", "tile number 3", "03.png", 0)
    assert hit.score == pytest.approx(1, abs=1e-5)
    alone = index.search(picture, k=50)
    assert index.search(picture, text, k=50, weight=1.0) == alone
    assert index.search(picture.read_bytes(), k=50) == alone
    text_alone = [hit.id for hit in index.search(text=text, k=9)]
    assert [hit.id for hit in index.search(picture, text, weight=0.0, k=9)] == text_alone
    assert index.search(picture, minus="a tile", k=9) != alone[:9]


def test_more_like_this_needs_no_model(place: Path) -> None:
    index = Index(place / "ix")
    hits = index.search(like="03.png", k=3)
    assert len(hits) == 3
    assert "03.png" not in [hit.id for hit in hits]
    assert hits == index.search(like="03.png", k=9)[:3]
    with pytest.raises(InputError, match="has no item 'nothing'"):
        index.search(like="nothing")
    with pytest.raises(ConfigError, match=r"tiles, step 0 \(0+\), is not at .*run; name its place"):
        index.search(text="a tile")


def test_weak_hits_are_left_out_and_modalities_take_turns(index: Index) -> None:
    hits = index.search(text="tile number 3", k=99)
    least = hits[10].score
    strong = index.search(text="tile number 3", k=99, min_score=least)
    assert strong == [hit for hit in hits if hit.score >= least]
    turns = index.search(text="tile number 3", k=9, balanced=True)
    first = [hit.modality for hit in turns[:3]]
    assert sorted(first) == ["image", "image+text", "text"]
    assert [hit.modality for hit in turns] == first * 3
    assert turns[0].id == hits[0].id
    assert index.search(text="tile number 3", k=5, balanced=True) == turns[:5]
    some = index.search(text="tile number 3", k=9, balanced=True, only=("image", "text"))
    assert {hit.modality for hit in some} == {"image", "text"}


def test_ids_may_be_any_text(tmp_path: Path) -> None:
    added(tmp_path / "ix", write_folder(tmp_path / "data"))
    index = opened(tmp_path / "ix")
    done = index.add({"id": name, "text": f"text of {name!r}"} for name in NASTY)
    assert done.added == len(set(NASTY))
    for name in NASTY:
        assert index.get(name).text == f"text of {name!r}"
        assert index.search(like=name, k=1)
    assert index.add({"id": name, "text": f"text of {name!r}"} for name in NASTY).same == len(NASTY)
    assert index.delete([*NASTY, "no such item"]) == len(NASTY)
    assert len(index) == 4


def test_an_id_is_found_by_letters_that_look_the_same(tmp_path: Path) -> None:
    """macOS decomposes letters in names of files, and keyboards compose them."""
    data = write_folder(tmp_path / "data")
    composed, decomposed = "caf\u00e9.png", "cafe\u0301.png"
    for name in (decomposed, f"x{composed}", f"x{decomposed}"):
        Image.new("RGB", (8, 8), (len(name), 9, 99)).save(data / name)
    added(tmp_path / "ix", data)
    index = opened(tmp_path / "ix")
    assert index.get(composed).id == index.get(decomposed).id == decomposed
    assert [index.get(f"x{x}").id for x in (composed, decomposed)] == [
        f"x{composed}", f"x{decomposed}",
    ]  # fmt: skip
    hits = index.search(like=composed, k=20)
    assert len(hits) == len(index) - 1
    assert decomposed not in {hit.id for hit in hits}
    assert index.delete([composed, f"x{composed}"]) == 2
    assert index.get(f"x{composed}").id == f"x{decomposed}"
    assert index.delete(["no such"]) == 0


def test_items_are_added_from_python(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data")
    added(tmp_path / "ix", data)
    index = opened(tmp_path / "ix")
    items = [
        {"id": "one", "image": data / "red.png"},
        {"id": "two", "image": str(data / "blue.png"), "text": "blue"},
        {"id": "torn", "image": str(data / "nothing.png")},
    ]
    done = index.add(items)
    assert (done.added, set(done.absent)) == (2, {"torn"})
    assert index.picture("one") == (data / "red.png").read_bytes()
    assert index.search(data / "blue.png", "blue", k=1)[0].id == "two"
    assert index.add([{"id": "one", "text": "now a text"}]).replaced == 1
    assert index.get("one").modality == "text"
    with pytest.raises(DataError, match="this item has no picture"):
        index.picture("one")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "give a picture, a text or both"),
        ({"text": "a", "like": "b"}, "give a picture, a text or both"),
        ({"text": " "}, "the text is empty"),
        ({"text": "a" * 1_000_000}, "the text has 1,000,000 characters; at most 100,000 fit"),
        ({"text": "\ud800"}, "half a surrogate pair"),
        ({"text": "a", "k": 0}, "k is 0"),
        ({"text": "a", "only": "images"}, r"no modality 'images' .*did you mean image\?"),
        ({"text": "a", "weight": 2.0, "image": b"x"}, "the weight of the picture is 2.0"),
        ({"text": "a", "weight": 0.5}, "a weight is for a search by a picture and a text"),
        ({"image": b"x", "weight": 0.5}, "a weight is for a search by a picture and a text"),
        ({"like": "00.png", "minus": "a"}, "minus and weight are for a search by"),
        ({"like": "00.png", "weight": 0.5}, "minus and weight are for a search by"),
        ({"vector": [1.0] * 4, "minus": "a"}, "minus and weight are for a search by"),
        ({"text": "a", "min_score": float("nan")}, "min_score is nan; wanted a number"),
        ({"text": "a", "minus": ""}, "the text to subtract is empty"),
        ({"text": "a", "calibration": "mean"}, "has no rows of calibration 'mean'"),
        ({"vector": [1.0, 2.0]}, r"the vector has shape \(2,\); wanted \(4,\)"),
        ({"vector": [0.0] * 4}, "the row of this query is zero"),
        ({"image": b"no picture"}, "not a readable picture"),
        ({"image": "nowhere.png"}, "nowhere.png"),
    ],
)  # fmt: skip
def test_bad_queries_are_said(index: Index, asked: dict[str, object], said: str) -> None:
    with pytest.raises((InputError, ConfigError, DataError), match=said):
        index.search(**asked)  # type: ignore[arg-type]
