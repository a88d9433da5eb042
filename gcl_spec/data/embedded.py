"""Pictures as text, in the place of a path: data: URIs (RFC 2397) and base64."""

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from gcl_spec._words import brief
from gcl_spec.errors import DataError

__all__ = ["EMBEDDED", "embedded", "is_embedded", "is_picture", "unwrapped"]

EMBEDDED = "pictures are given as base64 text, not as paths or files; it is decoded"
"""A hint for notes: files of pictures are read faster, and take a quarter less space."""

# The base64 of a PNG, JPEG, GIF, WebP, TIFF (two orders of bytes) and BMP begins so.
_BEGINNINGS = ("iVBORw0KGgo", "/9j/", "_9j_", "R0lGOD", "UklGR", "SUkqA", "TU0AK", "Qk")
_BYTES = tuple(beginning.encode() for beginning in _BEGINNINGS)
# The files themselves, of all these formats but WebP, begin so.
_FILES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*", b"BM")
_SHORTEST = 60  # the least characters of an embedded picture; few paths have more
_ONLY = re.compile(r"[A-Za-z0-9+/_\-\s]+={0,2}\s*")


def embedded(reference: str) -> bytes | None:
    """The file that a reference holds itself; None where it is a path.

    Raises:
        DataError: a data: URI or base64 text that cannot be decoded.
    """
    if reference[:5].lower() == "data:":
        head, comma, data = reference.partition(",")
        if not comma:
            raise DataError(f"{brief(reference)!r}: a data: URI without a comma; no picture")
        if head.lower().rstrip().endswith(";base64"):
            return _decoded(unquote_to_bytes(data) if "%" in data else data.encode(), reference)
        return unquote_to_bytes(data)
    text = reference.lstrip()
    looks = len(text) >= _SHORTEST and text.startswith(_BEGINNINGS) and _ONLY.fullmatch(text)
    return _decoded(text.encode(), reference) if looks else None


def is_embedded(value: object) -> bool:
    """Does a text, or do bytes, begin as base64 or a data: URI does?"""
    if isinstance(value, str):
        return value[:5].lower() == "data:" or (
            len(value) >= _SHORTEST
            and value.startswith(_BEGINNINGS)
            and _ONLY.fullmatch(value[:_SHORTEST]) is not None
        )
    return isinstance(value, bytes) and len(value) >= _SHORTEST and value.startswith(_BYTES[:-1])


def is_picture(begun: bytes) -> bool:
    """Does a file that begins so hold a picture of a format that is read, or its base64?"""
    webp = begun[:4] == b"RIFF" and begun[8:12] == b"WEBP"
    return webp or begun.startswith(_FILES) or is_embedded(begun)


def unwrapped(data: bytes) -> bytes:
    """The content of a picture file, of which base64 or a data: URI may be given."""
    if len(data) >= _SHORTEST and data.startswith((*_BYTES, b"data:image/")):
        try:
            return embedded(data.decode("ascii")) or data
        except (DataError, UnicodeDecodeError):
            return data  # a BMP file may begin like base64
    return data


def _decoded(text: bytes, reference: str) -> bytes:
    """The bytes of base64, also of the kind for URLs, without its padding, or in several lines."""
    plain = b"".join(text.split()).translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
    try:
        return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except binascii.Error as error:
        raise DataError(f"{brief(reference)!r}: damaged base64 text: {error}") from error
