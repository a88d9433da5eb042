"""Pictures, tokens, batches."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gcl_spec.data.prepare import pictures
from gcl_spec.data.prepare.pictures import load_image, shrunk, square_image
from gcl_spec.errors import DataError
from huge_pictures import huge_png


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def test_transparent_is_white_and_padding_is_square() -> None:
    clear = Image.new("RGBA", (20, 10), (0, 0, 0, 0))
    assert np.all(load_image(png(clear), size=8, where="x") == 255)
    black = load_image(png(Image.new("RGB", (40, 20))), size=8, where="x")
    assert black.shape == (8, 8, 3)
    assert black[4].max() == 0
    assert black[0].min() == 255, "above and below is white"


def test_a_shrunk_picture_is_upright_and_on_white() -> None:
    picture = Image.new("RGBA", (400, 100), (0, 0, 0, 0))
    picture.paste((255, 0, 0, 255), (0, 0, 100, 100))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", exif=exif)
    found = Image.open(io.BytesIO(shrunk(buffer.getvalue(), side=100, where="x")))
    assert (found.format, found.size) == ("WEBP", (25, 100))
    top, bottom = (np.asarray(found)[y, 12].astype(int) for y in (8, 90))
    assert top[0] - top[1:].max() > 150
    assert bottom.min() > 240
    small = Image.open(io.BytesIO(shrunk(png(Image.new("RGB", (9, 5))), side=100, where="x")))
    assert small.size == (9, 5)
    with pytest.raises(DataError, match=r"^that one: not a readable picture"):
        shrunk(b"no", side=9, where="that one")


def test_every_kind_of_input_gives_the_same(tmp_path: Path) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8))
    (tmp_path / "p.png").write_bytes(png(picture))
    inputs = [
        tmp_path / "p.png",
        str(tmp_path / "p.png"),
        png(picture),
        picture,
        np.asarray(picture),
    ]
    found = [load_image(x, size=12, where="x") for x in inputs]
    assert all(np.array_equal(found[0], x) for x in found)


def test_a_change_of_the_pixels_raises_the_version() -> None:
    """Where these pixels change, `PREPROCESSING_VERSION` has to, or caches hold outdated rows."""
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (23, 41, 4), np.uint8), "RGBA")
    pixels = load_image(png(picture), size=16, where="x").astype(int)
    assert pictures.PREPROCESSING_VERSION == 3
    assert pixels[2].min() == 255
    known = [[177, 203, 210], [196, 205, 207], [193, 182, 199]]
    assert np.abs(pixels[[8, 8, 11], [3, 4, 14]] - known).max() <= 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"no picture", "not a readable picture"),
        (b"", "not a readable picture"),
        (png(Image.new("RGB", (64, 64), "red"))[:-30], "not a readable picture"),
        (huge_png(), "too large"),
        (huge_png(orientation=6), "too large"),
    ],
)
def test_bad_pictures_are_named(data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=f"cat.png: .*{message}"):
        load_image(data, size=8, where="cat.png")


def test_long_thin_and_16_bit_pictures() -> None:
    thin = load_image(png(Image.new("1", (40000, 100))), size=32, where="x")
    assert thin[15].max() == 0
    assert thin[0].min() == 255
    ramp = np.linspace(0, 65535, 64 * 64, dtype=np.uint16).reshape(64, 64)
    grey = load_image(png(Image.fromarray(ramp)), size=64, where="x")
    assert grey[0, 0].max() < 10
    assert 118 < grey[32].mean() < 138


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_the_exif_orientation_is_applied(orientation: int, kind: str, tmp_path: Path) -> None:
    """However a camera was held, the picture is upright: red above green, blue to the right."""
    upright = Image.new("RGB", (60, 40), "red")
    upright.paste("lime", (0, 20, 60, 40))
    upright.paste("blue", (30, 0, 60, 40))
    # The turn that undoes each orientation, by the EXIF standard's table.
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "picture"
    stored.save(path, kind, exif=exif)
    want = load_image(upright, size=24, where="x").astype(int)
    with Image.open(path) as opened:
        inputs = [path, path.read_bytes(), opened]
        for given in inputs:
            found = load_image(given, size=24, where="x")
            assert np.abs(found - want).mean() < 8


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_exif_spoils_no_picture() -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (9, 5, 3), np.uint8))
    turns = [picture, *(picture.transpose(turn) for turn in Image.Transpose)]
    want = [load_image(x, size=9, where="x") for x in turns]
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x011A] = 6, "maker", 72.0
    good, rng = exif.tobytes(), np.random.default_rng(0)
    turned = 0
    for _ in range(300):
        bad = bytearray(good)
        for place in rng.integers(6, len(bad), size=4):
            bad[place] = rng.integers(256)
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", exif=bytes(bad[: rng.integers(8, len(bad) + 1)]))
        found = load_image(buffer.getvalue(), size=9, where="x")
        assert any(np.array_equal(found, x) for x in want)
        turned += not np.array_equal(found, want[0])
    assert 0 < turned < 300


def test_a_picture_of_the_caller_is_not_changed() -> None:
    picture = Image.new("RGBA", (6, 3), "red")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.info["exif"] = exif.tobytes()
    load_image(picture, size=6, where="x")
    assert picture.size == (6, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "TIFF"])
def test_the_formats_that_are_read(kind: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(buffer, kind)
    found = load_image(buffer.getvalue(), size=4, where="x")
    assert np.abs(found.astype(int) - (255, 0, 0)).max() < 20


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"


@pytest.mark.parametrize("kind", ["EPS", "PPM", "ICO", "TGA", "PCX"])
def test_other_formats_are_refused(kind: str) -> None:
    """EPS would start Ghostscript on what the file says; the others are only surface to attack."""
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32)).save(buffer, kind)
    data = EPS if kind == "EPS" else buffer.getvalue()
    with pytest.raises(DataError) as raised:
        load_image(data, size=8, where="cat.png")
    assert str(raised.value).startswith("cat.png: not a readable picture")
    assert "PNG, JPEG, WEBP, GIF, BMP, TIFF" in str(raised.value)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "YCbCr", "CMYK", "HSV"])
def test_pixels_without_transparency_are_those_put_on_white(mode: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 20, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels).convert(mode)
    on_white = square_image(picture.convert("RGB").convert("RGBA"), 16)
    np.testing.assert_array_equal(square_image(picture, 16), on_white)
