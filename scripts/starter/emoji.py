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
    """Every emoji that all three sets have and tell apart.

    Test concepts also have skin tones, and each training concept has one tone, in fluent only, so
    that the words are known.
    """
    sets: dict[str, _Svg | _Webp] = {
        "fluent": _Webp(unpacked["@lobehub/fluent-emoji-3d"]),
        "noto": _Svg(unpacked["@iconify-json/noto"]),
        "twemoji": _Svg(unpacked["@iconify-json/twemoji"]),
    }
    data = json.loads((unpacked["emojibase-data"] / "en" / "data.json").read_text())
    seen: set[bytes] = set()
    for record in data:
        for shown in (record, *_skins(record)):
            key = _key(shown["hexcode"])
            if any(key not in emoji_set for emoji_set in sets.values()):
                continue
            drawn = [
                _picture(record, shown, style, emoji_set.render(key))
                for style, emoji_set in sets.items()
                if shown is record or _wanted(record, shown, style)
            ]
            # Sets draw some emoji alike (families in silhouette, a snowboarder in any skin):
            # one picture cannot have two names, one right and one wrong.
            if not any(picture.data in seen for picture in drawn):
                seen.update(picture.data for picture in drawn)
                yield from drawn


def _skins(record: Record) -> list[Record]:
    return [s for s in record.get("skins", []) if isinstance(s.get("tone"), int)]


def _wanted(record: Record, skin: Record, style: str) -> bool:
    """Is this picture part of the set? Test pools have the two ends of the scale of tones.

    All five tones in two styles would be ten pictures of one hand, so that nothing else could be
    among the first ten.
    """
    split = split_of(_family(record["hexcode"]))
    if split == "test":
        return style != "fluent" and skin["tone"] in (1, 5)
    return split == "train" and style == "fluent" and skin["tone"] == 1 + record["order"] % 5


def _picture(record: Record, shown: Record, style: str, data: bytes) -> Picture:
    label = record["label"].lower()
    words = set(re.findall(r"\w+", label))
    tags = tuple(t for t in record.get("tags", []) if not set(re.findall(r"\w+", t)) <= words)
    tone = _TONES.get(shown.get("tone", 0), "")
    return Picture(
        name=f"{style}-{_key(shown['hexcode'])}",
        style=style,
        data=data,
        concept=shown["label"].lower(),
        family=_family(record["hexcode"]),
        label=shown["label"],
        tags=tags,
        tone=tone,
    )


def _key(hexcode: str) -> str:
    return hexcode.lower().replace("-fe0f", "")


def _family(hexcode: str) -> str:
    """One key for the genders, ages and hair of an emoji, in any skin."""
    plain = re.sub(r"-200d-(264[02]|1f9b[0-3])", "", _key(hexcode))
    plain = re.sub(r"^1f46[b-d]$", "1f9d1-200d-1f91d-200d-1f9d1", plain)
    plain = re.sub(r"1f47[45]", "1f9d3", re.sub(r"1f46[67]", "1f9d2", plain))
    return re.sub(r"1f46[89]|1f471|1f9d[234]", "1f9d1", plain)
