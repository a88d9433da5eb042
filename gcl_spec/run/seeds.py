"""Runs that differ in their seed alone, in the folders seed-0, seed-1, ... of one folder."""

import re
from pathlib import Path

from gcl_spec.errors import CheckpointError
from gcl_spec.run import manifest

__all__ = ["seed_folder", "seed_folders"]

_NAME = re.compile(r"seed-(0|[1-9][0-9]{0,8})")


def seed_folder(path: Path, seed: int) -> Path:
    """The folder of the run of a seed."""
    return path / f"seed-{seed}"


def seed_folders(path: Path) -> list[Path]:
    """The runs in a folder, by their seed; none where there are none.

    Raises:
        CheckpointError: beside some there is one without its files, which a mean would lack.
    """
    if not path.is_dir():
        return []
    matches = [(match, entry) for entry in path.iterdir() if (match := _NAME.fullmatch(entry.name))]
    runs = [(int(match[1]), entry) for match, entry in matches]
    whole = [x for _, x in sorted(runs) if manifest.stored(x, "config.toml") is not None]
    lost = [entry for _, entry in sorted(runs) if entry not in whole]
    if whole and lost:
        raise CheckpointError(
            f"{lost[0]}: no run (no config.toml), beside {whole[0].name}; restore or remove it"
        )
    return whole
