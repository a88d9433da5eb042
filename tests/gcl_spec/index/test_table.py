"""A commit is there whole; a reader sees the newest one."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from gcl_spec.errors import FileError
from gcl_spec.index import table as module
from gcl_spec.index.table import Row, Table, create_table


def row(name: str, text: str = "") -> Row:
    return Row(name, "text", text or None, None, 0, "0" * 32)


def table(folder: Path, dtype: str = "float32") -> Table:
    columns = {"vector": 2, "vector_1": 3}
    create_table(folder, columns, dtype)
    return Table(folder, columns, dtype)


def put(to: Table, *names: str, value: float = 0, replaces: bool = True) -> None:
    vectors = {name: np.full((len(names), width), value) for name, width in to.columns.items()}
    to.put([row(name) for name in names], vectors, replaces=replaces)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_rows_are_added_replaced_and_deleted(tmp_path: Path, dtype: str) -> None:
    made, reader = table(tmp_path, dtype), Table(tmp_path, {"vector": 2, "vector_1": 3}, dtype)
    assert len(reader) == 0
    put(made, "a", "b", value=1, replaces=False)
    put(made, "b", "c", value=2)
    assert len(reader) == 3
    assert reader.known(["b", "z"]) == {"b": row("b")}
    found = reader.vectors(["a", "b", "c", "z"], "vector_1")
    assert {name: x.tolist() for name, x in found.items()} == {
        "a": [1, 1, 1], "b": [2, 2, 2], "c": [2, 2, 2],
    }  # fmt: skip
    assert found["a"].dtype == dtype
    assert (reader.count(("text",)), reader.count(("image", "image+text"))) == (3, 0)
    assert made.delete(["a", "z"]) == 1
    assert len(reader) == 2


def test_small_files_are_merged(tmp_path: Path) -> None:
    made = table(tmp_path)
    for n in range(18):
        put(made, f"row {n}", replaces=False)
        made.tidy()
        assert made.state().fragments <= 16
    assert made.state().rows == 18
    made.tidy(most=0)
    assert made.state().fragments == 1


def test_a_table_that_is_gone_or_torn_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot open the index"):
        len(Table(tmp_path, {"vector": 2}, "float32"))
    made = table(tmp_path)
    put(made, "a")
    for path in (tmp_path / "items.lance" / "data").iterdir():
        path.write_bytes(b"torn")
    with pytest.raises(FileError, match="cannot read the index"):
        made.known(["a"])


def test_versions_of_a_table_of_few_files_do_not_become_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each item that is deleted or replaced makes one, and no file that would be merged."""
    monkeypatch.setattr(module, "MOST_VERSIONS", 5)
    made, versions = table(tmp_path), list[int]()
    put(made, *map(str, range(60)), replaces=False)
    for n in range(20):
        made.delete([str(n)])
        made.tidy()
        versions.append(made.state().versions)
    assert versions[-1] > 15, "a reader may still have one of the last two minutes"
    monkeypatch.setattr(module, "GRACE", timedelta(milliseconds=1))
    for n in range(20, 40):
        made.delete([str(n)])
        made.tidy()
        versions.append(made.state().versions)
    assert max(versions[20:]) <= 6
    assert len(made) == 20
