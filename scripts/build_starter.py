"""Build the starter set, `gcl_spec/data/starter/starter.zip`, from registry packages.

    pip install pillow==13.0.0 resvg-py==0.5.0
    python scripts/build_starter.py [--sources DIR]

Downloads pinned npm and Debian packages with `npm pack` and `apt-get download` (or takes them from
DIR), renders every picture to one small WebP, splits by concept and derives the retrieval tasks.
The same packages give the same bytes.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from starter.clipart import clipart_pictures
from starter.emoji import emoji_pictures
from starter.model import Picture, family_words, split_of
from starter.sources import SOURCES, fetch, unpack
from starter.tasks import Task, test_tasks, validation_tasks

ROOT = Path(__file__).parents[1]
OUT = ROOT / "gcl_spec" / "data" / "starter"
LIMIT = 8_000_000


def main() -> None:
    """Fetch, render, write archive and manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sources", type=Path, help="folder with the downloaded packages")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.sources or Path(temporary)
        files = {source.package: fetch(source, folder) for source in SOURCES}
        unpacked = {name: unpack(path, Path(temporary) / name) for name, path in files.items()}
        emoji = list(emoji_pictures(unpacked))
        families = {family_words(picture.label): picture.family for picture in emoji}
        families |= {picture.label.lower(): picture.family for picture in emoji}
        pictures = [*emoji, *clipart_pictures(unpacked, families)]
    archive = args.out / "starter.zip"
    tasks = {"tasks": test_tasks(pictures), "val_tasks": validation_tasks(pictures)}
    args.out.mkdir(parents=True, exist_ok=True)
    _write_archive(archive, pictures, tasks)
    size = archive.stat().st_size
    if size >= LIMIT:
        raise SystemExit(f"{archive} has {size} bytes; the limit is {LIMIT}")
    manifest = {
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        "bytes": size,
        "counts": _counts(pictures, tasks),
        "sources": [
            {
                "package": source.package,
                "version": source.version,
                "licence": source.licence,
                "what": source.what,
                "sha256": source.sha256,
            }
            for source in SOURCES
        ],
    }
    (args.out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    print(json.dumps(manifest, indent=2))


def _write_archive(path: Path, pictures: list[Picture], tasks: dict[str, list[Task]]) -> None:
    members: dict[str, bytes] = {p.path: p.data for p in pictures}
    for split in ("train", "val"):
        members[f"{split}.jsonl"] = _lines(
            {"id": p.name, "image": p.path, "captions": p.captions, "concept": p.concept}
            for p in pictures
            if split_of(p.family) == split
        )
    for folder, folder_tasks in tasks.items():
        for task in folder_tasks:
            members[f"{folder}/{task.name}/queries.jsonl"] = _lines(task.queries.values())
            members[f"{folder}/{task.name}/candidates.jsonl"] = _lines(task.candidates.values())
            pairs = "".join(f"{q}\t{c}\n" for q, c in sorted(task.qrels))
            members[f"{folder}/{task.name}/qrels.tsv"] = pairs.encode()
    members["NOTICE.txt"] = (ROOT / "NOTICE").read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, date_time=(2026, 1, 1, 0, 0, 0))
            packed = not name.endswith(".webp")
            info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
            archive.writestr(info, members[name])


def _lines(records: Iterable[object]) -> bytes:
    dumped = (json.dumps(r, ensure_ascii=False) + "\n" for r in records)
    return "".join(dumped).encode()


def _counts(pictures: list[Picture], tasks: dict[str, list[Task]]) -> dict[str, object]:
    return {
        "pictures": len(pictures),
        "by_style": dict(sorted(Counter(p.style for p in pictures).items())),
        "by_split": dict(sorted(Counter(split_of(p.family) for p in pictures).items())),
        "concepts": len({p.concept for p in pictures}),
        "tasks": {
            task.name: {
                "queries": len(task.queries),
                "candidates": len(task.candidates),
                "relevant": len(task.qrels),
            }
            for task in tasks["tasks"]
        },
    }


if __name__ == "__main__":
    main()
