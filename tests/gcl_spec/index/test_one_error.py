"""Errors of libraries in one line."""

import pytest

from gcl_spec.errors import DataError, FileError
from gcl_spec.index.one_error import first_line, one_error


def told(error: Exception) -> tuple[str, str]:
    return first_line(error), "try again"


def test_errors_of_a_library_are_one_line_and_others_stay() -> None:
    with (
        pytest.raises(FileError, match=r"^cannot read the shelf: it is full; try again$"),
        one_error("read", "the shelf", (ValueError,), told),
    ):
        raise ValueError("\nit is full\nand more")
    with pytest.raises(TypeError), one_error("read", "the shelf", (ValueError,), told):
        raise TypeError
    with (
        pytest.raises(DataError, match=r"^our own$"),
        one_error("read", "the shelf", (ValueError,), told),
    ):
        raise DataError("our own")
    assert len(first_line(ValueError("x" * 999))) == 300
    assert first_line(KeyError()) == "KeyError"
