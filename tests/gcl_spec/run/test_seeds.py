"""Runs of several seeds in one folder."""

from pathlib import Path

from gcl_spec.run.seeds import seed_folder, seed_folders
from reports import write_run


def test_runs_are_in_the_order_of_their_seeds(tmp_path: Path) -> None:
    for seed in (10, 2, 0):
        write_run(seed_folder(tmp_path, seed), None)
    (tmp_path / "seed-1").mkdir()
    (tmp_path / "seed-02").mkdir()
    assert [x.name for x in seed_folders(tmp_path)] == ["seed-0", "seed-2", "seed-10"]
    assert seed_folders(tmp_path / "nothing") == []
