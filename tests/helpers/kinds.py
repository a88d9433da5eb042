"""The same five rows as every kind of training data."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from gcl_spec.config.options import DataConfig
from gcl_spec.data.open import open_source
from gcl_spec.data.source import Source

Row = tuple[str, bytes | None, str | None]


def png(n: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), (n, 2 * n % 256, 0)).save(buffer, "PNG")
    return buffer.getvalue()


ROWS: list[Row] = [
    ("a", png(1), "a dog"),
    ("b", png(2), None),
    ("c", None, "a cat"),
    ("d", png(4), "a dog"),
    ("e", png(5), "naïve \u2028 text"),
]


def write_files(folder: Path) -> None:
    (folder / "images").mkdir(parents=True)
    for name, image, _ in ROWS:
        if image is not None:
            (folder / "images" / f"{name}.png").write_bytes(image)


def write_jsonl(folder: Path) -> None:
    write_files(folder)
    lines = [
        {"id": n, "image": i and f"images/{n}.png", "captions": [t] if t else []}
        for n, i, t in ROWS
    ]
    (folder / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_llava(folder: Path) -> None:
    write_files(folder)
    lines = []
    for name, image, text in ROWS:
        turns = [{"from": "human", "value": "<image>\nWhat is it?"}]
        turns += [{"from": "gpt", "value": f"{text}\n<image>"}] if text else []
        line: dict[str, Any] = {"id": name, "conversations": turns}
        lines.append(line | ({"image": f"{name}.png"} if image else {}))
    (folder / "blip.json").write_text(json.dumps(lines, indent=1))


def write_parquet(folder: Path, kind: str = "bytes", per_file: int = 3) -> None:
    write_files(folder)
    for start in range(0, len(ROWS), per_file):
        part = ROWS[start : start + per_file]
        paths = [image and f"images/{name}.png" for name, image, _ in part]
        images: list[Any] = [image for _, image, _ in part]
        if kind == "path":
            images = paths
        elif kind == "struct":
            images = [
                None if image is None else {"bytes": image if n % 2 else None, "path": path}
                for n, (image, path) in enumerate(zip(images, paths, strict=True))
            ]
        types = {
            "bytes": pa.binary(),
            "path": pa.string(),
            "struct": pa.struct({"bytes": pa.binary(), "path": pa.string()}),
        }
        table = pa.table(
            {
                "image": pa.array(images, types[kind]),
                "caption": pa.array([text for *_, text in part], pa.string()),
                "id": [name for name, *_ in part],
            }
        )
        pq.write_table(table, folder / f"train-{start:03}.parquet", row_group_size=2)


def member(name: str, data: bytes, kind: bytes = tarfile.REGTYPE) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.type = (len(data) if kind == tarfile.REGTYPE else 0), kind
    info.linkname = "" if kind == tarfile.REGTYPE else data.decode()
    return info, data


def write_tar(path: Path, rows: list[Row], as_json: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, image, text in rows:
            if image is not None:
                info, data = member(f"{name}.PNG", image)
                archive.addfile(info, io.BytesIO(data))
            if text is not None:
                content = json.dumps({"caption": text}) if as_json else text
                info, data = member(f"{name}.{'json' if as_json else 'txt'}", content.encode())
                archive.addfile(info, io.BytesIO(data))


def write_tars(folder: Path) -> None:
    write_tar(folder / "00000.tar", ROWS[:2])
    write_tar(folder / "00001.tar", ROWS[2:], as_json=True)


def source(folder: Path, name: str = "", **more: Any) -> Source:
    path = f"{folder}/{name}" if name else str(folder)
    return open_source(DataConfig(path=path, cache=str(folder.parent / "cache"), **more))


def rows(found: Source) -> list[Row]:
    samples = [found.sample(n) for n in range(len(found))]
    return [
        (
            sample.id,
            None if sample.image is None else found.read_bytes(sample.image),
            sample.captions[0] if sample.captions else None,
        )
        for sample in samples
    ]


def captions(found: Source) -> list[tuple[str, ...]]:
    return [found.sample(n).captions for n in range(len(found))]


def table(path: Path, **columns: Any) -> Path:
    pictures = {"image", "Image", "img"} & columns.keys()
    kinds = {name: pa.binary() if name in pictures else None for name in columns}
    pq.write_table(pa.table({n: pa.array(x, kinds[n]) for n, x in columns.items()}), path)
    return path


WRITERS = {
    "jsonl": write_jsonl,
    "llava": write_llava,
    "tar": write_tars,
    **{
        f"parquet {kind}": lambda folder, kind=kind: write_parquet(folder, kind)
        for kind in ("bytes", "path", "struct")
    },
}
