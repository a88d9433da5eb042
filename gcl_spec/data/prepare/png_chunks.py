"""Takes from PNG files the parts that no picture needs."""

import struct

__all__ = ["is_png", "without_notes"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Texts, such as the settings of a generator, and the colour profile, which is not applied.
_NOTES = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")


def is_png(data: bytes) -> bool:
    """Does the file begin as a PNG does?"""
    return data.startswith(_SIGNATURE)


def without_notes(data: bytes) -> bytes:
    """The file without texts and colour profile, whose size Pillow bounds to 1 MiB unpacked.

    A file is left as it is from the place on where its structure is damaged.
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
