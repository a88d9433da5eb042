"""PNG files without the parts that no picture needs."""

import struct

__all__ = ["is_png", "without_notes"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Texts, such as the settings of a generator, and the colour profile, which we do not apply.
_NOTES = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")


def is_png(data: bytes) -> bool:
    """Does the file begin as a PNG does?"""
    return data.startswith(_SIGNATURE)


def without_notes(data: bytes) -> bytes:
    """The file without texts and colour profile, of which Pillow bounds the size: 1 MiB unpacked.

    From where its structure is damaged it stays as it is.
    """
    kept, at = [data[: len(_SIGNATURE)]], len(_SIGNATURE)
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        end = at + 12 + size
        if end > len(data):
            break
        if kind not in _NOTES:
            kept.append(data[at:end])
        at = end
    return b"".join([*kept, data[at:]])
