"""Runs of several seeds in one folder."""

from pathlib import Path

import pytest

from gcl_spec.errors import CheckpointError
from gcl_spec.run.seeds import seed_folder, seed_folders
from reports import write_run


def test_runs_are_in_the_order_of_their_seeds(tmp_path: Path) -> None:
    for seed in (10, 2, 0):
        write_run(seed_folder(tmp_path, seed), None)
    (tmp_path / "seed-02").mkdir()
    assert [x.name for x in seed_folders(tmp_path)] == ["seed-0", "seed-2", "seed-10"]
    assert seed_folders(tmp_path / "nothing") == []
    (tmp_path / "none" / "seed-1").mkdir(parents=True)
    assert seed_folders(tmp_path / "none") == []


def test_a_seed_that_is_lost_is_no_smaller_mean(tmp_path: Path) -> None:
    write_run(seed_folder(tmp_path, 0), None)
    (tmp_path / "seed-1").symlink_to(tmp_path / "gone")
    for _ in range(2):
        with pytest.raises(
            CheckpointError, match=r"seed-1: no run .no config\.toml., beside seed-0"
        ):
            seed_folders(tmp_path)
        (tmp_path / "gone").mkdir(exist_ok=True)
