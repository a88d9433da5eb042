"""Batches of a run: the same for every number of processes and workers, with bad samples marked."""

import io
import json
import multiprocessing
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gcl_spec.batch import Batch
from gcl_spec.config import Config
from gcl_spec.config_io import loads
from gcl_spec.data.bad import BadList, BadSample
from gcl_spec.data.pairs import class_ids
from gcl_spec.data.stream import TrainingData
from gcl_spec.errors import DataError
from gcl_spec.progress import Quiet


class Towers:
    """Stands for a trainer: features are the mean colour, and the number of tokens."""

    def features(self, batch: Batch) -> dict[str, np.ndarray]:
        if "image/pixels" in batch.inputs:
            return {"image": batch.inputs["image/pixels"].mean(axis=(1, 2)).astype(np.float32)}
        return {"text": batch.inputs["text/attention_mask"].sum(1, keepdims=True).astype("f4")}


def write(folder: Path, count: int = 40, broken: tuple[int, ...] = ()) -> Path:
    """Some with an image only, some with a caption only, captions that repeat."""
    folder.mkdir()
    lines: list[str] = []
    for n in range(count):
        path = folder / f"{n}.png"
        Image.new("RGB", (6, 5), (n % 256, 3, n // 256)).save(path)
        if n in broken:
            path.write_bytes(path.read_bytes()[:40])
        record: dict[str, Any] = {"id": str(n), "captions": [f"text {n % 7}", f"other {n}"]}
        if n % 5 != 4:
            record["image"] = f"{n}.png"
        if n % 6 == 5:
            record |= {"captions": [], "image": f"{n}.png"}
        lines.append(json.dumps(record))
    (folder / "train.jsonl").write_text("\n".join(lines))
    return folder


def options(folder: Path, *more: str) -> Config:
    return loads(
        "",
        [
            f"data.path='{folder}'", f"data.cache='{folder.parent / 'cache'}'",
            "model.image_size=32", "train.batch_size=8", "train.steps=12",
            "model.freeze=none", *more,
        ],
    )  # fmt: skip


def data(config: Config, **more: Any) -> TrainingData:
    more = {"only_steps": config.train.steps} | more
    return TrainingData(config, Towers(), Quiet(), **more)  # type: ignore[arg-type]


def equal(one: Batch, two: Batch) -> None:
    assert one.inputs.keys() == two.inputs.keys()
    for name, x in one.inputs.items():
        np.testing.assert_array_equal(x, two.inputs[name])
    np.testing.assert_array_equal(one.present, two.present)
    np.testing.assert_array_equal(one.ids, two.ids)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("stream") / "data")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12)
@given(size=st.integers(1, 8), step=st.integers(0, 11))
def test_shares_of_processes_are_the_batch(folder: Path, size: int, step: int) -> None:
    config = options(folder, "data.workers=0")
    whole = data(config).batch(step)
    parts = [data(config, rank=rank, size=size).batch(step) for rank in range(size)]
    np.testing.assert_array_equal(whole.present, np.concatenate([p.present for p in parts], 1))
    np.testing.assert_array_equal(whole.ids, np.concatenate([p.ids for p in parts]))
    start = 0
    for part in parts:
        share = slice(start, start + len(part))
        for name, x in part.inputs.items():
            rows = whole.inputs[name][share]
            # Texts are padded to the longest of the share.
            rows = rows[:, : x.shape[1]] if x.ndim == 2 else rows
            np.testing.assert_array_equal(x, rows)
        start += len(part)


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_workers_change_nothing(folder: Path, kind: str) -> None:
    plain = data(options(folder, "data.workers=0"))
    with data(options(folder, f"data.workers_kind={kind}", "data.workers=1")) as prefetched:
        for step in (0, 1, 2, 7, 8, 3):
            equal(prefetched.batch(step), plain.batch(step))
    assert not multiprocessing.active_children()


