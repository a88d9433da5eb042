"""Pictures in cells of parquet files."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gcl_spec.data.root import open_root
from gcl_spec.errors import DataError
from gcl_spec.tasks.parquet_pictures import ParquetPictures, reference


def test_a_reference_is_a_row_and_other_paths_are_files(tmp_path: Path) -> None:
    (tmp_path / "f.png").write_bytes(b"file")
    cells = [b"cell", None, b""]
    pq.write_table(pa.table({"image": cells}), tmp_path / "s.parquet")
    paths = [{"bytes": None, "path": "f.png"}]
    pq.write_table(pa.table({"image": paths}), tmp_path / "p.parquet")
    pictures = ParquetPictures(open_root(tmp_path))
    assert pictures.read_bytes(reference("s.parquet", 0)) == b"cell"
    assert pictures.read_bytes(reference("p.parquet", 0)) == b"file"
    assert pictures.read_bytes("f.png") == b"file"
    assert pictures.exists("f.png")
    assert pictures.exists(reference("s.parquet", 0))
    assert not pictures.exists(reference("t.parquet", 0))
    for row in (1, 2):
        with pytest.raises(DataError, match=f"row {row}: no picture in column 'image'"):
            pictures.read_bytes(reference("s.parquet", row))
    with pytest.raises(DataError, match="has 3 rows, and so no row 7"):
        pictures.read_bytes(reference("s.parquet", 7))
