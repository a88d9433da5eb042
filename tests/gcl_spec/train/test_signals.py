"""Signals, the clock, steps that are skipped, loggers, the best checkpoint."""

import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fake import FakeBackend, FakeTrainer
from gcl_spec.config.options import Config
from gcl_spec.errors import FileError, StoppedError, TrainingError
from gcl_spec.run import checkpoint
from gcl_spec.run.folder import RunFolder
from gcl_spec.train import signals
from gcl_spec.train.loop import Guard
from gcl_spec.train.training import run_training
from loop_config import fast, numbers, state, steps

Step = Callable[..., Mapping[str, Any]]


@pytest.fixture
def make(data_folder: Path, tmp_path: Path) -> Callable[..., Config]:
    return lambda *more: fast(data_folder, tmp_path / "cache", *more)


def at_step(monkeypatch: pytest.MonkeyPatch, number: int, action: Callable[[], object]) -> None:
    """Run `action` inside the step of this number, from 1, once."""
    step: Step = FakeTrainer.step
    done = []

    def wrapped(self: FakeTrainer, batch: Any, /, *, lr: float) -> Mapping[str, Any]:
        if self.steps + 1 == number and not done:
            done.append(number)
            action()
        return step(self, batch, lr=lr)

    monkeypatch.setattr(FakeTrainer, "step", wrapped)


def same(ours: Path, theirs: Path) -> None:
    assert numbers(ours) == numbers(theirs)
    assert (ours / "after.json").read_text() == (theirs / "after.json").read_text()
    a, b = state(ours), state(theirs)
    assert a.keys() == b.keys()
    assert all(np.array_equal(a[name], b[name]) for name in b)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("step", [1, 8, 16, 20])
def test_a_signal_saves_the_step_and_resume_is_an_unbroken_run(
    make: Callable[..., Config],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    step: int,
) -> None:
    config = make("train.eval_every=8", "train.keep_best=true")
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    at_step(monkeypatch, step, lambda: os.kill(os.getpid(), number))
    said = f"stopped by {number.name} after step {step} of 20, which is saved in .*run"
    with pytest.raises(StoppedError, match=said) as caught:
        run_training(config, FakeBackend(), tmp_path / "run")
    assert caught.value.exit_code == 130
    assert caught.value.resumable
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == before
    assert int(state(tmp_path / "run")["step"]) == step
    run_training(None, FakeBackend(), tmp_path / "run", resume=True)
    same(tmp_path / "run", run_training(config, FakeBackend(), tmp_path / "whole").path)


def test_a_signal_before_and_after_the_steps(
    make: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, report = FakeTrainer.features, RunFolder.write
    ask = lambda: os.kill(os.getpid(), signal.SIGTERM)  # noqa: E731

    def early(self: FakeTrainer, batch: Any, /) -> Any:
        ask()
        return features(self, batch)

    def late(self: RunFolder, name: str, text: str) -> None:
        if name == "after.json":
            ask()
        report(self, name, text)

    monkeypatch.setattr(FakeTrainer, "features", early)
    with pytest.raises(StoppedError, match="SIGTERM before there was a run") as first:
        run_training(make(), FakeBackend(), tmp_path / "run")
    assert not first.value.resumable
    assert {p.name for p in tmp_path.iterdir()} <= {"cache"}
    monkeypatch.undo()
    monkeypatch.setattr(RunFolder, "write", late)
    with pytest.raises(StoppedError, match="the checkpoints are in") as second:
        run_training(make(), FakeBackend(), tmp_path / "run")
    assert second.value.resumable
    monkeypatch.undo()
    run_training(None, FakeBackend(), tmp_path / "run", resume=True)
    same(tmp_path / "run", run_training(make(), FakeBackend(), tmp_path / "whole").path)


def test_a_second_signal_is_the_systems() -> None:
    found = []

    def block(stop: signals.Stop) -> None:
        with stop.at_step_ends():
            os.kill(os.getpid(), signal.SIGTERM)
            found.extend(signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM))

    with signals.caught() as stop:
        with pytest.raises(KeyboardInterrupt):
            block(stop)
        assert stop.asked == "SIGTERM"
    assert found == [signal.SIG_DFL, signal.SIG_DFL]


def test_handlers_are_for_the_main_thread_and_not_for_ignored_signals() -> None:
    found = []

    def look() -> None:
        with signals.caught():
            found.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [before]
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        look()
        assert found[-1] is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_ignored_signal_stays_ignored_after_the_other(number: signal.Signals) -> None:
    """As in a job that a shell started in the background: SIGTERM alone ends it."""
    other = signal.SIGTERM if number == signal.SIGINT else signal.SIGINT
    signal.signal(number, signal.SIG_IGN)
    with signals.caught() as stop:
        os.kill(os.getpid(), number)
        assert stop.asked == ""
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), other)
        assert stop.asked == other.name
        assert signal.getsignal(other) is signal.SIG_DFL
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is signal.SIG_IGN


