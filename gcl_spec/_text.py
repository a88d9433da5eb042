"""Words of messages."""

import difflib
from collections.abc import Iterable

__all__ = ["nearest", "one_line"]


def nearest(name: str, known: Iterable[str], prefix: str = "") -> str:
    """The end of a message on an unknown name; empty where none is like it.

    >>> nearest("torhc", ("jax", "torch"))
    '; did you mean torch?'
    """
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {prefix}{close[0]}?" if close else ""


def one_line(text: object) -> str:
    r"""What `text` says, with a space for what cannot be printed: line ends, lone surrogates.

    >>> one_line("no room\n\ud800")
    'no room'
    """
    return "".join(c if c.isprintable() else " " for c in str(text)).strip()
