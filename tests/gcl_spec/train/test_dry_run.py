"""A dry run makes two steps and writes nothing."""

from pathlib import Path

import pytest

from fake import FakeBackend
from gcl_spec.config.options import Config
from gcl_spec.train.training import dry_run
from loop_config import fast


@pytest.fixture
def config(data_folder: Path, tmp_path: Path) -> Config:
    return fast(data_folder, tmp_path / "cache")


def test_dry_run_writes_nothing(config: Config, tmp_path: Path) -> None:
    found = dry_run(config, FakeBackend())
    assert found.parameters == 4 * (3 + 8)
    assert found.seconds_in_all == pytest.approx(20 * found.seconds_per_step)
    assert found.peak_memory_mb > 1
    assert {p.name for p in tmp_path.iterdir()} <= {"cache"}


def test_a_dry_run_of_one_step(data_folder: Path, tmp_path: Path) -> None:
    """The schedule has no second step to ask for."""
    config = fast(data_folder, tmp_path / "cache", "train.steps=1")
    assert dry_run(config, FakeBackend()).seconds_in_all > 0
