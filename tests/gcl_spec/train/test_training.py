"""What a training begins with, and what it never touches."""

from pathlib import Path

import pytest

from fake import FakeBackend
from gcl_spec.config.options import Config
from gcl_spec.config.toml import loads
from gcl_spec.errors import CheckpointError, ConfigError, DataError
from gcl_spec.train.training import run_training
from loop_config import fast, numbers


@pytest.fixture
def config(data_folder: Path, tmp_path: Path) -> Config:
    return fast(data_folder, tmp_path / "cache")


def test_init_takes_weights_and_begins_at_step_0(config: Config, tmp_path: Path) -> None:
    first = run_training(config, FakeBackend(), tmp_path / "a").path
    second = run_training(config, FakeBackend(), tmp_path / "b", init=first).path
    assert (second / "before.json").read_text() == (first / "after.json").read_text()
    assert numbers(second)[0]["step"] == 3
    assert numbers(second)[0]["loss"] < numbers(first)[0]["loss"]


def test_an_existing_folder_is_never_touched(config: Config, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="go on with --resume"):
        run_training(config, FakeBackend(), tmp_path / "run")
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["mine.txt"]


def test_bad_data_leaves_no_folder(config: Config, tmp_path: Path) -> None:
    bad = loads("", [f"data.path='{tmp_path / 'none'}'"])
    with pytest.raises(DataError, match="no folder or zip archive"):
        run_training(bad, FakeBackend(), tmp_path / "run")
    small = loads("", [f"data.path='{config.data.path}'", "train.batch_size=99"])
    with pytest.raises(DataError, match="more than the 24 samples"):
        run_training(small, FakeBackend(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_resume_refuses_other_options(config: Config, tmp_path: Path) -> None:
    from dataclasses import replace

    run_training(config, FakeBackend(), tmp_path / "run")
    other = replace(config, train=replace(config.train, steps=30))
    with pytest.raises(ConfigError, match=r"train\.steps: 20, 30"):
        run_training(other, FakeBackend(), tmp_path / "run", resume=True)
    with pytest.raises(CheckpointError, match="not a run folder"):
        run_training(None, FakeBackend(), tmp_path / "none", resume=True)
    with pytest.raises(CheckpointError, match="not a run folder"):
        run_training(config, FakeBackend(), tmp_path / "new", init=tmp_path / "none")
    assert not (tmp_path / "new").exists()
