"""Videos as a part of samples, in every layout that names files."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gcl_spec.config.options import ColumnsConfig, DataConfig
from gcl_spec.data.open import open_source
from gcl_spec.data.sample import Sample
from gcl_spec.data.source import Source
from gcl_spec.errors import DataError
from video_files import write_videos

GIVEN = ("video", "text")
ALL = ("image", "text", "video")


def opened(path: Path, given: tuple[str, ...] = GIVEN, **options: Any) -> Source:
    return open_source(DataConfig(path=str(path), cache=str(path.parent), **options), given)


def lines_of(folder: Path, *records: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.jsonl").write_text("".join(json.dumps(x) + "\n" for x in records))
    return folder


def test_lines_with_a_video(tmp_path: Path) -> None:
    (name,) = write_videos(tmp_path / "d", 1)
    lines = [
        {"id": "1", "video": name, "captions": ["a", "b"]},
        {"id": "2", "clip": name},
        {"id": "3", "video": [name, name], "captions": "c"},
        {"id": "4", "image": "a.png", "video": {"path": name}},
    ]
    folder = lines_of(tmp_path / "d", *lines)
    source = opened(folder, ALL)
    assert source.sample(0) == Sample("1", {"text": ("a", "b"), "video": (name,)}, "a")
    assert source.sample(1).given == {"video": (name,)}
    with pytest.raises(DataError, match=r"train\.jsonl:3: 2 videos; a sample has one"):
        source.sample(2)
    assert source.sample(3).all_files == ("a.png", name)
    assert source.read_bytes(name) == (folder / name).read_bytes()
    parts = [*source.parts()]
    assert name in parts[0]
    pictures = opened(folder, ("image", "text"))
    assert pictures.sample(0).given == {"text": ("a", "b")}
    assert any("'video' (" in note for note in pictures.notes), "a model of pictures"


def test_a_key_or_column_of_another_name(tmp_path: Path) -> None:
    (name,) = write_videos(tmp_path / "d", 1)
    columns = ColumnsConfig(others={"video": "movie"})
    folder = lines_of(tmp_path / "d", {"id": "1", "movie": name, "captions": "a"})
    assert opened(folder, columns=columns).sample(0).given["video"] == (name,)
    (tmp_path / "d" / "t.csv").write_text(f"movie,caption\n{name},a\n,b\n")
    source = opened(tmp_path / "d" / "t.csv", columns=columns)
    assert [source.sample(n).given.get("video", ()) for n in range(2)] == [(name,), ()]
    with pytest.raises(DataError, match=r"no 'clip', which data\.columns\.others\.video names"):
        opened(tmp_path / "d" / "t.csv", columns=ColumnsConfig(others={"video": "clip"}))


def test_tables_with_a_video(tmp_path: Path) -> None:
    (name,) = write_videos(tmp_path, 1)
    content = (tmp_path / name).read_bytes()
    (tmp_path / "t.csv").write_text(f"id,video_path,caption\nx,{name},a\n")
    source = opened(tmp_path / "t.csv")
    assert source.sample(0) == Sample("x", {"text": ("a",), "video": (name,)}, "a")
    table = {"caption": ["a", "b", None], "video": [{"bytes": content, "path": "x"}, None, None]}
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    source = opened(tmp_path / "t.parquet")
    (video,) = source.sample(0).given["video"]
    assert source.read_bytes(video) == content
    assert source.sample(1).given == {"text": ("b",)}
    with pytest.raises(DataError, match="neither image nor caption"):
        source.sample(2)
    pq.write_table(pa.table({"caption": ["a"], "video": [name]}), tmp_path / "paths.parquet")
    source = opened(tmp_path / "paths.parquet", ALL)
    assert source.read_bytes(*source.sample(0).given["video"]) == content


def test_members_of_shards(tmp_path: Path) -> None:
    (name,) = write_videos(tmp_path, 1)
    content = (tmp_path / name).read_bytes()
    members = {"1.mp4": content, "1.mp4.txt": b"a", "2.txt": b"b", "3.WEBM": content,
               "3.json": b'{"caption": "c"}', "3.jpg": b"picture"}  # fmt: skip
    with tarfile.open(tmp_path / "s.tar", "w") as shard:
        for key, data in members.items():
            member = tarfile.TarInfo(key)
            member.size = len(data)
            shard.addfile(member, io.BytesIO(data))
    pictures = opened(tmp_path / "s.tar", ("image", "text"))
    assert [pictures.sample(n).given.get("video") for n in range(3)] == [None] * 3
    assert any(
        "not read, by their names' end: '.mp4' (1), '.WEBM' (1)" in x for x in pictures.notes
    )
    source = opened(tmp_path / "s.tar", ALL)
    assert [sorted(source.sample(n).given) for n in range(len(source))] == [
        ["text", "video"], ["text"], ["image", "text", "video"],
    ]  # fmt: skip
    (video,) = source.sample(2).given["video"]
    assert source.read_bytes(video) == content
    assert source.read_bytes(*source.sample(2).given["image"]) == b"picture"
    with pytest.raises(DataError, match="2: no video"):
        source.read_bytes("video:1")


def test_entries_of_llava_video(tmp_path: Path) -> None:
    (name,) = write_videos(tmp_path, 1)
    turns = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A dog."}]
    entries = [{"id": "1", "video": name, "conversations": turns}, {"id": "2", "video": [name] * 2}]
    (tmp_path / "v.json").write_text(json.dumps(entries))
    source = opened(tmp_path / "v.json")
    assert source.sample(0) == Sample("1", {"text": ("A dog.",), "video": (name,)}, "A dog.")
    assert source.read_bytes(name)
    with pytest.raises(DataError, match="2 videos; a sample has one"):
        source.sample(1)
    assert [*source.parts()][1] == ""
    assert opened(tmp_path / "v.json", ("image", "text")).sample(0).given == {"text": ("A dog.",)}
