"""Two processes, played by threads: one writes, all stop together, none waits for a failed one."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fake import FakeBackend, FakeTrainer
from gcl_spec.batch import Batch
from gcl_spec.config.options import Config
from gcl_spec.errors import CheckpointError, GclError, StoppedError, TrainingError
from gcl_spec.run import checkpoint
from gcl_spec.run.folder import RunFolder
from gcl_spec.train import world
from gcl_spec.train.data import TrainingData
from gcl_spec.train.signals import Stop
from gcl_spec.train.training import dry_run, run_training
from loop_config import fast, numbers, state, steps
from thread_world import SIZE, Member, Threads, in_threads


class Trainer(FakeTrainer):
    """Calls `at(step number, rank)` at the start of every step."""

    def __init__(self, *args: Any, world: Member, at: Callable[[int, int], None]) -> None:
        super().__init__(*args)
        self.world = world
        self._at = at

    def step(self, batch: Any, /, *, lr: float) -> Mapping[str, Any]:
        self._at(self.steps + 1, self.world.rank)
        return super().step(self.world.gather(batch), lr=lr)


class Backend(FakeBackend):
    def __init__(self, member: Member, at: Callable[[int, int], None]) -> None:
        self._member = member
        self._at = at

    def trainer(self, config: Config, /, *, device: str, state: Any = None) -> Trainer:
        return Trainer(config, state, world=self._member, at=self._at)


def nothing(step: int, rank: int) -> None:
    pass


def together(
    config: Config | None, out: Path, at: Callable[[int, int], None] = nothing, **more: Any
) -> list[RunFolder | Exception]:
    """What each process returned or raised."""
    return in_threads(lambda member: run_training(config, Backend(member, at), out, **more))


@pytest.fixture
def config(data_folder: Path, tmp_path: Path) -> Config:
    return fast(data_folder, tmp_path / "cache", "train.eval_every=8", "train.save_minutes=1000")


def test_two_write_what_one_writes(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers, save = set(), checkpoint.save

    def noted(*args: Any, **more: Any) -> Path:
        writers.add(threading.current_thread())
        return save(*args, **more)

    monkeypatch.setattr(checkpoint, "save", noted)
    found = together(config, tmp_path / "two")
    assert [folder.rank for folder in found if isinstance(folder, RunFolder)] == [0, 1]
    assert len(writers) == 1
    one = run_training(config, FakeBackend(), tmp_path / "one").path
    assert numbers(tmp_path / "two") == numbers(one), "each line once"
    assert (tmp_path / "two" / "after.json").read_text() == (one / "after.json").read_text()
    assert steps(tmp_path / "two") == steps(one)


def test_a_dry_run_takes_shares_and_ends_its_workers(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares, gather = [], Member.gather

    def noted(self: Member, batch: Batch) -> Batch:
        shares.append(len(batch))
        return gather(self, batch)

    monkeypatch.setattr(Member, "gather", noted)
    closed, close = [], TrainingData.close
    monkeypatch.setattr(TrainingData, "close", lambda data: closed.append(close(data)))
    found = in_threads(lambda member: dry_run(config, Backend(member, nothing)))
    assert [one.rank for one in found] == [0, 1]
    assert shares == [config.train.batch_size // SIZE] * 2 * SIZE
    assert len(closed) == SIZE


@pytest.mark.parametrize("asked", [0, 1])
def test_a_signal_to_one_stops_all_at_the_same_step(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: int
) -> None:
    stops: dict[int, Stop] = {}

    @contextmanager
    def caught() -> Iterator[Stop]:
        stop = stops[threading.get_ident()] = Stop()
        yield stop

    def at(step: int, rank: int) -> None:
        if (step, rank) == (7, asked):
            stops[threading.get_ident()].asked = "SIGTERM"

    monkeypatch.setattr("gcl_spec.train.training.caught", caught)
    found = together(config, tmp_path / "run", at)
    assert all(isinstance(error, StoppedError) for error in found), found
    assert "after step 7 of 20" in str(found[0])
    assert str(found[1]) == "", "one process speaks"
    assert int(state(tmp_path / "run")["step"]) == 7
    assert all(isinstance(x, RunFolder) for x in together(None, tmp_path / "run", resume=True))
    one = run_training(config, FakeBackend(), tmp_path / "one").path
    assert numbers(tmp_path / "run") == numbers(one)
    ours, theirs = state(tmp_path / "run"), state(one)
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("place", ["save", "append_metrics", "create", "write"])
def test_when_the_first_cannot_write_all_stop(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def full(*args: Any, **more: Any) -> None:
        raise CheckpointError("No space left on device")

    if place == "save":
        save = checkpoint.save

        def later(folder: Path, values: Any, **more: Any) -> Path:
            if int(values["step"]) == 10:
                full()
            return save(folder, values, **more)

        monkeypatch.setattr(checkpoint, "save", later)
    else:
        monkeypatch.setattr(RunFolder, place, full)
    first, second = together(config, tmp_path / "run")
    assert isinstance(first, CheckpointError)
    assert isinstance(second, TrainingError), second
    assert "process 0 could not" in str(second)
    if place == "save":
        assert int(state(tmp_path / "run")["step"]) == 5


def test_bad_data_stops_all(config: Config, tmp_path: Path) -> None:
    from dataclasses import replace

    bad = replace(config, data=replace(config.data, path=str(tmp_path / "none")))
    found = together(bad, tmp_path / "run")
    assert all(isinstance(error, GclError) for error in found), found


def test_processes_meet_once_a_step(data_folder: Path, tmp_path: Path) -> None:
    config = fast(data_folder, tmp_path / "cache", "train.log_every=20", "train.save_every=20")
    counts: list[tuple[int, int]] = []
    threads = Threads()
    members = [Member(threads, rank) for rank in range(SIZE)]

    def at(step: int, rank: int) -> None:
        counts.append((step, members[rank].calls))

    running = [
        threading.Thread(target=run_training, args=(config, Backend(m, at), tmp_path / "run"))
        for m in members
    ]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    by_step = dict(sorted(counts))
    assert {by_step[n + 1] - by_step[n] for n in range(1, 20)} == {1}


def test_errors_of_the_first_are_its_own_whatever_they_are() -> None:
    with pytest.raises(ZeroDivisionError):
        world.on_first(world.single(), lambda: 1 / 0, "divide")
