"""Three pictures with a caption each, to be written in any layout."""

import json
from pathlib import Path
from typing import Any

from gcl_spec.data.source import Source
from kinds import png

TEXTS = ("a dog", "a cat", "a cup")
PATHS = [f"images/{n}.png" for n in range(3)]
CSV = "image,caption\n" + "".join(f"{p},{t}\n" for p, t in zip(PATHS, TEXTS, strict=True))
LINES = [
    {"id": str(n), "image": path, "captions": [text]}
    for n, (path, text) in enumerate(zip(PATHS, TEXTS, strict=True))
]
PNGS = [png(n) for n in range(3)]


def folder_of_three(folder: Path) -> Path:
    """A new folder with the pictures alone."""
    (folder / "images").mkdir(parents=True)
    for path, content in zip(PATHS, PNGS, strict=True):
        (folder / path).write_bytes(content)
    return folder


def write_lines(path: Path, *records: Any, encoding: str = "utf-8") -> Path:
    path.write_bytes("".join(json.dumps(record) + "\n" for record in records).encode(encoding))
    return path


def pictures(found: Source) -> list[bytes]:
    samples = [found.sample(n) for n in range(len(found))]
    return [found.read_bytes(sample.image) for sample in samples if sample.image is not None]