def test_minutes_save_more_and_change_no_number(
    make: Callable[..., Config], tmp_path: Path
) -> None:
    """A clock that goes on by 20 s whenever it is looked at."""
    times = iter(range(0, 10**6, 20))
    config = make("train.save_minutes=1", "train.keep=99")
    timed = run_training(
        config, FakeBackend(), tmp_path / "timed", clock=lambda: float(next(times))
    ).path
    plain = run_training(make("train.keep=99"), FakeBackend(), tmp_path / "plain").path
    assert steps(plain) == [0, 5, 10, 15, 20]
    assert len(steps(timed)) > 7
    assert {*steps(plain)} < {*steps(timed)}
    same(timed, plain)


def test_some_checkpoints_are_kept_for_good(
    make: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gcl_spec.evaluate.evaluation import Report

    figures = iter([0.1, 0.5, 0.5, 0.3])
    monkeypatch.setattr(Report, "average", lambda *args: next(figures))
    monkeypatch.setattr("gcl_spec.train.training.render", lambda *args, **more: "")
    more = ("train.eval_every=4", "train.keep_best=true", "train.keep=1", "train.keep_every=10")
    folder = run_training(make(*more), FakeBackend(), tmp_path / "run").path
    assert steps(folder) == [0, 8, 10, 20]


def guarded(monkeypatch: pytest.MonkeyPatch, *bad: int, skips: bool = True) -> None:
    """Steps, from 1, whose loss is not finite; the trainer leaves its parameters alone."""
    step: Step = FakeTrainer.step

    def wrapped(self: FakeTrainer, batch: Any, /, *, lr: float) -> Mapping[str, Any]:
        harmed = self.steps + 1 in bad
        values = step(self, batch, lr=0.0 if harmed else lr)
        if harmed:
            values = {**values, "loss": float("nan")}
        return {**values, "skipped": float(harmed)} if skips else values

    monkeypatch.setattr(FakeTrainer, "step", wrapped)


def test_skipped_steps_are_counted_and_resumed(
    make: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make("optim.skip_nonfinite=3")
    guarded(monkeypatch, 3, 6, 7, 11)
    whole = run_training(config, FakeBackend(), tmp_path / "whole").path
    lines = numbers(whole)
    assert [line["skipped"] for line in lines] == [1, 2, 3, 4, 4, 4, 4]
    assert "loss" not in lines[0], "JSON has no NaN"
    assert lines[2]["loss"] == lines[2]["loss/image->text"]
    at_step(monkeypatch, 7, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(StoppedError):
        run_training(config, FakeBackend(), tmp_path / "run")
    notes = checkpoint.latest(tmp_path / "run" / "checkpoints").notes
    assert {name: notes[name] for name in ("skipped", "in_a_row")} == {"skipped": 3, "in_a_row": 2}
    run_training(None, FakeBackend(), tmp_path / "run", resume=True)
    same(tmp_path / "run", whole)


@pytest.mark.parametrize(
    ("limit", "bad", "skips", "message"),
    [
        (2, (6, 7), True, "step 7 .*skipped steps in a row: 2"),
        (0, (4,), True, "step 4 "),
        (3, (4,), False, "step 4 "),
    ],
)
def test_too_many_or_unguarded_steps_stop_the_run(
    make: Callable[..., Config],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
    bad: tuple[int, ...],
    skips: bool,
    message: str,
) -> None:
    guarded(monkeypatch, *bad, skips=skips)
    with pytest.raises(TrainingError, match=message):
        run_training(make(f"optim.skip_nonfinite={limit}"), FakeBackend(), tmp_path / "run")
    assert int(state(tmp_path / "run")["step"]) <= min(bad)


def test_a_row_is_counted_over_reads() -> None:
    guard = Guard(3, in_a_row=1, skipped=5)
    bad = {"loss": float("inf"), "grad_norm": 0.0, "skipped": 1.0}
    guard.add(1, 0.1, bad)
    assert guard.read()["skipped"] == 6
    guard.add(2, 0.1, {**bad, "loss": 1.0, "skipped": 0.0})
    for n in (3, 4):
        guard.add(n, 0.1, bad)
    assert guard.read()["skipped"] == 8
    guard.add(5, 0.1, bad)
    with pytest.raises(TrainingError, match=r"step 5 .*in a row: 3"):
        guard.read()


def test_a_full_disk_while_training_leaves_a_run_to_resume(
    make: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, calls = RunFolder.append_metrics, []
    from gcl_spec._files import atomic

    def full(self: RunFolder, values: Mapping[str, Any]) -> None:
        calls.append(values)
        if len(calls) == 4:
            with (self.path / "metrics.jsonl").open("a") as file:
                file.write('{"step": 12, "lo')
            raise atomic.cannot_write(self.path, OSError(28, "No space left on device"), 100)
        append(self, values)

    monkeypatch.setattr(RunFolder, "append_metrics", full)
    with pytest.raises(FileError, match=r"No space left .*0\.0 MB are needed, .* are free"):
        run_training(make(), FakeBackend(), tmp_path / "run")
    monkeypatch.undo()
    run_training(None, FakeBackend(), tmp_path / "run", resume=True)
    same(tmp_path / "run", run_training(make(), FakeBackend(), tmp_path / "whole").path)
