"""Parquet files as others write them: types, orders of columns, and many files."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gcl_spec.config.options import ColumnsConfig
from gcl_spec.data.formats.arrow_types import converted
from gcl_spec.data.formats.vectors import VectorSource
from gcl_spec.errors import DataError
from kinds import ROWS, Row, png, rows, source
from parquet_files import write

IMAGES = [
    pa.large_binary(),
    pa.binary_view(),
    pa.dictionary(pa.int32(), pa.binary()),
    pa.struct({"bytes": pa.binary_view(), "path": pa.string_view()}),
    pa.struct({"path": pa.large_string(), "bytes": pa.large_binary()}),
]
TEXTS = [
    pa.large_string(),
    pa.string_view(),
    pa.dictionary(pa.int32(), pa.string()),
    pa.list_(pa.string()),
    pa.large_list(pa.large_string()),
    pa.list_(pa.string_view()),
    pa.list_view(pa.string_view()),
]


@pytest.mark.parametrize("kind", IMAGES, ids=str)
def test_types_of_pictures(kind: Any, tmp_path: Path) -> None:
    write(tmp_path / "d" / "a.parquet", ROWS, id=pa.string(), image=kind, caption=pa.string())
    assert rows(source(tmp_path / "d")) == ROWS


@pytest.mark.parametrize("kind", TEXTS, ids=str)
def test_types_of_captions(kind: Any, tmp_path: Path) -> None:
    write(tmp_path / "d" / "a.parquet", ROWS, id=pa.string_view(), image=pa.binary(), caption=kind)
    assert rows(source(tmp_path / "d")) == ROWS


def test_pictures_of_one_size(tmp_path: Path) -> None:
    image = png(3)
    part: list[Row] = [("a", image, "x"), ("b", None, "y")]
    write(
        tmp_path / "d" / "a.parquet",
        part,
        id=pa.string(),
        image=pa.binary(len(image)),
        caption=pa.string(),
    )
    assert rows(source(tmp_path / "d")) == part


def test_files_that_differ_in_what_does_not_matter(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    kinds: list[dict[str, Any]] = [
        {"id": pa.string(), "image": pa.binary(), "caption": pa.string(), "n": pa.int32()},
        {"caption": pa.large_string(), "n": pa.int64(), "image": pa.binary_view(),
         "id": pa.string_view()},
        {"image": pa.large_binary(), "caption": pa.dictionary(pa.int32(), pa.string()),
         "id": pa.string(), "n": pa.float64(), "more": pa.int8()},
    ]  # fmt: skip
    for n, (part, kind) in enumerate(zip((ROWS[:2], ROWS[2:4], ROWS[4:]), kinds, strict=True)):
        write(folder / f"{n}.parquet", part, **kind)
    assert rows(source(folder)) == ROWS


def test_columns_of_null_in_one_file(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    texts: list[Row] = [("c", None, "a cat"), ("d", None, "a dog")]
    write(folder / "0.parquet", texts, id=pa.string(), image=pa.null(), caption=pa.string())
    write(folder / "1.parquet", ROWS[:2], id=pa.string(), image=pa.binary(), caption=pa.string())
    write(
        folder / "2.parquet",
        [("e", png(5), None)],
        id=pa.string(),
        image=pa.binary(),
        caption=pa.null(),
    )
    assert rows(source(folder)) == [*texts, *ROWS[:2], ("e", png(5), None)]


def test_ids_of_several_widths(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    for n, kind in enumerate((pa.int32(), pa.int64(), pa.uint8())):
        table = pa.table({"id": pa.array([n], kind), "caption": [f"text {n}"]})
        folder.mkdir(exist_ok=True)
        pq.write_table(table, folder / f"{n}.parquet")
    assert [name for name, *_ in rows(source(folder))] == ["0", "1", "2"]


def test_what_does_matter_names_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    write(folder / "0.parquet", ROWS[:2], image=pa.binary(), caption=pa.string())
    for kinds, message in (
        ({"image": pa.binary()}, "1.parquet has no column 'caption'"),
        ({"image": pa.binary(), "caption": pa.list_(pa.string())}, "column 'caption' is list"),
    ):
        write(folder / "1.parquet", ROWS[2:], **kinds)
        with pytest.raises(DataError) as caught:
            source(folder)
        assert message in str(caught.value)


def test_vectors_of_several_types(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    found = [[1.0, 2.0], [3.0, 4.0]]
    for n, kind in enumerate(
        (pa.list_(pa.float32()), pa.list_(pa.float64(), 2), pa.large_list(pa.float16()))
    ):
        image = pa.array(np.asarray(found).tolist(), pa.list_(pa.float64())).cast(kind)
        text = pa.array(found, pa.list_(pa.float32()))
        table = pa.table({"text": text, "image": image} if n else {"image": image, "text": text})
        pq.write_table(table, folder / f"{n}.parquet")
    source_ = source(folder, columns=ColumnsConfig(text="text"))
    assert isinstance(source_, VectorSource)
    np.testing.assert_array_equal(source_.vectors["image"], found * 3)


def test_pointers_of_git_lfs_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0")
    with pytest.raises(DataError, match="Git LFS"):
        source(tmp_path, "a.parquet")


def test_columns_that_pyarrow_cannot_cast() -> None:
    """As pyarrow 17 has columns of views; later ones cast them."""

    class Views:
        type = pa.string_view()
        chunks = (pa.array(["a", None], pa.string_view()), pa.array(["b"], pa.string_view()))

        def cast(self, kind: Any) -> None:
            raise pa.ArrowNotImplementedError(f"string_view to {kind}")

    found = converted(Views(), pa.large_string())
    assert found.type == pa.large_string()
    assert found.to_pylist() == ["a", None, "b"]
