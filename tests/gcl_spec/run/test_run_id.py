"""Which run a checkpoint belongs to, also where the disk does not answer."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from gcl_spec.errors import CheckpointError
from gcl_spec.run import manifest, run_id
from gcl_spec.run.folder import RunFolder


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of files of which the system tells nothing, as a disk that fails."""
    names: list[str] = []

    def failing(call: Any) -> Any:
        def wrapped(path: Any, *args: Any, **more: Any) -> Any:
            if isinstance(path, str | Path) and Path(path).name in names:
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
            return call(path, *args, **more)

        return wrapped

    for name in ("stat", "open"):
        monkeypatch.setattr(os, name, failing(getattr(os, name)))
    return names


def test_a_run_of_an_older_version_has_no_id(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    with pytest.raises(CheckpointError, match=r"checksums\.json: missing, .*--allow-unverified"):
        run_id.notes(tmp_path)
    assert run_id.notes(tmp_path, allow_unverified=True) == {}
    manifest.adopt(tmp_path)
    assert run_id.notes(tmp_path) == {}


def test_an_id_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path, deaf: list[str]) -> None:
    # Checkpoints without the id would be refused later as those of another run.
    (tmp_path / run_id.NAME).write_text("17")
    manifest.adopt(tmp_path)
    assert run_id.notes(tmp_path) == {run_id.NOTE: 17}
    deaf.append(run_id.NAME)
    with pytest.raises(CheckpointError, match="run-id: cannot read it: Input/output error"):
        run_id.notes(tmp_path)


def test_a_run_that_cannot_be_read_is_not_said_to_be_none(tmp_path: Path, deaf: list[str]) -> None:
    with pytest.raises(CheckpointError, match="not a run folder"):
        RunFolder.open(tmp_path)
    (tmp_path / "config.toml").write_text("")
    RunFolder.open(tmp_path)
    deaf.append("config.toml")
    with pytest.raises(CheckpointError, match=r"config\.toml: cannot read it: Input/output error"):
        RunFolder.open(tmp_path)
