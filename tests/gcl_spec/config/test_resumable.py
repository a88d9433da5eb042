"""Which options of a run may change when it goes on."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from gcl_spec.config.options import Config, TrainConfig
from gcl_spec.config.resumable import FREE, changes, differences
from gcl_spec.errors import ConfigError


def test_differences_are_named() -> None:
    other = replace(Config(), train=TrainConfig(steps=5))
    assert differences(Config(), other) == [("train.steps", 600, 5)]


def test_what_changes_no_number_may_change(tmp_path: Path) -> None:
    own = Config()
    given = replace(own, data=replace(own.data, workers=5, path="moved"))
    assert changes(tmp_path, own, own) == []
    assert changes(tmp_path, own, given) == [
        "data.path = 'moved', was 'starter'",
        "data.workers = 5, was 2",
    ]


def test_what_changes_numbers_may_not(tmp_path: Path) -> None:
    own = Config()
    given = replace(own, train=replace(own.train, steps=7), data=replace(own.data, workers=5))
    with pytest.raises(ConfigError) as caught:
        changes(tmp_path, own, given)
    said = str(caught.value)
    assert "(train.steps: 600, 7, the run's first)" in said
    assert "train.steps stretches the schedule" in said
    assert "data.workers" not in said
    assert said.endswith(f"--init {tmp_path}")


def test_options_that_may_change_are_options() -> None:
    known = {f"{section}.{key}" for section, table in asdict(Config()).items() for key in table}
    assert known >= FREE
