"""A picture with its texts, and the split by family."""

import hashlib
import io
import re
from dataclasses import dataclass

from PIL import Image

SIDE = 96
QUALITY = 45
TEST_SHARE, VAL_SHARE = 0.205, 0.05


@dataclass(frozen=True)
class Picture:
    """One rendered picture; pictures of one family (gender and skin variants) share a split."""

    name: str
    style: str
    data: bytes
    concept: str
    family: str
    label: str
    tags: tuple[str, ...]
    description: str = ""
    tone: str = ""

    @property
    def path(self) -> str:
        """Its place in the archive."""
        return f"images/{self.name}.webp"

    @property
    def captions(self) -> list[str]:
        """The label first, then the further texts that the metadata gives."""
        tags = ", ".join(self.tags[:8])
        if tags and self.tone:
            tags = f"{tags}, {self.tone}"
        return list(dict.fromkeys(t for t in (self.label, tags, self.description) if t))


def split_of(family: str) -> str:
    """The split "test", "val" or "train" by a hash, so that adding pictures moves no other."""
    share = int(hashlib.sha256(family.encode()).hexdigest()[:8], 16) / 2**32
    return "test" if share < TEST_SHARE else "val" if share < TEST_SHARE + VAL_SHARE else "train"


def family_words(text: str) -> str:
    """A name without its spelling, equal for "Musical-Notes" and "musical note"."""
    words = re.findall(r"\w+", text.lower())
    return " ".join(sorted(re.sub(r"(?<=\w{2})s$", "", word) for word in words))


def on_white(picture: Image.Image) -> Image.Image:
    """The picture as RGB, with white for what is transparent."""
    rgba = picture.convert("RGBA")
    white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    white.alpha_composite(rgba)
    return white.convert("RGB")


def to_webp(picture: Image.Image) -> bytes:
    """The picture as WebP, on white, padded to a square, SIDE pixels wide."""
    flat = on_white(picture)
    side = max(flat.size)
    square = Image.new("RGB", (side, side), "white")
    square.paste(flat, ((side - flat.width) // 2, (side - flat.height) // 2))
    small = square.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=QUALITY, method=6)
    return buffer.getvalue()
