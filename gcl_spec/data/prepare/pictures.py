"""Makes square RGB arrays of pictures."""

import io
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar, Union

import numpy as np
import numpy.typing as npt

from gcl_spec._files.reading import read_regular, reason
from gcl_spec._words import LFS_POINTER, is_lfs_pointer
from gcl_spec.data.embedded import embedded, unwrapped
from gcl_spec.data.prepare.png_chunks import is_png, without_notes
from gcl_spec.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "PREPROCESSING_VERSION",
    "ImageInput",
    "check_pixels",
    "decode",
    "eight_bits",
    "load_image",
    "shrunk",
    "square_image",
    "thumbnail",
    "turn_upright",
]

T = TypeVar("T")

# This enters the key of cached tower outputs: raise it whenever `load_image` gives other pixels for
# the same file, or caches go on giving the outputs of the old ones.
PREPROCESSING_VERSION = 3

# Pillow's other readers are never started: they read rare formats, and EPS would run Ghostscript.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
# Some versions of Pillow give the 16-bit greys of these formats as 32-bit numbers.
_GREY_16 = ("PNG", "PPM")
_WHITE = 255

ImageInput: TypeAlias = Union[str, Path, bytes, npt.NDArray[np.uint8], "Image.Image"]
"""A picture is given as a path, a file's content, a Pillow image, or an (H, W, 3) uint8 array."""


def load_image(image: ImageInput, *, size: int, where: str) -> npt.NDArray[np.uint8]:
    """Decode a picture, turn it upright, put it on white, resize it, and pad it to a square.

    Args:
        image: a picture, as `decode` takes it.
        size: side of the result in pixels.
        where: the picture's name, for errors.

    Returns:
        Shape (size, size, 3), uint8, RGB.

    Raises:
        DataError: `decode` refuses it.
    """
    return decode(image, lambda picture: square_image(picture, size), where=where)


def decode(image: ImageInput, use: Callable[["Image.Image"], T], *, where: str) -> T:
    """The result of `use` on the opened picture.

    Args:
        image: a PNG, JPEG, WebP, GIF, BMP or TIFF file, by path or content; or a decoded picture.
        use: reads the pixels; it must not change the picture, which may be the caller's.
        where: the picture's name, for errors.

    Raises:
        DataError: it is missing, of another format, unreadable, cut off, or over Pillow's limit of
            pixels, which is checked before decoding.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        if isinstance(image, Image.Image):
            return use(image)
        if isinstance(image, np.ndarray):
            return use(Image.fromarray(image))
        data = _content(image)
        if not data or is_lfs_pointer(data):
            raise DataError(LFS_POINTER if data else "not a readable picture: the file is empty")
        try:
            return _opened(data, use, where)
        except ValueError:  # a text chunk of more than 1 MiB, for one, which pixels do not need
            if not is_png(data):
                raise
            return _opened(without_notes(data), use, where)
    except DataError as error:
        said = str(error)
        raise DataError(said if said.startswith(where) else f"{where}: {said}") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DataError(f"{where}: picture is too large: {error}") from error
    except UnidentifiedImageError as error:
        raise DataError(
            f"{where}: not a readable picture in one of the formats {', '.join(_FORMATS)}; "
            "convert it to one of them"
        ) from error
    except (OSError, SyntaxError, TypeError, ValueError) as error:
        raise DataError(f"{where}: not a readable picture: {reason(error)}") from error
    except MemoryError as error:
        raise DataError(f"{where}: there is not enough memory to decode this picture") from error


def _content(image: str | Path | bytes) -> bytes:
    """The file of a picture, given by path or content, either of which may be base64."""
    picture = embedded(image) if isinstance(image, str) else None
    if picture is not None:
        return picture
    return unwrapped(image if isinstance(image, bytes) else read_regular(Path(image)))


def _opened(data: bytes, use: Callable[["Image.Image"], T], where: str) -> T:
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
        # Pillow itself only warns from its limit up to twice that; here both are errors.
        check_pixels(picture.width, picture.height, where=where)
        return use(picture)


def check_pixels(width: int, height: int, *, where: str) -> None:
    """Raise a `DataError` where a picture of this size is over Pillow's limit of pixels."""
    from PIL import Image

    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and width * height > limit:
        raise DataError(
            f"{where}: picture is too large: {width * height} pixels ({width} x {height}), "
            f"at most {limit}"
        )


