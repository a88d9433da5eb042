"""Approximate searches find what exact ones find, nearly always, under the same rules."""

from pathlib import Path

import numpy as np
import pytest

from gcl_spec.index import searching as searching_module
from gcl_spec.index.approximate import approximate, build, is_built
from gcl_spec.index.exact import stream
from gcl_spec.index.searching import Searching
from gcl_spec.index.table import Row, Table, create_table
from loop_config import Said

COUNT, WIDE, ODD = 3000, 256, 9
KINDS = ("image", "text", "image+text")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    folder: Path = tmp_path_factory.mktemp("ivf")
    columns, rng = {"vector": WIDE, "vector_1": ODD}, np.random.default_rng(0)
    create_table(folder, columns, "float32")
    made = Table(folder, columns, "float32")
    whole = rng.normal(size=(COUNT, WIDE)) / np.sqrt(np.arange(1, WIDE + 1))
    whole[7:11] = whole[3]
    whole[200:240] = whole[100]
    whole /= np.linalg.norm(whole, axis=1, keepdims=True)
    rows = [Row(f"{n:04}", KINDS[n % 3], None, None, 0, "0" * 32) for n in range(COUNT)]
    made.put(rows[:-100], {"vector": whole[:-100], "vector_1": whole[:-100, :ODD]}, replaces=False)
    said = Said()
    for column in columns:
        assert not is_built(made, column)
        build(made, column, said)
        assert is_built(made, column)
    assert "approximate searches of 2,900 rows" in said.lines[0]
    # What is added later is found, too.
    made.put(rows[-100:], {"vector": whole[-100:], "vector_1": whole[-100:, :ODD]}, replaces=False)
    return made


@pytest.mark.parametrize("column", ["vector", "vector_1"])
@pytest.mark.parametrize("only", [(), ("text",)])
def test_they_find_the_best(table: Table, column: str, only: tuple[str, ...]) -> None:
    _, queries = table.sample(6, column)
    shares = []
    for query in queries:
        exact = [hit.id for hit in stream(table, column, query, 10, only)]
        found = approximate(table, column, query, 10, only)
        assert found == sorted(found, key=lambda x: (-x.score, x.id))
        assert {hit.modality for hit in found} <= set(only or KINDS)
        assert approximate(table, column, query, 5, only) == found[:5]
        assert approximate(table, column, query, 15, only)[:10] == found
        shares.append(len({hit.id for hit in found} & set(exact)) / 10)
    assert np.mean(shares) >= 0.85, "the centres of partitions are drawn anew each time"


def test_equal_rows_come_by_id(table: Table) -> None:
    query = table.vectors(["0003"], "vector")["0003"]
    found = approximate(table, "vector", query, 5, ())
    assert [hit.id for hit in found] == ["0003", "0007", "0008", "0009", "0010"]


@pytest.mark.parametrize("k", [5, 12, 16, 20])
def test_of_more_equal_rows_than_are_read_at_first_the_lowest_ids_come(
    table: Table, k: int
) -> None:
    query = table.vectors(["0100"], "vector")["0100"]
    found = approximate(table, "vector", query, k, ())
    assert [hit.id for hit in found] == ["0100", *(f"{n:04}" for n in range(200, 199 + k))]


def test_they_are_used_above_a_size(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    for name in ("approximate", "stream"):
        found = getattr(searching_module, name)
        monkeypatch.setattr(
            searching_module, name, lambda *a, f=found, n=name: calls.append(n) or f(*a)
        )
    query = table.vectors(["0003"], "vector")["0003"]

    def search(most: int, *, exact: bool = False, only: tuple[str, ...] = ()) -> list[str]:
        calls.clear()
        monkeypatch.setattr(searching_module, "EXACT_ROWS", most)
        hits = Searching(table).nearest(query, 5, column="vector", only=only, exact=exact)
        assert [hit.id for hit in hits][:1] == ["0003"]
        return list(calls)

    assert search(COUNT) == []
    assert search(COUNT - 1) == ["approximate"]
    assert search(COUNT - 1, exact=True) == ["stream"]
    assert search(COUNT - 1, only=("image",)) == ["stream"]
    assert search(999, only=("image",)) == ["approximate"]
    monkeypatch.setattr(searching_module, "is_built", lambda table, column: False)
    assert search(COUNT - 1) == ["stream"]
