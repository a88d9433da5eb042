"""Errors of other libraries as one line of this one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gcl_spec._words import one_line
from gcl_spec.errors import FileError, GclError

__all__ = ["first_line", "one_error"]

_MOST = 300


@contextmanager
def one_error(
    what: str,
    where: str,
    kinds: tuple[type[Exception], ...],
    told: Callable[[Exception], tuple[str, str]],
) -> Iterator[None]:
    """Turn what a library raises in this block into a `FileError`: "cannot WHAT WHERE: SAID; WAY".

    Args:
        what: the work, such as "read".
        where: what it is done to.
        kinds: the errors of the library.
        told: gives what an error says, and the way out.

    Raises:
        FileError: the block raised an error of these kinds; one of gcl-spec's own stays as it is.
    """
    try:
        yield
    except GclError:
        raise
    except kinds as error:
        said, way = told(error)
        raise FileError(f"cannot {what} {where}: {said}; {way}") from error


def first_line(error: Exception) -> str:
    """The beginning of what an error says, or the name of its class.

    >>> first_line(ValueError())
    'ValueError'
    """
    said = str(error).strip().partition("\n")[0] or type(error).__name__
    return one_line(said)[:_MOST]
