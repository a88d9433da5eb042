"""Text chunks of a PNG."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from gcl_spec.data.prepare.pictures import load_image
from gcl_spec.errors import DataError
from kinds import png


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("place", ["first", "last"])
@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"tEXt", b"iCCP"])
def test_a_long_text_in_a_png_does_not_matter(
    kind: bytes, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PngImagePlugin, "MAX_TEXT_MEMORY", 4 * 2**20)  # a sixteenth of Pillow's
    packed = zlib.compress(b"x" * 5 * 2**20)
    content = {
        b"zTXt": b"parameters\0\0" + packed,
        b"iTXt": b"workflow\0\1\0\0\0" + packed,
        b"tEXt": b"parameters\0" + b"x" * 5 * 2**20,
        b"iCCP": b"icc\0\0" + packed,
    }[kind]
    data = png(9)
    at = data.index(b"IDAT") - 4 if place == "first" else data.index(b"IEND") - 4
    long = data[:at] + chunk(kind, content) + data[at:]
    want = load_image(data, size=8, where="x")
    np.testing.assert_array_equal(load_image(long, size=8, where="x"), want)


def test_a_bomb_is_one_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    data = png(9)
    at = data.index(b"IDAT") - 4
    packed = b"parameters\0\0" + zlib.compress(b"x" * 5 * 2**20)
    for picture in (data, data[:at] + chunk(b"zTXt", packed) + data[at:]):
        with pytest.raises(DataError, match="too large"):
            load_image(picture, size=8, where="x")