def thumbnail(data: bytes, *, side: int, where: str) -> bytes:
    """A picture file as a WebP of at most `side` pixels square; `decode` says what it refuses."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(load_image(data, size=side, where=where)).save(buffer, "WEBP", quality=80)
    return buffer.getvalue()


def shrunk(data: bytes, *, side: int, where: str) -> bytes:
    """A picture file, upright and on white, as a WebP that is at most `side` pixels long.

    Args:
        data: a picture, as `decode` takes it.
        side: the most pixels of its longer side; a smaller picture keeps its size.
        where: the picture's name, for errors.

    Raises:
        DataError: `decode` refuses it.
    """
    buffer = io.BytesIO()

    def write(picture: "Image.Image") -> None:
        small = _upright_on_white(picture)
        small.thumbnail((side, side))
        small.save(buffer, "WEBP", quality=82)

    decode(data, write, where=where)
    return buffer.getvalue()


def _upright_on_white(picture: "Image.Image") -> "Image.Image":
    from PIL import Image

    picture = eight_bits(picture)
    clear = picture.has_transparency_data  # an opaque picture is spared three copies
    picture = picture.convert("RGBA" if clear else "RGB")
    turn_upright(picture)
    if clear:
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        picture = Image.alpha_composite(white, picture).convert("RGB")
    return picture


def square_image(picture: "Image.Image", size: int) -> npt.NDArray[np.uint8]:
    """The picture upright, on white, resized, and padded to a square, which loses nothing of it.

    Returns:
        Shape (size, size, 3), uint8, RGB.
    """
    from PIL import Image

    picture = _upright_on_white(picture)
    # It is resized before it is padded: a long thin picture would need the square of its length.
    share = size / max(picture.size)
    width, height = (max(1, round(share * side)) for side in picture.size)
    square = Image.new("RGB", (size, size), (255, 255, 255))
    small = picture.resize((width, height), Image.Resampling.BICUBIC)
    square.paste(small, ((size - width) // 2, (size - height) // 2))
    return np.asarray(square)


def eight_bits(picture: "Image.Image") -> "Image.Image":
    """The picture in a mode that Pillow converts to RGB as it should.

    Greys of 16 bits a pixel keep their order; Pillow's own conversion would clip them to white.

    Raises:
        DataError: its colours are CIE L*a*b*, or 32-bit or decimal numbers that are not from 0 to
            255, as Pillow means them, so that nothing says what is black and what is white.
    """
    mode = picture.mode
    if mode.startswith("I;16") or (mode == "I" and picture.format in _GREY_16):
        return picture.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    if mode == "LAB":  # Pillow's own conversion gives white
        raise DataError("its colours are CIE L*a*b*, which are not read; convert it to RGB")
    if mode in ("I", "F"):
        values = np.asarray(picture)
        low, high = values.min(), values.max()
        if not 0 <= low <= high <= _WHITE or (mode == "F" and 0 < high <= 1):
            raise DataError(
                f"its pixels are {'decimal' if mode == 'F' else '32-bit'} numbers from {low:g} to "
                f"{high:g}, which do not say what is black and what is white; convert it to 8 or "
                "16 bits a channel"
            )
    return picture.convert("LA") if mode == "La" else picture  # Pillow has no other way from it


def turn_upright(picture: "Image.Image") -> None:
    """Turn the picture, in place, as the camera's EXIF orientation says."""
    from PIL import ImageOps

    # Damaged metadata makes Pillow raise any of these, before or after it has turned the picture,
    # which is why it turns it in place; the pixels are good.
    bad = (ArithmeticError, AttributeError, LookupError, SyntaxError, struct.error)
    with suppress(*bad, OSError, TypeError, ValueError):
        ImageOps.exif_transpose(picture, in_place=True)
