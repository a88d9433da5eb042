"""Pictures of every mode of Pillow: their own greys and colours, or a line that says why not."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gcl_spec.data.prepare.checkpoint_pictures import ImageProcessor
from gcl_spec.data.prepare.pictures import load_image
from gcl_spec.errors import DataError

SIDE = 16
RAMP = np.tile(np.arange(0, 256, SIDE, dtype=np.uint8), (SIDE, 1))  # grey, dark to light
READERS = {
    "lite": lambda data: load_image(data, size=SIDE, where="x"),
    "checkpoint": lambda data: ImageProcessor(
        {"size": SIDE, "crop_size": SIDE, "do_normalize": False, "do_rescale": False},
        kind="CLIP",
        where="settings",
    )(data, "x").transpose(1, 2, 0),
}


def file(picture: Any, kind: str = "TIFF") -> bytes:
    buffer = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(buffer, kind)
    return buffer.getvalue()


def raw(mode: str, order: str) -> Image.Image:
    """16 bits a pixel, in one of Pillow's orders of bytes."""
    values = (RAMP.astype(np.uint16) * 257).astype(f"{order}u2")
    return Image.frombytes(mode, (SIDE, SIDE), values.tobytes())


GREY = Image.fromarray(RAMP)
TURNED = Image.merge("RGB", [GREY] * 3)
GOOD: dict[str, Any] = {
    "8 bits": file(GREY),
    "16 bits": file(RAMP.astype(np.uint16) * 257),
    "16 bits, PNG": file(RAMP.astype(np.uint16) * 257, "PNG"),
    "16 bits, opened, big": raw("I;16B", ">"),
    "16 bits, opened, little": raw("I;16L", "<"),
    "32 bits of 8": file(RAMP.astype(np.int32)),
    "decimals of 8 bits": file(RAMP.astype(np.float32)),
    "decimals, opened": Image.fromarray(RAMP.astype(np.float32)),
    "black decimals": file(np.zeros((SIDE, SIDE), np.float32)),
    "with an opacity": file(GREY.convert("LA"), "PNG"),
    "premultiplied": GREY.convert("LA").convert("La"),
    "palette": file(GREY.convert("P"), "PNG"),
    "palette with an opacity": GREY.convert("P").convert("PA"),
    "RGB": file(TURNED),
    "RGBX": TURNED.convert("RGBX"),
    "premultiplied RGB": TURNED.convert("RGBA").convert("RGBa"),
    "CMYK": file(TURNED.convert("CMYK")),
    "YCbCr": file(TURNED.convert("YCbCr")),
    "HSV": TURNED.convert("HSV"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", GOOD)
def test_greys_keep_their_lightness(name: str, reader: str) -> None:
    found = READERS[reader](GOOD[name]).astype(int)
    want = np.zeros_like(RAMP) if name == "black decimals" else RAMP
    assert np.abs(found - want[:, :, None]).max() <= 2, found[0]


def test_two_colours() -> None:
    found = READERS["lite"](file(GREY.convert("1"), "PNG"))
    assert set(np.unique(found)) == {0, 255}


BAD = {
    "decimals to 1": (RAMP / np.float32(255)).astype(np.float32),
    "large decimals": RAMP.astype(np.float32) * 257,
    "negative decimals": RAMP.astype(np.float32) - 1,
    "no number": np.where(RAMP > 9, RAMP, np.nan).astype(np.float32),
    "16 bits in 32": RAMP.astype(np.int32) * 257,
    "32 bits": RAMP.astype(np.int32) * 2**22,
    "negative": RAMP.astype(np.int32) - 1,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("opened", [False, True])
def test_numbers_whose_white_is_not_known(name: str, reader: str, opened: bool) -> None:
    picture: Any = Image.fromarray(BAD[name]) if opened else file(BAD[name])
    with pytest.raises(DataError, match=r"^x: its pixels are .* convert it to 8 or 16 bits"):
        READERS[reader](picture)


@pytest.mark.parametrize("reader", READERS)
def test_colours_that_pillow_does_not_convert(reader: str) -> None:
    neutral = Image.new("L", (SIDE, SIDE), 128)
    grey = Image.merge("LAB", [GREY, neutral, neutral])
    for picture in (grey, file(grey)):
        with pytest.raises(DataError, match=r"^x: its colours are CIE .* convert it to RGB"):
            READERS[reader](picture)
