"""A picture that is too large to be decoded, in a few hundred bytes."""

import struct
import zlib

from PIL import Image

__all__ = ["huge_png"]


def huge_png(orientation: int = 1) -> bytes:
    """A header that promises 400 megapixels, and next to nothing behind it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0))
    head += _chunk(b"eXIf", exif.tobytes()[6:])
    return b"\x89PNG\r\n\x1a\n" + head + _chunk(b"IDAT", zlib.compress(b"\0" * 100))


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check
