"""A contact sheet of hits: a picture that Pillow draws."""

import io
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gcl_spec._files.atomic import atomic_write
from gcl_spec._words import escaped
from gcl_spec.data.prepare.pictures import load_image
from gcl_spec.errors import DataError
from gcl_spec.index.hit import Hit

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

__all__ = ["write_sheet"]

_SIDE, _WORDS, _GAP, _COLUMNS = 224, 56, 12, 5
_LINE, _LETTERS = 16, 30
_PAPER, _INK, _GREY, _CARD = (255, 255, 255), (20, 20, 20), (110, 110, 110), (242, 242, 242)


def write_sheet(path: Path, hits: Sequence[Hit], picture: Callable[[Hit], bytes]) -> None:
    """Write a PNG with a tile for each hit: its picture or its text, its score and its id.

    Args:
        path: the file.
        hits: what a search has found.
        picture: gives the file of a hit's picture; a `DataError` where it cannot be read.

    Raises:
        FileError: it cannot be written.
    """
    from PIL import Image, ImageDraw

    columns = max(1, min(_COLUMNS, len(hits)))
    rows = max(1, -(-len(hits) // columns))
    wide, high = _SIDE + _GAP, _SIDE + _WORDS + _GAP
    sheet = Image.new("RGB", (columns * wide + _GAP, rows * high + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for n, hit in enumerate(hits):
        left, top = _GAP + n % columns * wide, _GAP + n // columns * high
        _draw_tile(sheet, draw, (left, top), hit, picture)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    with atomic_write(path, size=len(buffer.getvalue())) as file:
        file.write(buffer.getvalue())


def _draw_tile(
    sheet: "Image.Image",
    draw: "ImageDraw.ImageDraw",
    place: tuple[int, int],
    hit: Hit,
    picture: Callable[[Hit], bytes],
) -> None:
    from PIL import Image

    left, top = place
    text, shown = hit.text or "", None
    if hit.image is not None:
        try:
            shown = load_image(picture(hit), size=_SIDE, where=hit.id)
        except DataError as error:
            text = f"the picture cannot be read: {error}"
    if shown is None:
        draw.rectangle((left, top, left + _SIDE - 1, top + _SIDE - 1), _CARD)
        for n, line in enumerate(textwrap.wrap(_plain(text), _LETTERS)[: _SIDE // _LINE - 1]):
            draw.text((left + 8, top + 8 + n * _LINE), line, _INK)
    else:
        sheet.paste(Image.fromarray(np.ascontiguousarray(shown)), (left, top))
    under = [
        (f"{hit.rank}   {hit.score:.4f}   {hit.modality}", _INK),
        (_plain(hit.id), _GREY),
        (_plain(hit.text or ""), _GREY),
    ]
    for n, (line, colour) in enumerate(under):
        if len(line) > _LETTERS + 5:
            line = f"{line[: _LETTERS + 2]}..."
        draw.text((left, top + _SIDE + 4 + n * _LINE), line, colour)


def _plain(text: str) -> str:
    """The text in letters that Pillow's own font has, in one line."""
    return escaped(text.replace("\n", " ")).encode("latin-1", "replace").decode("latin-1")
