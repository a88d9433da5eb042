"""An index of codes lives as one of rows does: it is filled, searched, changed, copied, checked."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gcl_spec.errors import ConfigError, DataError
from gcl_spec.index import Index, qdrant
from gcl_spec.index.about import read_about
from gcl_spec.index.coding import Codes
from gcl_spec.index.fitting import LEAST_ROWS
from gcl_spec.index.queries import unit
from gcl_spec.index.store import parse_store
from gcl_spec.progress import Quiet
from gcl_spec.search.quantise import int8_ranges
from gcl_spec.serve.service import Service
from indexed import added, model_of, opened, stored, write_folder
from loop_config import Said

FORMS = {
    "int8": Codes("int8"),
    "binary": Codes("binary"),
    "int8+float16": Codes("int8", "float16"),
    "binary+float32": Codes("binary", "float32"),
}
TEXT = "a tile numbered 3"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = write_folder(tmp_path_factory.mktemp("coded") / "data")
    for n in range(LEAST_ROWS):
        (data / f"t{n:03}.txt").write_text(f"a tile numbered {n % 97}")
    for n in range(20):
        Image.new("RGB", (8, 8), (9 * n, 20, 255 - 9 * n)).save(data / f"{n:02}.png")
    return data


@pytest.fixture(scope="module")
def indices(data: Path) -> dict[str, Path]:
    """An index of each form, and one of rows."""
    found = {name: data.parent / name for name in (*FORMS, "float32")}
    for name, path in found.items():
        assert added(path, data, size=50, codes=FORMS.get(name)).added == LEAST_ROWS + 24
    return found


@pytest.mark.parametrize("name", FORMS)
def test_searches_are_as_good_as_the_codes(indices: dict[str, Path], name: str) -> None:
    index, rows = opened(indices[name]), opened(indices["float32"])
    whole = rows.search(text=TEXT, k=200)
    hits = index.search(text=TEXT, k=200)
    assert {x.id for x in hits} == {x.id for x in whole}
    assert hits == sorted(hits, key=lambda x: (-x.score, x.id))
    few = index.search(text=TEXT, k=15)
    assert index.search(text=TEXT, k=5) == few[:5]
    assert {x.modality for x in index.search(text=TEXT, only="image")} == {"image"}
    score = {x.id: x.score for x in whole}
    near = {"int8": 0.05, "binary": 2, "int8+float16": 1e-3, "binary+float32": 1e-6}[name]
    assert max(abs(x.score - score[x.id]) for x in hits) <= near
    assert index.codes == (name if "+" not in name else "")
    if "+" in name:
        exact = index.search(text=TEXT, k=15, exact=True)
        assert [x.score for x in exact] == pytest.approx([x.score for x in whole[:15]], abs=1e-3)
    else:
        with pytest.raises(ConfigError, match=f"holds {name} codes alone"):
            index.search(text=TEXT, exact=True)


def test_ranges_are_those_of_all_items_and_not_of_the_first(indices: dict[str, Path]) -> None:
    wanted = int8_ranges(np.stack(list(stored(indices["float32"]).values())))
    found = read_about(indices["int8"]).ranges["vector"]
    np.testing.assert_allclose(np.asarray(found), wanted, atol=1e-6)


@pytest.mark.parametrize("name", ["int8", "binary+float32"])
def test_items_are_found_by_others_grouped_shown_and_checked(
    indices: dict[str, Path], name: str
) -> None:
    index = Index(indices[name])  # none of this needs the model
    assert "t003.txt" not in [x.id for x in index.search(like="t003.txt", k=9)]
    first = index.search(like="t000.txt", k=1)[0]
    assert first.score == pytest.approx(1, abs=0.03)  # t097 has the same text
    groups = index.duplicates(0.9999 if name != "binary" else 1)
    assert any({"t000.txt", "t097.txt"} <= set(group.ids) for group in groups)
    rows, vectors = index.sample(7)
    assert (len(rows), vectors.shape) == (7, (7, 4))
    found = index.quality()
    assert (found is not None) == ("+" in name)
    if found is not None:
        assert found.recall > 0.8
    service = Service(opened(indices[name]))
    assert service.about().codes == index.codes
    assert len(service.points(50).x) == 50
    assert [x.id for x in service.search(text=TEXT, k=3).hits]


@pytest.mark.parametrize("name", ["int8+float16"])
def test_items_are_added_replaced_moved_and_removed(tmp_path: Path, data: Path, name: str) -> None:
    for source in data.glob("t*.txt"):
        place = tmp_path / "data" / source.name
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(source.read_bytes())
    (tmp_path / "data" / "x.txt").write_text("something else")
    added(tmp_path / "ix", tmp_path / "data", codes=FORMS[name])
    assert added(tmp_path / "ix", tmp_path / "data", size=40).same == LEAST_ROWS + 1
    (tmp_path / "data" / "x.txt").write_text(TEXT)
    (tmp_path / "data" / "t000.txt").unlink()
    done = added(tmp_path / "ix", tmp_path / "data", update=True)
    assert (done.replaced, done.removed) == (1, 1)
    (tmp_path / "data").rename(tmp_path / "moved")
    before = stored(tmp_path / "ix")
    assert added(tmp_path / "ix", tmp_path / "moved").replaced == LEAST_ROWS  # no row is made
    after = stored(tmp_path / "ix")
    assert all((after[x] == row).all() for x, row in before.items())
    index = opened(tmp_path / "ix")
    assert index.add([{"id": "new", "text": TEXT}]).added == 1
    score = index.search(text=TEXT, k=1)[0].score
    best = {x.id for x in index.search(text=TEXT, k=200) if x.score == score}
    assert {"x.txt", "new", "t003.txt"} <= best
    assert index.delete("new") == 1
    assert index.search(text=TEXT, k=200, min_score=2) == []


def test_few_items_have_no_ranges_and_leave_nothing(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "data")
    with pytest.raises(ConfigError, match="learns the ranges of numbers from 100 items or more"):
        added(tmp_path / "ix", folder, codes=Codes("int8"))
    assert not (tmp_path / "ix").exists()
    assert added(tmp_path / "ix", folder, codes=Codes("binary")).added == 4


def test_numbers_outside_of_the_ranges_are_told(
    tmp_path: Path,
) -> None:
    said = Said()
    texts = tmp_path / "texts"
    texts.mkdir()
    for n in range(LEAST_ROWS):
        (texts / f"{n}.txt").write_text("always the same")
    added(tmp_path / "ix", texts, size=60, codes=Codes("int8"), reporter=said)
    assert said.lines == ["learning the ranges of int8 from 100 items of all"]
    added(tmp_path / "ix", write_folder(tmp_path / "data"), reporter=said)
    assert said.lines[1].startswith("note: ")
    assert "% of the numbers lie outside of the ranges that this index learnt" in said.lines[1]


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local")
def test_a_copy_has_whole_rows_or_is_refused(
    indices: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from qdrant_client import QdrantClient

    client: Any = QdrantClient(":memory:")
    monkeypatch.setattr(qdrant, "connect", lambda address: client)
    store = "qdrant://search.example/tiles"
    alone, both = opened(indices["binary"]), opened(indices["binary+float32"])
    for act in (
        lambda: qdrant.publish(alone._table, alone.about, parse_store(store), Quiet()),
        lambda: Index(indices["binary"], store=store),
    ):
        with pytest.raises(ConfigError, match=r"whole rows, and this index holds binary codes"):
            act()
    qdrant.publish(both._table, both.about, parse_store(store), Quiet())
    path = indices["binary+float32"]
    copy = Index(path, model=model_of(path.parent), store=store)
    want = opened(indices["float32"]).search(text=TEXT, k=9)
    assert [x.id for x in copy.search(text=TEXT, k=9)] == [x.id for x in want]


def test_an_older_version_would_not_take_codes_for_rows(indices: dict[str, Path]) -> None:
    text = (indices["int8"] / "index.json").read_text()
    place = indices["int8"].parent / "torn"
    place.mkdir()
    (place / "index.json").write_text(text.replace("index-2", "index-3"))
    with pytest.raises(DataError, match="of another version"):
        Index(place)
    query = unit(np.ones(4, np.float32))
    assert len(opened(indices["int8"]).search(vector=query, k=3)) == 3