def test_rows_with_one_modality_are_used(folder: Path) -> None:
    with data(options(folder, "train.batch_size=40")) as found:
        batch = found.batch(0)
        order, draws = found.order.batch(0)
    image, text, both = batch.present
    assert (~text & image).sum() == 6
    assert (~image & text).sum() > 4
    np.testing.assert_array_equal(both, image & text)
    lines = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    chosen = [lines[n] for n in order]
    captions = [
        line["captions"][draw % 2] if line["captions"] else None
        for line, draw in zip(chosen, draws, strict=True)
    ]
    concepts = [(line["captions"] or [line["id"]])[0] for line in chosen]
    np.testing.assert_array_equal(batch.ids, class_ids(concepts, captions))
    assert not batch.inputs["image/pixels"][~image].any()


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("frozen", ["none", "both"])
def test_bad_samples_are_marked_and_listed(frozen: str, tmp_path: Path) -> None:
    broken = (1, 2, 20)
    good, bad = write(tmp_path / "good"), write(tmp_path / "bad", broken=broken)
    text = (bad / "train.jsonl").read_text().split("\n")
    text[10] = '{"id": 10}'
    (bad / "train.jsonl").write_text("\n".join(text))
    more = ("data.max_bad=0.2", f"model.freeze={frozen}")
    whole, holed = data(options(good, *more)), data(options(bad, *more))
    holed.list_bad(tmp_path / "bad_samples.jsonl")
    with whole, holed:
        for step in range(5):
            want, found = whole.batch(step), holed.batch(step)
            numbers = holed.order.batch(step)[0]
            gone = np.isin(numbers, (*broken, 10))
            assert not found.present[:, gone].any()
            np.testing.assert_array_equal(found.present[:, ~gone], want.present[:, ~gone])
            for name, x in found.inputs.items():
                if name == "text/input_ids":
                    continue
                np.testing.assert_array_equal(x[~gone], want.inputs[name][~gone][:, : x.shape[1]])
                if name != "text/attention_mask":
                    assert not x[gone].any()
        again = holed.batch(1)
        equal(again, holed.batch(1))
    listed = lines_of(tmp_path / "bad_samples.jsonl")
    assert len(listed) == 4
    assert {record["id"] for record in listed} == {"1", "2", "20", ""}
    assert all("train.jsonl:" in record["place"] for record in listed)
    reasons = " ".join(record["reason"] for record in listed)
    assert "20.png" in reasons
    assert "train.jsonl:11" in reasons


def test_too_many_bad_samples_stop(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", 150, broken=tuple(range(0, 150, 25)))
    config = options(folder, "train.batch_size=10", "train.steps=30")
    with data(config) as found:
        found.list_bad(tmp_path / "bad.jsonl")
        for step in range(9):
            found.batch(step)
        with pytest.raises(DataError, match=r"of 100 samples met so far are bad.*bad\.jsonl"):
            found.batch(9)
    small = write(tmp_path / "small", 30, broken=(3,))
    with data(options(small, "train.batch_size=10")) as found:
        found.batch(0)
        found.batch(1)
        with pytest.raises(DataError, match="1 of 30 samples met"):
            found.batch(2)
    with pytest.raises(DataError, match="1 of 30 samples met"):
        TrainingData(options(small, "model.freeze=both"), Towers(), Quiet())  # type: ignore[arg-type]


def test_warnings_of_the_data_are_said(tmp_path: Path) -> None:
    import tarfile

    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for n in range(12):
            member = tarfile.TarInfo(f"{n}.txt")
            member.size = 5
            archive.addfile(member, io.BytesIO(b"text."))
    whole = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(whole[: 10 * 1024 + 600])
    said: list[str] = []

    class Says(Quiet):
        def say(self, text: str) -> None:
            said.append(text)

    TrainingData(options(tmp_path / "a.tar"), Towers(), Says(), only_steps=1).close()  # type: ignore[arg-type]
    assert len(said) == 1
    assert "after 10 whole samples" in said[0]


def bad(n: int) -> BadSample:
    return BadSample(str(n), f"row {n}", "broken")


def test_a_resumed_run_lists_each_once_and_stops_at_the_same_step(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    first = BadList(0.02, 1000)
    first.add(0, [bad(1)])
    first.open(path)
    first.add(3, [bad(2), bad(1)])
    first.add(4, [bad(3)])
    path.write_bytes(path.read_bytes() + b'{"id": "4", "pla')  # killed while it wrote
    again = BadList(0.02, 1000)
    again.open(path)
    again.judge(3, met=100)
    with pytest.raises(DataError, match="3 of 100"):
        again.judge(4, met=100)
    again.add(3, [bad(2)])
    again.add(4, [bad(3)])
    again.add(5, [bad(4)])
    assert [(r["id"], r["step"]) for r in lines_of(path)] == [
        ("1", 0),
        ("2", 3),
        ("3", 4),
        ("4", 5),
    ]


def test_processes_share_a_list(tmp_path: Path) -> None:
    lists = [BadList(0.5, 1000) for _ in range(3)]
    for found in lists:
        found.open(tmp_path / "bad.jsonl")
    for n in range(30):
        lists[n % 3].add(n, [bad(n // 2)])
    assert [r["id"] for r in lines_of(tmp_path / "bad.jsonl")] == [str(n) for n in range(15)]
    lists[0].open(tmp_path / "bad.jsonl")
    assert lists[0].count(100) == 15


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


def test_a_run_on_a_folder_is_as_before(folder: Path, tmp_path: Path) -> None:
    """The same samples from a copy: nothing depends on where the data lies."""
    shutil.copytree(folder, tmp_path / "copy")
    one, two = data(options(folder)), data(options(tmp_path / "copy"))
    with one, two:
        equal(one.batch(5), two.batch(5))
    named = replace(options(folder), train=replace(options(folder).train, seed=1))
    with data(named) as other:
        assert not np.array_equal(other.order.batch(5)[0], one.order.batch(5)[0])
