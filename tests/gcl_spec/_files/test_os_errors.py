"""What the system refuses: one line that says what, where, and the way out."""

import errno
import os
from pathlib import Path

import pytest

from gcl_spec._files.os_errors import cannot_write, not_durable, one_line, tidying, way_out
from gcl_spec.errors import FileError
from gcl_spec.progress import warnings_to


def refused(code: int, *names: str) -> OSError:
    return OSError(code, os.strerror(code), *names)


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.ENOSPC, "free some space or choose another place"),
        (errno.EDQUOT, "free some space or choose another place"),
        (errno.EROFS, "make it writable or choose another place"),
        (errno.EIO, "choose another place"),
    ],
)
def test_the_way_out(code: int, advice: str) -> None:
    assert way_out(refused(code)) == advice


def test_an_error_of_a_block_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught, one_line("read", tmp_path / "a"):
        raise refused(errno.EIO)
    said = str(caught.value)
    assert said.startswith(f"cannot read {tmp_path / 'a'}: Input/output error; check its rights")
    with pytest.raises(FileError, match=r"cannot read /named: .*; free some space"):  # noqa: SIM117
        with one_line("read", tmp_path):
            raise refused(errno.ENOSPC, "/named")


def test_other_errors_stay(tmp_path: Path) -> None:
    with pytest.raises(KeyError), one_line("read", tmp_path):
        raise KeyError
    with pytest.raises(KeyError), tidying("remove", tmp_path):
        raise KeyError


def test_a_clean_up_that_fails_stops_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    with warnings_to(said.append), tidying("remove", tmp_path / "a"):
        raise refused(errno.EACCES)
    (line,) = said
    assert f"cannot remove {tmp_path / 'a'}: Permission denied; what is there stays" in line


def test_a_write_that_failed(tmp_path: Path) -> None:
    full = str(cannot_write(tmp_path / "a", refused(errno.ENOSPC), 3_000_000))
    assert "No space left on device (3.0 MB are needed, " in full
    assert full.endswith("what was there before is untouched")
    gone = str(cannot_write(tmp_path / "none" / "a", refused(errno.ENOSPC), None))
    assert "(an unknown number of MB are free)" in gone
    other = str(cannot_write(tmp_path / "a", refused(errno.EIO), 3_000_000))
    assert "MB" not in other


def test_a_file_that_may_not_last_is_not_called_untouched(tmp_path: Path) -> None:
    said = str(not_durable(tmp_path / "a", refused(errno.EIO)))
    assert said.startswith(f"{tmp_path / 'a'} is written, but")
    assert "untouched" not in said
