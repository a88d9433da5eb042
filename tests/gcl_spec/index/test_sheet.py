"""A contact sheet has a tile for each hit, also for what cannot be shown."""

import io
from pathlib import Path

import pytest
from PIL import Image

from gcl_spec.errors import DataError
from gcl_spec.index.hit import Hit
from gcl_spec.index.sheet import write_sheet


def hit(rank: int, image: str | None, text: str | None) -> Hit:
    return Hit(
        rank, 0.5, "text", f"item {rank}\u202e\u732b" + "x" * 60 * (rank % 2), text, image, 0
    )


def picture(found: Hit) -> bytes:
    if found.image == "gone":
        raise DataError("it is gone")
    buffer = io.BytesIO()
    Image.new("RGB", (30, 10), (200, 10, 10)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("count", [0, 1, 7])
def test_tiles(count: int, tmp_path: Path) -> None:
    kinds = [("there", None), (None, "a text\nof \u732b " * 90), ("gone", "a")]
    hits = [hit(n + 1, *kinds[n % 3]) for n in range(count)]
    write_sheet(tmp_path / "hits.png", hits, picture)
    with Image.open(tmp_path / "hits.png") as sheet:
        columns, rows = max(1, min(5, count)), max(1, -(-count // 5))
        assert sheet.size == (12 + 236 * columns, 12 + 292 * rows)
        if count:
            assert sheet.getpixel((12 + 112, 12 + 112)) == (200, 10, 10)
            colours = sheet.getcolors(1 << 20)
            assert colours is not None
            assert len(colours) > 9
