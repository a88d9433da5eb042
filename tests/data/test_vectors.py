"""Precomputed vectors in place of pictures and texts."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gcl_spec.data.stream import TrainingData
from gcl_spec.errors import DataError
from gcl_spec.progress import Quiet

sys.path.insert(0, str(Path(__file__).parent))
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
            for kind, x, row in (("image", image, 0), ("text", text, 1)):
                rows = np.where(batch.present[row][:, None], x[numbers], 0).astype("f4")
                np.testing.assert_array_equal(batch.inputs[f"{kind}/features"], rows)
            same = np.equal.outer(batch.ids, batch.ids)
            here = batch.present.any(0)
            want = np.equal.outer(names[numbers], names[numbers])
            np.testing.assert_array_equal(same[here][:, here], want[here][:, here])
        assert not {names[int(n)] for n in held} & {names[n] for n in seen}
        assert Image.open(io.BytesIO(found.test_root.read_bytes("0"))).size == (3, 3)
    assert found._bad.count(99) == len({5, 6} & seen)


def test_vectors_of_parquet_and_npz_are_the_same(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from gcl_spec.config import DataConfig
    from gcl_spec.data.sources import open_source

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
