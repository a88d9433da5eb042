"""LanceDB, which is imported when an index is first opened, and the quoting of its SQL."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gcl_spec._words import one_line
from gcl_spec.errors import ConfigError, FileError, GclError

__all__ = ["equals_any", "lance_errors", "lancedb"]

_FULL = ("No space left", "os error 28", "quota exceeded", "File too large")


def lancedb() -> Any:
    """The package lancedb.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import lancedb as found
    except ImportError as error:
        raise ConfigError(
            f"an index needs LanceDB: pip install 'gcl-spec[index]' ({error})"
        ) from error
    return found


def equals_any(column: str, values: Collection[str]) -> str:
    """A condition of SQL: the column has one of these texts, whatever is in them.

    In SQL a quote within a text is written twice, and nothing else has a meaning there.

    >>> equals_any("id", ["it's", "b"])
    "id IN ('it''s', 'b')"
    """
    quoted = (f"'{value.replace(_QUOTE, 2 * _QUOTE)}'" for value in values)
    return f"{column} IN ({', '.join(quoted)})"


_QUOTE = "'"


@contextmanager
def lance_errors(what: str, folder: Path) -> Iterator[None]:
    """Turn what LanceDB raises in this block into a `FileError` of one line.

    Args:
        what: the work, such as "read".
        folder: the index.

    Raises:
        FileError: LanceDB raised an error.
    """
    try:
        yield
    except GclError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        said = one_line(str(error).partition("\n")[0])[:300]
        full = any(word in str(error) for word in _FULL)
        advice = (
            "the disk is full: free some space, then give the same command again"
            if full
            else "check its rights and the disk, then try again"
        )
        raise FileError(
            f"cannot {what} the index {folder}: {said}; {advice}; it is as before"
        ) from error
