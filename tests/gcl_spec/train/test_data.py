"""Batches of a run: the same for every number of processes and workers, with bad samples marked."""

import io
import multiprocessing
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gcl_spec.errors import DataError
from gcl_spec.progress import Quiet
from gcl_spec.train.data import TrainingData
from gcl_spec.train.feed.batches import BatchMaker
from pieces import Towers, data, equal, options, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("stream") / "data")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12)
@given(size=st.integers(1, 8), step=st.integers(0, 11))
def test_shares_of_processes_are_the_batch(folder: Path, size: int, step: int) -> None:
    config = options(folder, "data.workers=0")
    with data(config) as found:
        whole = found.batch(step)
        collate, order, source = found._make._collate, found.order, found._source
    makers = [
        BatchMaker(source, order, collate, ("image", "text"), rank=rank, size=size)
        for rank in range(size)
    ]
    parts = [maker(step).batch for maker in makers]
    for name, flags in whole.present.items():
        np.testing.assert_array_equal(flags, np.concatenate([p.present[name] for p in parts]))
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


def test_too_many_bad_samples_stop(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", 150, broken=tuple(range(0, 150, 5)))
    config = options(folder, "train.batch_size=10", "train.steps=30")
    with data(config) as found:
        found.list_bad(tmp_path / "bad.jsonl")
        found.batch(0)
        with pytest.raises(DataError, match=r"of [2-9]0 samples met so far are bad.*bad\.jsonl"):
            [found.batch(step) for step in range(1, 10)]
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


def test_a_run_on_a_folder_is_as_before(folder: Path, tmp_path: Path) -> None:
    """The same samples from a copy: nothing depends on where the data lies."""
    shutil.copytree(folder, tmp_path / "copy")
    one, two = data(options(folder)), data(options(tmp_path / "copy"))
    with one, two:
        equal(one.batch(5), two.batch(5))
    named = replace(options(folder), train=replace(options(folder).train, seed=1))
    with data(named) as other:
        assert not np.array_equal(other.order.batch(5)[0], one.order.batch(5)[0])


def test_a_process_asks_for_its_share(folder: Path) -> None:
    with data(options(folder)) as whole, data(options(folder), rank=1, size=2) as second:
        np.testing.assert_array_equal(second.batch(3).ids, whole.batch(3).ids[4:])
        assert len(second.batch(4)) == 4
