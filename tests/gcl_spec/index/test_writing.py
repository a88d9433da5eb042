"""One process writes at a time, and an index of another model is left alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from gcl_spec._files.locks import locked
from gcl_spec.errors import ConfigError, DataError, FileError
from gcl_spec.index import table as table_module
from gcl_spec.index import writing as module
from gcl_spec.index.about import About, Origin, read_about, write_about
from gcl_spec.index.adding import Adding
from gcl_spec.index.model import Model
from gcl_spec.index.sources import items_of, origin_of
from gcl_spec.index.table import Row, Table
from gcl_spec.index.writing import Writing, delete
from indexed import added, model_of, opened, write_folder
from loop_config import Said


def test_another_model_is_refused_with_both_names(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data")
    added(tmp_path / "ix", data)
    model = model_of(tmp_path)
    maker = replace(model.maker, model="else, step 3", weights="5" * 64)
    other = Model(maker, "", model.config, model.trainer)
    with pytest.raises(
        DataError, match=r"of tiles, step 0 \(0{12}\), not of else, step 3 \(5{12}\)"
    ):
        Writing(tmp_path / "ix", other).__enter__()
    # The lock was let go.
    assert added(tmp_path / "ix", data).same == 4


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data")
    added(tmp_path / "ix", data)
    with locked(tmp_path / "ix"):
        for write in (lambda: added(tmp_path / "ix", data), lambda: delete(tmp_path / "ix", ["a"])):
            with pytest.raises(ConfigError, match="another process writes in"):
                write()


@pytest.mark.parametrize("fails", [1, 2, 3])
def test_what_is_written_before_a_full_disk_stays(
    fails: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full at the `fails`-th commit; the same command goes on afterwards."""
    data, calls = write_folder(tmp_path / "data"), []
    put = Table.put

    def full(self: Table, rows: object, *args: object, **more: object) -> None:
        calls.append(rows)
        if len(calls) == fails:
            raise FileError("the disk is full")
        put(self, rows, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Table, "put", full)
    with pytest.raises(FileError, match="the disk is full"):
        added(tmp_path / "ix", data, size=1)
    assert (tmp_path / "ix").exists() == (fails > 1)
    if fails > 1:
        assert len(opened(tmp_path / "ix")) == fails - 1
    done = added(tmp_path / "ix", data, size=1)
    assert (done.added, done.same) == (5 - fails, fails - 1)


def test_rows_of_calibrations_stand_beside(tmp_path: Path) -> None:
    class Doubles:
        name, appended = "doubles", 1

        def apply_to_parts(self, role: str, modality: str, whole: object, parts: object) -> object:
            return np.concatenate([2 * whole, np.ones((len(whole), 1))], axis=1)  # type: ignore

        def arrays(self) -> dict[str, object]:
            return {"state": np.ones(3)}

    base = model_of(tmp_path)
    model = Model(base.maker, base.path, base.config, base.trainer, {"doubles": Doubles()})  # type: ignore
    data = write_folder(tmp_path / "data")
    items = items_of(origin_of(str(data), None, model.config.data), model.config)
    Adding(tmp_path / "ix", model, items, size=3).run()
    table = opened(tmp_path / "ix")._table
    assert table.columns == {"vector": 4, "vector_1": 5}
    raw, made = (table.vectors(["red.png"], x)["red.png"] for x in table.columns)
    np.testing.assert_allclose(made, [*(2 * raw), 1], rtol=1e-6)
    with pytest.raises(ConfigError, match="has no rows of calibration 'mean'"):
        opened(tmp_path / "ix").search(text="a", calibration="mean")


def test_partitions_are_made_again_where_a_table_has_grown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    monkeypatch.setattr(module, "EXACT_ROWS", 2)
    monkeypatch.setattr(module, "build", lambda table, *more: made.append(len(table)))
    monkeypatch.setattr(module, "is_built", lambda *asked: bool(made))
    model, data = model_of(tmp_path), write_folder(tmp_path / "data")
    added(tmp_path / "ix", data)
    assert made == [4]
    said = Said()
    for count in (7, 8, 9):
        with Writing(tmp_path / "ix", model) as writing:
            assert writing.table is not None
            rows = [Row(f"{n}", "text", None, None, 0, "0" * 32) for n in range(count - 4)]
            vectors = {x: np.ones((len(rows), n)) for x, n in writing.table.columns.items()}
            writing.put(rows, vectors["vector"], replaces=True)
            writing.tidy(said)
    assert made == [4, 8]
    assert [x for x in said.lines if "grown" in x] == [
        "it has grown from 4 rows, to which its partitions belong"
    ]
    assert read_about(tmp_path / "ix").trained == {"vector": 8}


def test_a_table_whose_files_cannot_be_merged_is_not_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an older version, with a dictionary of numbers."""
    schema_of = table_module.schema_of

    def older(*args: Any) -> pa.Schema:
        schema = schema_of(*args)
        kind = pa.dictionary(pa.int16(), pa.int32())
        return schema.set(4, schema.field(4).with_type(kind))

    monkeypatch.setattr(table_module, "schema_of", older)
    place = made_by_hand(tmp_path / "ix", model_of(tmp_path))
    assert opened(place).get("a").origin == 0
    with pytest.raises(DataError, match=r"made by an older version.* make it again"):
        added(place, write_folder(tmp_path / "data"))


def made_by_hand(place: Path, model: Model) -> Path:
    about = About(model.maker, 4, model.path, {}, (Origin("files"),))
    place.mkdir()
    table = table_module.make_table(place, about)
    row = Row("a", "text", "a", None, 0, "0" * 32)
    table.put([row], {"vector": np.ones((1, 4))}, replaces=False)
    write_about(place, about)
    return place
