"""The columns of a table may be those of an older version."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from gcl_spec.index import table as table_module
from gcl_spec.index.schema import schema_of
from gcl_spec.index.table import Row, Table, create_table


def test_columns_with_few_values_are_dictionaries(tmp_path: Path) -> None:
    create_table(tmp_path, {"vector": 2}, "float16")
    made = Table(tmp_path, {"vector": 2}, "float16")
    assert made.lance.schema.equals(schema_of({"vector": 2}, "float16"))
    assert pa.types.is_dictionary(made.lance.schema.field("origin").type)


def test_a_table_of_plain_columns_as_older_versions_made_it_is_written_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plain(columns: dict[str, int], dtype: str, *more: object) -> pa.Schema:
        schema = schema_of(columns, dtype)
        types = [getattr(field.type, "value_type", field.type) for field in list(schema)[:6]]
        types[4] = pa.int32()
        own = [field.with_type(x) for field, x in zip(schema, types, strict=False)]
        return pa.schema([*own, *list(schema)[6:]])

    monkeypatch.setattr(table_module, "schema_of", plain)
    create_table(tmp_path, {"vector": 2}, "float32")
    made = Table(tmp_path, {"vector": 2}, "float32")
    rows = [Row(name, "text", None, None, 3, "0" * 32) for name in "ab"]
    made.put(rows, {"vector": np.ones((2, 2))}, replaces=False)
    assert made.lance.schema.field("modality").type == pa.string()
    assert made.known(["b"]) == {"b": rows[1]}
    assert made.count(("text",)) == 2
    assert (list(made.of_origin(3)), list(made.of_origin(1))) == (["a", "b"], [])


def test_a_merged_table_of_several_places_is_read(tmp_path: Path) -> None:
    """A dictionary of numbers could not be, in LanceDB 0.40."""
    create_table(tmp_path, {"vector": 1}, "float32")
    made = Table(tmp_path, {"vector": 1}, "float32")
    for part in range(18):
        rows = [Row(f"{part}/{n}", "text", None, None, part // 6, "0" * 32) for n in range(20)]
        made.put(rows, {"vector": np.ones((20, 1))}, replaces=False)
    made.tidy()
    assert made.fragments() == 1
    assert made.known(["7/3"])["7/3"].origin == 1
    assert sorted({x.origin for x in made.sample(360, "vector")[0]}) == [0, 1, 2]
    assert len(list(made.of_origin(2))) == 120


def test_codes_and_whole_rows_have_their_types() -> None:
    schema = schema_of({"vector": 2}, "binary", {"whole": 9}, "float16")
    assert schema.field("vector").type == pa.list_(pa.uint8(), 2)
    assert schema.field("whole").type == pa.list_(pa.float16(), 9)
    assert schema_of({"vector": 2}, "int8").field("vector").type == pa.list_(pa.int8(), 2)
