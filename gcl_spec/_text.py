"""Words of messages."""

import difflib
from collections.abc import Iterable

__all__ = ["LFS_POINTER", "is_lfs_pointer", "nearest", "one_line"]

LFS_POINTER = (
    "a Git LFS pointer stands here in place of the file: run `git lfs pull` in the clone, or "
    "download the file itself"
)
_LFS = b"version https://git-lfs.github.com/spec/"


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


def is_lfs_pointer(beginning: bytes) -> bool:
    r"""Do these first bytes of a file, 64 or more, begin what Git LFS leaves in a file's place?

    >>> is_lfs_pointer(b"version https://git-lfs.github.com/spec/v1\noid sha256:")
    True
    """
    return beginning.startswith(_LFS)
