"""Public-domain clip art with titles, keywords and descriptions of its SVG metadata."""

import hashlib
import io
import re
import struct
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageChops, ImageStat

from starter.model import Picture, family_words, on_white, to_webp

_DROPPED = ("people", "signs_and_symbols", "special", "unsorted", "computer", "shapes")
_MAX_PIXELS = 16_000_000
_MAX_SERIES = 4
_GENERIC = {
    "clip art",
    "clipart",
    "media",
    "public domain",
    "image",
    "png",
    "svg",
    "picture",
    "unsorted",
}
_DC = "{http://purl.org/dc/elements/1.1/}"
_TITLE = f".//{_DC}title"
# These are addresses of people and sites, dumps of the tool that filled in the metadata, and its
# makers.
_NOISE = re.compile(
    r"@|https?:|www\.|\.(com|net|org|ro)\b|^hash$|\b(hash|array)\(|inkscape|sodipodi|^copyright$|^logos?$"
)
# These are marks and characters: a drawing is public domain, but what it shows may not be free.
_MARKS = re.compile(r"\b(tux|linux|debian|gnome|kde|vgcats|fanart|porcinet)\b")
_LICENCE = "http://web.resource.org/cc/PublicDomain"


def clipart_pictures(unpacked: dict[str, Path], families: dict[str, str]) -> list[Picture]:
    """One picture for each PNG with an honest title; equal pictures come once.

    Args:
        unpacked: the folder of each package.
        families: the split key of emoji labels and of their words, which clip art of that name
            gets.
    """
    pictures = list(_pictures(unpacked, families))
    titles = Counter(picture.label for picture in pictures)
    # A title that covers a series ("card") does not say what this picture shows.
    return [picture for picture in pictures if titles[picture.label] <= _MAX_SERIES]


def _pictures(unpacked: dict[str, Path], families: dict[str, str]) -> Iterator[Picture]:
    png_root = unpacked["openclipart-png"] / "png"
    svg_root = unpacked["openclipart-svg"] / "svg"
    seen: set[str] = set()
    for png in sorted(png_root.rglob("*.png")):
        relative = png.relative_to(png_root)
        svg = svg_root / relative.with_suffix(".svg")
        if relative.parts[0] in _DROPPED or not svg.is_file():
            continue
        texts = _texts(svg)
        if texts is None:
            continue
        data = _render(png)
        digest = hashlib.sha256(data or b"").hexdigest()
        if data is None or digest in seen:
            continue
        seen.add(digest)
        title, tags, description = texts
        if _MARKS.search(" ".join((title, *tags, description)).lower()):
            continue
        words = family_words(title)
        yield Picture(
            name=f"clipart-{hashlib.sha256(str(relative).encode()).hexdigest()[:12]}",
            style="clipart",
            data=data,
            concept=title,
            family=families.get(title) or families.get(words) or words,
            label=title,
            tags=tags,
            description=description,
        )


def _texts(svg: Path) -> tuple[str, tuple[str, ...], str] | None:
    """Title, keywords, description; None without a licence or a title of words."""
    try:
        root = ET.fromstring(svg.read_bytes())
    except ET.ParseError:
        return None
    work = next((e for e in root.iter() if e.tag.endswith("}Work")), None)
    if work is None or _LICENCE not in svg.read_text(errors="replace"):
        return None
    title = _clean(work.findtext(f"{_DC}title") or "")
    if len(re.findall(r"[a-z]{3,}", title)) == 0 or len(title) > 60 or "@" in title:
        return None
    people = {_clean(e.text or "") for e in work.iterfind(f".//{_DC}creator{_TITLE[1:]}")}
    bag = [e.text or "" for e in work.iter() if e.tag.endswith("}li")]
    words = set(title.split())
    tags = [
        tag
        for tag in dict.fromkeys(_clean(text) for text in bag)
        if tag
        and tag not in people | _GENERIC
        and not _NOISE.search(tag)
        and not set(tag.split()) <= words
        and len(tag) < 30
    ]
    description = " ".join((work.findtext(f"{_DC}description") or "").split())
    useful = (
        12 <= len(description) <= 160
        and not _NOISE.search(description.lower())
        and family_words(description) != family_words(title)
    )
    return title, tuple(tags), description if useful else ""


def _clean(text: str) -> str:
    """Lower case, without underscores, file endings and the numbers of a series."""
    text = re.sub(r"\.(svg|png)$", "", text.strip().lower())
    text = re.sub(r"[_\s]+", " ", text)
    return re.sub(r"[\s#(-]*\d+\)?$", "", text).strip(" .,-")


def _render(png: Path) -> bytes | None:
    with png.open("rb") as file:
        width, height = struct.unpack(">II", file.read(24)[16:])
    # The header tells the size before decoding, since some have hundreds of megapixels.
    if width * height > _MAX_PIXELS or max(width, height) > 6 * min(width, height):
        return None
    with Image.open(png) as picture:
        data = to_webp(_cropped(picture))
    return data if _has_content(data) else None


def _cropped(picture: Image.Image) -> Image.Image:
    """The picture without the empty rest of its page, of which some subjects fill a hundredth."""
    flat = on_white(picture)
    white = Image.new("RGB", flat.size, "white")
    ink = ImageChops.difference(flat, white).convert("L").point([0] * 12 + [255] * 244)
    box = ink.getbbox()
    return flat if box is None else flat.crop(box)


def _has_content(data: bytes) -> bool:
    with Image.open(io.BytesIO(data)) as picture:
        return max(ImageStat.Stat(picture.convert("RGB")).stddev) > 8
