"""Locks: one holder at a time, gone with their file, and never in the way of a system without."""

import errno
import fcntl
from pathlib import Path

import pytest

from gcl_spec._files.locks import let_go, lock, locked
from gcl_spec.errors import ConfigError, FileError
from gcl_spec.progress import warnings_to


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    first = lock(tmp_path, wait=False)
    assert first is not None
    assert lock(tmp_path, wait=False) is None
    let_go(first)
    again = lock(tmp_path, wait=True)
    assert again is not None
    let_go(again)
    let_go(again)  # closing it twice is no error
    let_go(None)


def test_what_cannot_be_opened_has_no_lock(tmp_path: Path) -> None:
    assert lock(tmp_path / "none", wait=False) is None
    with (
        pytest.raises(FileError, match=r"cannot lock .*none: .*choose another place"),
        locked(tmp_path / "none"),
    ):
        pytest.fail("the block was entered")


def test_a_run_folder_is_held_within_the_block(tmp_path: Path) -> None:
    with locked(tmp_path):
        assert lock(tmp_path, wait=False) is None
        with pytest.raises(ConfigError, match="another process trains in"), locked(tmp_path):
            pytest.fail("the block was entered")
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        raise ZeroDivisionError
    let_go(free := lock(tmp_path, wait=False))
    assert free is not None


@pytest.mark.parametrize(("code", "lines"), [(errno.ENOLCK, 0), (errno.EIO, 1)])
def test_a_system_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, lines: int
) -> None:
    def refuse(number: int, how: int) -> None:
        raise OSError(code, "refused")

    monkeypatch.setattr(fcntl, "flock", refuse)
    said: list[str] = []
    entered = False
    with warnings_to(said.append), locked(tmp_path):
        entered = True
    assert entered
    assert len(said) == lines
    assert all("see to it that no other process trains there" in line for line in said)
    assert lock(tmp_path, wait=False) is None
