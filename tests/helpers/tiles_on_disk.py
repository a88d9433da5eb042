"""A tiny data set on disk, with tasks."""

import json
from pathlib import Path

from PIL import Image

COLOURS = {
    "red": (220, 20, 20),
    "green": (20, 200, 20),
    "blue": (20, 20, 220),
    "grey": (99, 99, 99),
}


def write_data(folder: Path) -> Path:
    lines = []
    folder.mkdir(parents=True)
    for n in range(24):
        name, colour = list(COLOURS.items())[n % 4]
        Image.new("RGB", (8, 8), tuple(min(255, c + n) for c in colour)).save(folder / f"{n}.png")
        captions = [f"a {name} tile {n}", name]
        lines.append({"id": str(n), "image": f"{n}.png", "captions": captions, "concept": str(n)})
    (folder / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for kind in ("tasks", "val_tasks"):
        task = folder / kind / "t2i"
        task.mkdir(parents=True)
        queries = [{"id": f"q{n}", "text": line["captions"][0]} for n, line in enumerate(lines[:8])]
        found = [{"id": f"c{n}", "image": line["image"]} for n, line in enumerate(lines[:8])]
        for file, records in (("queries", queries), ("candidates", found)):
            (task / f"{file}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
        (task / "qrels.tsv").write_text("".join(f"q{n}\tc{n}\n" for n in range(8)))
    return folder
