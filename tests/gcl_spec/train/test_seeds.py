"""Which of several seeds are new, begun or done, and what is refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from gcl_spec.config.options import Config
from gcl_spec.errors import CheckpointError, ConfigError
from gcl_spec.train.adapter_widths import resolved
from gcl_spec.train.seeds import plan_seeds
from reports import write_run


def config_of(seed: int) -> Config:
    return resolved(replace(Config(), train=replace(Config().train, seed=seed)))


def test_what_is_there_is_not_trained_again(tmp_path: Path) -> None:
    write_run(tmp_path / "seed-0", [1.0], config_of(0))
    write_run(tmp_path / "seed-2", None, config_of(2))
    planned = plan_seeds(4, Config(), tmp_path)
    assert [run.state for run in planned] == ["done", "new", "begun", "new"]
    assert [run.path.name for run in planned] == ["seed-0", "seed-1", "seed-2", "seed-3"]
    assert [run.config.train.seed for run in planned] == [0, 1, 2, 3]


def test_other_options_and_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"leave train\.seed out"):
        plan_seeds(2, config_of(7), tmp_path)
    write_run(tmp_path / "seed-0", [1.0], config_of(0))
    other = replace(Config(), train=replace(Config().train, batch_size=7))
    with pytest.raises(ConfigError, match=r"seed-0 was started with other .*train\.batch_size"):
        plan_seeds(1, other, tmp_path)
    with pytest.raises(ConfigError, match="is a run itself"):
        plan_seeds(1, Config(), tmp_path / "seed-0")
    (tmp_path / "seed-1").mkdir()
    with pytest.raises(CheckpointError, match="seed-1: not a run folder"):
        plan_seeds(2, Config(), tmp_path)
