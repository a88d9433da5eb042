"""A picture with its texts, and the split by family."""

import hashlib
import io
from dataclasses import dataclass

from PIL import Image

SIDE = 96
QUALITY = 45
TEST_SHARE, VAL_SHARE = 0.205, 0.05


@dataclass(frozen=True)
class Picture:
    """One rendered picture. Pictures of one family (gender and skin variants) share a split."""

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
        """Place in the archive."""
        return f"images/{self.name}.webp"

    @property
    def captions(self) -> list[str]:
        """The label first, then the further texts that the metadata gives."""
        tags = ", ".join(self.tags[:8])
        if tags and self.tone:
            tags = f"{tags}, {self.tone}"
        return [text for text in (self.label, tags, self.description) if text]


def split_of(family: str) -> str:
    """Test, val or train by a hash, so that adding pictures moves no other."""
    share = int(hashlib.sha256(family.encode()).hexdigest()[:8], 16) / 2**32
    return "test" if share < TEST_SHARE else "val" if share < TEST_SHARE + VAL_SHARE else "train"


def to_webp(picture: Image.Image) -> bytes:
    """On white, padded to a square, SIDE pixels wide, as WebP."""
    rgba = picture.convert("RGBA")
    side = max(rgba.size)
    square = Image.new("RGBA", (side, side), (255, 255, 255, 255))
    square.alpha_composite(rgba, ((side - rgba.width) // 2, (side - rgba.height) // 2))
    small = square.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=QUALITY, method=6)
    return buffer.getvalue()
