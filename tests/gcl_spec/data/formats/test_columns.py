"""Columns and arrays of other names are read and said; a chosen one is there or an error."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gcl_spec.config.options import ColumnsConfig
from gcl_spec.errors import DataError
from kinds import captions, png, source, table


@pytest.mark.parametrize("option", ["text", "image", "id"])
def test_a_chosen_column_is_there_or_an_error(option: str, tmp_path: Path) -> None:
    table(tmp_path / "a.parquet", image=[png(1)], title=["a dog"], text=["of the page"], id=["1"])
    np.savez(tmp_path / "a.npz", image=np.ones((2, 3)), text=np.ones((2, 3)), title=np.ones(2))
    for name in ("a.parquet", "a.npz"):
        with pytest.raises(
            DataError, match=rf"no 'titel', which data\.columns\.{option} .*'title'"
        ):
            source(tmp_path, name, columns=ColumnsConfig(**{option: "titel"}))
    found = source(tmp_path, "a.parquet", columns=ColumnsConfig(text="title"))
    assert captions(found) == [("a dog",)]
    assert found.notes == (f"{tmp_path}/a.parquet: columns that are not used: 'text'",)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"image": [png(1)], "text": ["a dog"]}, "'text' is read as 'caption'"),
        ({"Image": [png(1)], "TEXT": ["a dog"]}, "'Image' is read as 'image'"),
        ({"image": [png(1)], "captions": [["a dog"]]}, "'captions' is read as 'caption'"),
        ({"img": [png(1)], "caption ": ["a dog"]}, "'caption ' is read as 'caption'"),
        ({"image": [png(1)], "caption": ["a dog"], "Caption": ["x"], "text": ["y"]},
         "not used: 'Caption', 'text'"),
        ({"image": [png(1)], "caption": ["a dog"], "ID": ["7"]}, "'ID' is read as 'id'"),
    ],
)  # fmt: skip
def test_columns_of_other_names_are_read_and_said(
    columns: dict[str, Any], said: str, tmp_path: Path
) -> None:
    found = source(tmp_path, table(tmp_path / "a.parquet", **columns).name)
    assert captions(found) == [("a dog",)]
    assert found.read_bytes("0") == png(1)
    assert found.warnings == ()
    assert said in " ".join(found.notes)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"image": [png(1)], "title": ["a dog"]}, "did you mean --set data.columns.text=title?"),
        ({"image": [png(1)], "captoin": ["a"]}, "did you mean --set data.columns.text=captoin?"),
        ({"image": [png(1)], "blip_caption": ["a"]}, "data.columns.text=blip_caption"),
        ({"caption": ["a"], "jpg": [b"x"]}, "did you mean --set data.columns.image=jpg?"),
        ({"caption": ["a"], "url": ["http"], "status": ["ok"]}, "pictures are not fetched"),
    ],
)
def test_columns_that_may_be_lost_are_pointed_out(
    columns: dict[str, Any], said: str, tmp_path: Path
) -> None:
    (warning,) = source(tmp_path, table(tmp_path / "a.parquet", **columns).name).warnings
    assert said in warning


def test_the_concepts_of_a_table_are_read(tmp_path: Path) -> None:
    table(
        tmp_path / "a.parquet", caption=["a", "b", "c"], concept=["dog", None, "dog"], n=[1, 2, 3]
    )
    found = source(tmp_path, "a.parquet")
    assert [found.sample(n).concept for n in range(3)] == ["dog", "b", "dog"]
    assert found.notes == (f"{tmp_path}/a.parquet: columns that are not used: 'n'",)


def test_vectors_of_other_names(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    np.savez(tmp_path / "a.npz", Image=x, texts=x, ids=np.arange(4), logits=x)
    found = source(tmp_path, "a.npz")
    assert [found.sample(n).captions for n in range(4)] == [(str(n),) for n in range(4)]
    said = " ".join(found.notes)
    for name in ("'Image' is read", "'texts' is read", "'ids' is read", "not used: 'logits'"):
        assert name in said
    np.savez(tmp_path / "b.npz", image=x, text_embeds=x)
    (warning,) = source(tmp_path, "b.npz").warnings
    assert "did you mean --set data.columns.text=text_embeds?" in warning
    np.savez(tmp_path / "c.npz", a=x, b=x)
    with pytest.raises(DataError, match="among its arrays; there are 'a', 'b'"):
        source(tmp_path, "c.npz")


def test_a_mask_of_another_case_is_no_other_mask(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    mask = np.array([[True, True], [True, False], [False, True]])
    for name in ("present", "Present"):
        np.savez(tmp_path / "a.npz", image=x, text=x, **{name: mask})
        found = source(tmp_path, "a.npz")
        assert [found.sample(n).image is None for n in range(3)] == [False, False, True]
    np.savez(tmp_path / "a.npz", image=x, text=x, present=mask, Present=~mask)
    found = source(tmp_path, "a.npz")
    assert found.sample(1).captions == ()
    assert "not used: 'Present'" in found.notes[0]


def test_a_struct_without_a_picture_is_refused(tmp_path: Path) -> None:
    for name in ("content", "bytes", "path"):
        kind = pa.binary() if name != "path" else pa.string()
        cell = pa.array([{name: png(1) if name != "path" else "1.png"}], pa.struct({name: kind}))
        pq.write_table(pa.table({"image": cell, "caption": ["a"]}), tmp_path / "a.parquet")
        if name != "content":
            assert source(tmp_path, "a.parquet").sample(0).image == "0"
    pq.write_table(
        pa.table({"image": pa.array([{"content": b"x"}]), "caption": ["a"]}), tmp_path / "a.parquet"
    )
    with pytest.raises(DataError, match=r"column 'image' is struct<content.*wanted bytes"):
        source(tmp_path, "a.parquet")


def test_pictures_that_no_row_names_are_said(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    x = np.ones((3, 2), np.float32)
    np.savez(tmp_path / "a.npz", image=x, text=x)
    found = source(tmp_path, "a.npz", images=str(tmp_path / "pictures"))
    assert "pictures' is not used" in found.notes[0]
