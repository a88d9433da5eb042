"""Rows that are held out: whole groups, the same ones each time, and tasks of them."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gcl_spec.config.options import DataConfig
from gcl_spec.data.formats.vectors import VectorSource
from gcl_spec.data.open import open_source
from gcl_spec.errors import DataError
from gcl_spec.tasks.held_out import VectorPictures, hold_out


def source(folder: Path, count: int = 40, **more: np.ndarray) -> VectorSource:
    rng = np.random.default_rng(0)
    arrays = {"image": rng.normal(size=(count, 5)), "text": rng.normal(size=(count, 3)), **more}
    np.savez(folder / "train.npz", **{name: x.astype(x.dtype) for name, x in arrays.items()})
    found = open_source(DataConfig(path=str(folder / "train.npz")))
    assert isinstance(found, VectorSource)
    return found


def test_rows_are_on_one_side_and_the_same_each_time(tmp_path: Path) -> None:
    (train, tasks), (again, _) = (hold_out(source(tmp_path), 0.25) for _ in range(2))
    assert len(train) == 30
    np.testing.assert_array_equal(train.numbers, again.numbers)
    assert [task.name for task in tasks] == ["t2i", "i2t"]
    held = {int(item.text or "") for item in tasks[0].queries}
    assert held.isdisjoint(train.numbers.tolist())
    assert len(held) == 10


def test_equal_texts_are_one_group(tmp_path: Path) -> None:
    text = np.repeat(np.random.default_rng(1).normal(size=(20, 3)), 2, axis=0)
    train, (t2i, i2t) = hold_out(source(tmp_path, text=text), 0.2)
    kept = set(train.numbers.tolist())
    assert all((n ^ 1) in kept for n in kept), "pairs of rows are not divided"
    assert {len(relevant) for relevant in t2i.qrels.values()} == {2}
    assert {len(relevant) for relevant in i2t.qrels.values()} == {2}


def test_too_few_rows(tmp_path: Path) -> None:
    image = np.full((6, 5), np.nan)
    image[:1] = 1.0
    with pytest.raises(DataError, match=r"rows held out .* raise data\.holdout"):
        hold_out(source(tmp_path, 6, image=image), 0.5)


def test_vectors_are_shown_as_grey_cells(tmp_path: Path) -> None:
    found = source(tmp_path)
    pictures = VectorPictures(found)
    shown = np.asarray(Image.open(io.BytesIO(pictures.read_bytes("3"))))
    assert shown.shape == (3, 3)
    assert shown.ravel()[int(found.vectors["image"][3].argmin())] == 0
    assert shown.ravel()[int(found.vectors["image"][3].argmax())] == 255
    assert pictures.open("3").read() == pictures.read_bytes("3")
    assert pictures.exists("39")
    assert not pictures.exists("40")
    assert not pictures.exists("-1")
    assert pictures.folders("") == []
