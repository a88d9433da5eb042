"""How names and texts of others appear in messages: short, in one line, without control codes."""

import difflib
import unicodedata
from collections.abc import Iterable

__all__ = ["LFS_POINTER", "brief", "escaped", "is_lfs_pointer", "nearest", "one_line", "shortened"]

LFS_POINTER = (
    "a Git LFS pointer stands here in place of the file: run `git lfs pull` in the clone, or "
    "download the file itself"
)
_LFS = b"version https://git-lfs.github.com/spec/"

# These joiners stand within words of Persian and of Indian languages and within emoji; no terminal
# acts on them.
_JOINERS = "\u200c\u200d"
_ESCAPED_BYTES = range(0xDC80, 0xDD00)  # Python's code points for a path's bytes that are not UTF-8
_BEGIN, _END = 2500, 1000  # characters that stay of a text that is too long


def brief(text: object, most: int = 120) -> str:
    """A user's path, id or other reference as messages name it: of a long one the beginning.

    >>> brief("images/1.jpg"), brief("x" * 5000, 10)
    ('images/1.jpg', 'xxxxxxxxxx... (5,000 characters)')
    """
    said = str(text)
    return said if len(said) <= most else f"{said[:most]}... ({len(said):,} characters)"


def nearest(name: str, known: Iterable[str], prefix: str = "") -> str:
    """The end of a message on an unknown name; empty where none is like it.

    >>> nearest("torhc", ("jax", "torch"))
    '; did you mean torch?'
    """
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {prefix}{close[0]}?" if close else ""


def one_line(text: object) -> str:
    r"""The text with a space for each character that cannot be printed, such as a line end.

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


def escaped(text: object) -> str:
    r"""The text as one line that no terminal acts on and that reads in its own order.

    Messages pass everything through it that holds names, ids or captions of others. It shows
    control characters, line ends, marks that turn the direction of writing, and lone surrogates by
    their escapes.

    >>> escaped("cup\x1b[2J\n") == r"cup\x1b[2J\n"
    True
    >>> escaped("caf\udce9.jpg") == r"caf\xe9.jpg"
    True
    """
    said = str(text)
    return said if said.isprintable() else "".join(map(_shown, said))


def _shown(char: str) -> str:
    if char.isprintable() or char in _JOINERS or unicodedata.category(char) == "Zs":
        return char
    if ord(char) in _ESCAPED_BYTES:
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def shortened(text: str) -> str:
    """The text, without its middle where it is longer than any message should be.

    >>> shortened("a" * 4000)[2490:2540]
    'aaaaaaaaaa ... (500 characters) ... aaaaaaaaaaaaaa'
    """
    left_out = len(text) - _BEGIN - _END
    if left_out < 100:
        return text
    return f"{text[:_BEGIN]} ... ({left_out} characters) ... {text[-_END:]}"
