"""Precomputed vectors in place of pictures and texts."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gcl_spec.config.options import DataConfig
from gcl_spec.data.formats.vectors import VectorCollator, VectorSource
from gcl_spec.data.open import open_source
from gcl_spec.errors import DataError
from gcl_spec.progress import Quiet
from gcl_spec.tasks.held_out import hold_out
from gcl_spec.train.data import TrainingData
from pieces import Towers, data, options


def test_vectors_are_read_held_out_and_never_decoded(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image, text = rng.normal(size=(60, 5)).astype("f4"), rng.normal(size=(60, 3)).astype("f2")
    image[3], text[4], image[5, 2], text[6] = np.nan, np.nan, np.inf, 0
    names = np.asarray([f"id {n // 2}" for n in range(60)])
    np.savez(tmp_path / "train.npz", image=image, text=text, id=names)
    config = options(tmp_path / "train.npz", "data.max_bad=0.1", "data.holdout=0.2")
    with TrainingData(config, Towers(), Quiet()) as found:  # type: ignore[arg-type]
        assert len(found.order.batch(0)[0]) == 8
        held = {item.image for task in found.tests for item in task.candidates if item.image}
        seen: set[int] = set()
        for step in range(found.order.steps_per_epoch):
            batch = found.batch(step)
            numbers = found._source.numbers[found.order.batch(step)[0]]  # type: ignore[attr-defined]
            seen |= set(numbers.tolist())
            for kind, x in (("image", image), ("text", text)):
                rows = np.where(batch.has(kind)[:, None], x[numbers], 0).astype("f4")
                np.testing.assert_array_equal(batch.inputs[f"{kind}/features"], rows)
            same = np.equal.outer(batch.ids, batch.ids)
            here = batch.has("image") | batch.has("text")
            want = np.equal.outer(names[numbers], names[numbers])
            np.testing.assert_array_equal(same[here][:, here], want[here][:, here])
        assert not {names[int(n)] for n in held} & {names[n] for n in seen}
        assert Image.open(io.BytesIO(found.test_root.read_bytes("0"))).size == (3, 3)
    assert found._bad.count(99) == len({5, 6} & seen)


def test_vectors_of_parquet_and_npz_are_the_same(tmp_path: Path) -> None:
    image, text = np.arange(12.0).reshape(4, 3), np.arange(8.0).reshape(4, 2) + 1
    lists = [row.tolist() if n != 2 else None for n, row in enumerate(text)]
    table = pa.table({"image": list(image), "text": pa.array(lists, pa.list_(pa.float32()))})
    pq.write_table(table, tmp_path / "v.parquet")
    text[2] = np.nan
    np.savez(tmp_path / "v.npz", image=image, text=text)
    for name in ("v.parquet", "v.npz"):
        found = open_source(DataConfig(path=str(tmp_path / name)))
        assert [found.sample(n).captions for n in (1, 2)] == [("1",), ()]
        assert np.array_equal(found.row("text", "3"), text[3])  # type: ignore[attr-defined]
        lacking = VectorCollator(found)({"image": ["2"], "text": [None]}, every=True)  # type: ignore[arg-type]
        assert lacking.inputs["text/features"].tolist() == [[0.0, 0.0]]
        with pytest.raises(DataError, match="norm 0"):
            open_source(DataConfig(path=_zeroed(tmp_path))).sample(0)
    for arrays, message in {
        "a": {"image": np.zeros((3, 2, 2))}, "b": {"image": np.zeros((3, 2)), "text": text},
        "c": {"other": text}, "d": {"image": np.ones((4, 2), int)},
        "e": {"image": np.asarray([[None]])}, "f": {"image": text, "present": np.ones(4, bool)},
    }.items():  # fmt: skip
        np.savez(tmp_path / f"{arrays}.npz", **message)
        with pytest.raises(DataError, match=rf"{arrays}\.npz"):
            open_source(DataConfig(path=str(tmp_path / f"{arrays}.npz")))


def _zeroed(folder: Path) -> str:
    np.savez(folder / "zero.npz", image=np.zeros((2, 2)), text=np.ones((2, 2)))
    return str(folder / "zero.npz")


def test_too_few_vectors_to_hold_out(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", image=np.ones((9, 2)))
    with pytest.raises(DataError, match=r"raise data\.holdout"):
        data(options(tmp_path / "v.npz"))


def write_vectors(path: Path, **arrays: np.ndarray) -> VectorSource:
    np.savez(path, **arrays)
    found = open_source(DataConfig(path=str(path)))
    assert isinstance(found, VectorSource)
    return found


def test_rows_without_an_id_are_classes_of_their_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {"image": rng.normal(size=(6, 3)), "text": rng.normal(size=(6, 2))}
    ids = np.asarray([1, np.nan, np.nan, 1, 4, np.nan])
    found = write_vectors(tmp_path / "v.npz", **arrays, id=ids)
    concepts = [found.sample(n).concept for n in range(6)]
    assert concepts == ["id 1.0", "row 1", "row 2", "id 1.0", "id 4.0", "row 5"]
    assert [found.sample(n).id for n in (1, 4)] == ["1", "4.0"]
    table = pa.table({name: list(x) for name, x in arrays.items()})
    table = table.append_column("id", [["a", None, None, "a", "", "b"]])
    pq.write_table(table, tmp_path / "v.parquet")
    found = open_source(DataConfig(path=str(tmp_path / "v.parquet")))
    assert len({found.sample(n).concept for n in range(6)}) == 5


def test_equal_texts_are_one_caption(tmp_path: Path) -> None:
    text = np.asarray([[1, 2], [3, 4], [1, 2], [np.nan, np.nan], [np.nan, np.nan]])
    found = write_vectors(tmp_path / "v.npz", image=np.ones((5, 3)), text=text)
    assert [found.sample(n).captions for n in range(5)] == [("0",), ("1",), ("0",), (), ()]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=4, max_size=30))
def test_held_out_rows_share_nothing_with_the_others(pairs: list[tuple[int, int]]) -> None:
    image, text = (np.asarray(x, "f4")[:, None] + 1 for x in zip(*pairs, strict=True))
    try:
        train, tasks = hold_out(VectorSource("v", {"image": image, "text": text}), 0.2)
    except DataError:
        return  # all rows hang together
    held = [int(item.id.split()[1]) for item in tasks[0].candidates]
    for x in (image, text):
        assert not set(x[held].ravel()) & set(x[train.numbers].ravel())
    assert len(held) + len(train) == len(pairs)


def test_five_texts_a_picture_without_ids(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image, text = np.repeat(rng.normal(size=(100, 4)), 5, 0), rng.normal(size=(500, 3))
    train, tasks = hold_out(write_vectors(tmp_path / "v.npz", image=image, text=text), 0.1)
    held = {int(item.id.split()[1]) // 5 for item in tasks[0].candidates}
    assert (len(held), len(train)) == (10, 450)
    assert not held & set((train.numbers // 5).tolist())
    assert all(len(found) == 5 for found in tasks[1].qrels.values())
    text[:300] = text[0]
    train, tasks = hold_out(write_vectors(tmp_path / "v.npz", image=image, text=text), 0.1)
    assert len(train) == 450, "the text of most rows is trained on"


def test_vectors_that_float32_cannot_hold_are_bad(tmp_path: Path) -> None:
    image = np.ones((4, 3))
    image[1, 0], image[2] = 1e300, 1e-300
    found = write_vectors(tmp_path / "v.npz", image=image, text=np.ones((4, 2)))
    for n in (1, 2):
        with pytest.raises(DataError, match="norm 0, or holds NaN or Inf, in float32"):
            found.sample(n)


def test_files_that_only_seem_vectors(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.ones((4, 3)))
    (tmp_path / "v.npy").rename(tmp_path / "v.npz")
    with pytest.raises(DataError, match=r"one array of np\.save; write several with np\.savez"):
        open_source(DataConfig(path=str(tmp_path / "v.npz")))
    with pytest.raises(DataError, match=r"the ids have shape \(4, 1\)"):
        write_vectors(tmp_path / "w.npz", image=np.ones((4, 3)), id=np.ones((4, 1)))
