"""TensorBoard gets every number, W&B one run, and neither can stop a training."""

import struct
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fake import FakeBackend
from gcl_spec.config.options import Config
from gcl_spec.errors import ConfigError, TrainingError
from gcl_spec.run.folder import RunFolder
from gcl_spec.train.training import run_training
from loop_config import fast, numbers


@pytest.fixture
def make(data_folder: Path, tmp_path: Path) -> Callable[..., Config]:
    return lambda *more: fast(data_folder, tmp_path / "cache", *more)


def events(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard would read: records of (length, crc, content, crc)."""
    from tensorboardX.proto.event_pb2 import Event

    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(folder.glob("events*")):
        content, place = path.read_bytes(), 0
        while place < len(content):
            (length,) = struct.unpack_from("<Q", content, place)
            event = Event.FromString(content[place + 12 : place + 12 + length])
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
            place += length + 16
    return found


def test_tensorboard_has_every_number(make: Callable[..., Config], tmp_path: Path) -> None:
    folder = run_training(
        make("train.loggers=['tensorboard']"), FakeBackend(), tmp_path / "run"
    ).path
    found = events(folder / "tensorboard")
    lines = RunFolder.open(folder).metrics()
    for name in ("loss", "loss/image->text", "lr", "samples_per_s"):
        tag = name.replace("->", "-to-")
        wanted = [(line["step"], pytest.approx(line[name])) for line in lines]
        assert found[tag] == wanted


class FakeWandb(types.ModuleType):
    """Keeps what it is given; fails from the `fails_at`-th call of log on."""

    def __init__(self, fails_at: int = 99) -> None:
        super().__init__("wandb")
        self.calls: list[Any] = []
        self.begun: list[dict[str, Any]] = []
        self.finished = 0
        self._fails_at = fails_at

    def init(self, **options: Any) -> "FakeWandb":
        self.begun.append(options)
        return self

    def log(self, values: dict[str, float], step: int) -> None:
        self.calls.append((step, values))
        if len(self.calls) >= self._fails_at:
            raise ConnectionError("no\nnetwork")

    def finish(self) -> None:
        self.finished += 1


class Said:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def update(self, *args: Any) -> None:
        pass

    def say(self, text: str) -> None:
        self.lines.append(text)


def test_wandb_goes_on_with_its_run(
    make: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    config = make("train.loggers=['wandb']")
    monkeypatch.setenv("FAKE_NAN", "12")
    with pytest.raises(TrainingError):
        run_training(config, FakeBackend(), tmp_path / "run")
    monkeypatch.delenv("FAKE_NAN")
    run_training(None, FakeBackend(), tmp_path / "run", resume=True)
    assert [step for step, _ in fake.calls] == [3, 6, 9, 12, 15, 18, 20]
    assert len({options["id"] for options in fake.begun}) == 1
    assert [options["resume"] for options in fake.begun] == ["allow", "allow"]
    assert fake.begun[0]["config"]["train"]["steps"] == 20
    assert fake.finished == 2


def test_a_logger_that_fails_is_said_once(
    make: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, said = FakeWandb(fails_at=2), Said()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    config = make("train.loggers=['wandb']")
    folder = run_training(config, FakeBackend(), tmp_path / "run", reporter=said).path
    assert len(fake.calls) == 2
    warnings = [line for line in said.lines if "warning" in line]
    assert len(warnings) == 1
    assert "wandb fails (ConnectionError: no network); training goes on" in warnings[0]
    assert len(numbers(folder)) == 7


def test_a_logger_that_is_not_installed(
    make: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ConfigError, match=r"pip install 'gcl-spec\[wandb\]'"):
        run_training(make("train.loggers=['wandb']"), FakeBackend(), tmp_path / "run")
    assert not (tmp_path / "run").exists()
