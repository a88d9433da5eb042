"""Going on with a run: one process at a time, with the options that change no number."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fake import FakeBackend, FakeTrainer
from gcl_spec.config.options import Config
from gcl_spec.config.toml import load
from gcl_spec.errors import CheckpointError, ConfigError
from gcl_spec.run.folder import RunFolder
from gcl_spec.train.training import run_training
from loop_config import Said, fast, numbers, state, steps


@pytest.fixture
def config(data_folder: Path, tmp_path: Path) -> Config:
    return fast(data_folder, tmp_path / "cache")


def broken_off(config: Config, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that stopped in step 9, after the checkpoint of step 5."""
    monkeypatch.setenv("FAKE_NAN", "9")
    with pytest.raises(Exception, match="step 9"):
        run_training(config, FakeBackend(), folder)
    monkeypatch.delenv("FAKE_NAN")


@pytest.mark.parametrize("resumed", [False, True])
def test_one_process_at_a_time_trains_in_a_folder(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resumed: bool
) -> None:
    folder, step, said = tmp_path / "run", FakeTrainer.step, []
    if resumed:
        broken_off(config, folder, monkeypatch)

    def wrapped(self: FakeTrainer, batch: Any, /, *, lr: float) -> Mapping[str, Any]:
        if self.steps == 7:
            with pytest.raises(ConfigError, match="another process trains in") as raised:
                run_training(None, FakeBackend(), folder, resume=True)
            said.append(raised)
        return step(self, batch, lr=lr)

    monkeypatch.setattr(FakeTrainer, "step", wrapped)
    run_training(None if resumed else config, FakeBackend(), folder, resume=resumed)
    monkeypatch.undo()
    assert len(said) == 1
    assert numbers(folder) == numbers(run_training(config, FakeBackend(), tmp_path / "whole").path)
    run_training(None, FakeBackend(), folder, resume=True)  # it is free again


def test_options_that_change_no_number_may_change(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, said = tmp_path / "run", Said()
    broken_off(config, folder, monkeypatch)
    given = load(path=folder / "config.toml", overrides=["train.save_every=4", "data.workers=0"])
    run_training(given, FakeBackend(), folder, resume=True, reporter=said)
    assert steps(folder) == [16, 20]
    assert RunFolder.open(folder).config() == given
    assert said.lines == [
        f"{folder}/config.toml: train.save_every = 4, was 5; data.workers = 0, was 2"
    ]
    whole = run_training(config, FakeBackend(), tmp_path / "whole").path
    assert state(folder)["params/image"].tobytes() == state(whole)["params/image"].tobytes()


@pytest.mark.parametrize(
    ("section", "changes", "message"),
    [
        ("optim", {"lr": 0.5}, r"other options \(optim\.lr: 0\.01, 0\.5, the run's first\)"),
        ("train", {"steps": 30, "keep": 3}, r"\(train\.steps: 20, 30, .*schedule of the learning"),
    ],
)
def test_options_that_change_numbers_may_not(
    config: Config, tmp_path: Path, section: str, changes: dict[str, Any], message: str
) -> None:
    run_training(config, FakeBackend(), tmp_path / "run")
    changed = replace(getattr(config, section), **changes)
    with pytest.raises(ConfigError, match=message) as raised:
        run_training(
            replace(config, **{section: changed}), FakeBackend(), tmp_path / "run", resume=True
        )
    assert f"--init {tmp_path / 'run'}" in str(raised.value)
    assert RunFolder.open(tmp_path / "run").config() == config


def test_damaged_lines_of_metrics_are_left_out(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tail in (b'{"step": 2, "lo', b"\0\0\0\n", b'{"step": 2}', b"[]\n", b'{"step": "2"}\n'):
        (tmp_path / "metrics.jsonl").write_bytes(b'{"step": 1}\n' + tail)
        assert RunFolder(tmp_path).metrics() == [{"step": 1}]
        assert not RunFolder(tmp_path).damaged_metrics()
    folder, said = tmp_path / "run", Said()
    every = replace(config, train=replace(config.train, log_every=1))
    broken_off(every, folder, monkeypatch)
    lines = (folder / "metrics.jsonl").read_text().splitlines(keepends=True)
    lines[1] = lines[1][:9] + "\n"
    (folder / "metrics.jsonl").write_text("".join(lines))
    with pytest.raises(CheckpointError, match=r"metrics\.jsonl: not as it was written"):
        run_training(None, FakeBackend(), folder, resume=True)
    run_training(None, FakeBackend(), folder, resume=True, allow_unverified=True, reporter=said)
    log = f"warning: {folder}/metrics.jsonl:"
    assert said.lines == [
        f"{log} not as it was written: edited, cut or damaged; taken as it stands",
        f"{log} line 2 is damaged, left out",
    ]
    assert [line["step"] for line in numbers(folder)] == [1, *range(3, 21)]
