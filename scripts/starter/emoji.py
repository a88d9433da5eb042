"""Emoji that three sets draw: fluent (3D), noto and twemoji, with their skin tones."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import resvg_py
from PIL import Image

from starter.model import Picture, split_of, to_webp

Record = dict[str, Any]

_TONES = {
    1: "light skin tone",
    2: "medium-light skin tone",
    3: "medium skin tone",
    4: "medium-dark skin tone",
    5: "dark skin tone",
}


class _Svg:
    """Pictures of an icon set in Iconify's JSON."""

    def __init__(self, folder: Path) -> None:
        self.icons = json.loads((folder / "icons.json").read_text())
        chars = json.loads((folder / "chars.json").read_text())
        self.names = {_key(code): name for code, name in chars.items()}

    def __contains__(self, key: str) -> bool:
        name = self.names.get(key)
        return name is not None

    def render(self, key: str) -> bytes:
        name = self.names[key]
        while name in self.icons["aliases"]:
            name = self.icons["aliases"][name]["parent"]
        icon = self.icons["icons"][name]
        width = icon.get("width", self.icons.get("width", 16))
        height = icon.get("height", self.icons.get("height", 16))
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">{icon["body"]}</svg>'
        )
        png = resvg_py.svg_to_bytes(svg_string=svg, width=240)
        return to_webp(Image.open(io.BytesIO(bytes(png))))


class _Webp:
    """Pictures of a folder of WebP files named by code points."""

    def __init__(self, folder: Path) -> None:
        self.files = {_key(path.stem): path for path in (folder / "assets").glob("*.webp")}

    def __contains__(self, key: str) -> bool:
        return key in self.files

    def render(self, key: str) -> bytes:
        return to_webp(Image.open(self.files[key]))


def emoji_pictures(unpacked: dict[str, Path]) -> Iterator[Picture]:
    """Every emoji that all three sets have; skin tones for test concepts and, fluent only, one
    tone for each training concept, so that the words are known.
    """
    sets: dict[str, _Svg | _Webp] = {
        "fluent": _Webp(unpacked["@lobehub/fluent-emoji-3d"]),
        "noto": _Svg(unpacked["@iconify-json/noto"]),
        "twemoji": _Svg(unpacked["@iconify-json/twemoji"]),
    }
    data = json.loads((unpacked["emojibase-data"] / "en" / "data.json").read_text())
    for record in data:
        key = _key(record["hexcode"])
        if any(key not in found for found in sets.values()):
            continue
        for style, found in sets.items():
            yield _picture(record, record, style, found.render(key))
        for skin in _skins(record):
            skin_key = _key(skin["hexcode"])
            if any(skin_key not in found for found in sets.values()):
                continue
            for style, found in sets.items():
                if _wanted(record, skin, style):
                    yield _picture(record, skin, style, found.render(skin_key))


def _skins(record: Record) -> list[Record]:
    return [s for s in record.get("skins", []) if isinstance(s.get("tone"), int)]


def _wanted(record: Record, skin: Record, style: str) -> bool:
    """Test pools have the two ends of the scale in the candidates' styles.

    All five would be ten pictures of one hand: nothing else could be among the first ten.
    """
    split = split_of(_family(record["hexcode"]))
    if split == "test":
        return style != "fluent" and skin["tone"] in (1, 5)
    return split == "train" and style == "fluent" and skin["tone"] == 1 + record["order"] % 5


def _picture(record: Record, shown: Record, style: str, data: bytes) -> Picture:
    label = record["label"]
    words = set(re.findall(r"\w+", label))
    tags = tuple(t for t in record.get("tags", []) if not set(re.findall(r"\w+", t)) <= words)
    tone = _TONES.get(shown.get("tone", 0), "")
    return Picture(
        name=f"{style}-{_key(shown['hexcode'])}",
        style=style,
        data=data,
        concept=shown["label"],
        family=_family(record["hexcode"]),
        label=shown["label"],
        tags=tags,
        tone=tone,
    )


def _key(hexcode: str) -> str:
    return hexcode.lower().replace("-fe0f", "")


def _family(hexcode: str) -> str:
    """One key for the man, woman and person of an emoji, in any skin."""
    neutral = re.sub(r"-200d-264[02]", "", _key(hexcode))
    return re.sub(r"1f46[89]", "1f9d1", neutral)
