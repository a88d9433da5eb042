"""Every layout of training data gives the same samples and pictures."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from gcl_spec.config import DataConfig
from gcl_spec.data.sources import Source, open_source
from gcl_spec.errors import DataError

COUNT = 7


def picture(n: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8 + n, 9), (30 * n, 100, 200)).save(buffer, "PNG")
    return buffer.getvalue()


def caption(n: int) -> str | None:
    """The last sample has none."""
    return None if n == COUNT - 1 else f"colour {n}"


def has_image(n: int) -> bool:
    """The first sample has none."""
    return n > 0


def open_at(path: Path | str, cache: Path, **options: str) -> Source:
    return open_source(DataConfig(path=str(path), cache=str(cache), **options))


def check(source: Source) -> None:
    assert len(source.samples) == COUNT
    assert len({sample.id for sample in source.samples}) == COUNT
    for n, sample in enumerate(source.samples):
        assert sample.captions == (() if caption(n) is None else (caption(n),))
        assert (sample.image is not None) == has_image(n)
        if sample.image is not None:
            assert source.root.read_bytes(sample.image) == picture(n)
            assert source.root.exists(sample.image)


def write_folder(folder: Path) -> Path:
    folder.mkdir()
    for n in range(1, COUNT):
        (folder / f"{n}.png").write_bytes(picture(n))
    return folder


@pytest.mark.parametrize("kind", ["bytes", "struct", "path"])
def test_parquet(tmp_path: Path, kind: str) -> None:
    folder = write_folder(tmp_path / "data")

    def image(n: int) -> Any:
        if not has_image(n):
            return None
        values = {"bytes": picture(n), "path": f"{n}.png"}
        return {"struct": values, **values}[kind]

    for part, rows in enumerate([range(3), range(3, COUNT)]):
        table = pa.table({"pic": [image(n) for n in rows], "said": [caption(n) for n in rows]})
        pq.write_table(table, folder / f"{part}.parquet", row_group_size=2)
    columns = {"image_column": "pic", "caption_column": "said"}
    check(open_at(folder, tmp_path, **columns))
    check(open_at(f"{folder}/*.parquet", tmp_path, **columns))
    with pytest.raises(DataError, match=r"no column of pictures or captions among pic, said"):
        open_at(folder, tmp_path)
    with pytest.raises(DataError, match="no column 'x'; there are pic, said"):
        open_at(folder, tmp_path, image_column="x", caption_column="said")


def write_tar(path: Path, rows: range, extra: dict[str, bytes] | None = None) -> None:
    with tarfile.open(path, "w") as archive:

        def add(name: str, content: bytes) -> None:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))

        for n in rows:
            if has_image(n):
                add(f"{n:05d}.png", picture(n))
            text = caption(n)
            if text is not None:
                add(f"{n:05d}.txt", b"another" if n % 2 else text.encode())
                record = {"caption": text, "url": "x"} if n % 2 else {"url": "x"}
                add(f"{n:05d}.json", json.dumps(record).encode())
        for name, content in (extra or {}).items():
            add(name, content)


def test_tar_shards(tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    folder.mkdir()
    write_tar(folder / "00008.tar", range(3))
    write_tar(folder / "00009.tar", range(3, COUNT), {"stats.json": b"{}", "a.parquet": b"x"})
    for path in (folder, folder / "*.tar", folder / "{00008..00009}.tar"):
        check(open_at(path, tmp_path / "cache"))
    # An index of the same file is read from the cache, of a changed one it is not.
    assert len(list((tmp_path / "cache" / "tar").iterdir())) == 2
    write_tar(folder / "00009.tar", range(3, COUNT - 1))
    assert len(open_at(folder, tmp_path / "cache").samples) == COUNT - 1
    with pytest.raises(DataError, match=r"1 missing, such as .*00010\.tar"):
        open_at(folder / "{00008..00010}.tar", tmp_path)


def test_cut_off_tars_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    write_tar(path, range(3, COUNT))
    whole = path.read_bytes()
    path.write_bytes(whole[:700])
    with pytest.raises(DataError, match=r"a\.tar: a damaged or cut-off tar file"):
        open_at(path, tmp_path / "cache")
    path.write_bytes(whole)
    source = open_at(path, tmp_path / "cache")
    path.write_bytes(whole[:2000])
    last = source.samples[-1 - (caption(COUNT - 1) is None)].image
    with pytest.raises(DataError, match="cut off since it was indexed"):
        source.root.read_bytes(last or "")


def test_llava_lists(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "data")
    records = []
    for n in range(COUNT):
        turns = [{"from": "human", "value": "<image>\nWhat is it?"}]
        if caption(n) is not None:
            turns.append({"from": "gpt", "value": f"{caption(n)} <image>"})
        image = {"image": f"{n}.png"} if has_image(n) else {}
        records.append({"id": f"{n:04d}", **image, "conversations": turns})
    (folder / "chat.json").write_text(json.dumps(records))
    check(open_at(folder / "chat.json", tmp_path))
    records[3]["conversations"] = "none"  # type: ignore[assignment]
    (folder / "chat.json").write_text(json.dumps(records))
    with pytest.raises(DataError, match="record 3: wanted an object"):
        open_at(folder / "chat.json", tmp_path)


@pytest.mark.parametrize("outside", ["../secret.png", "/etc/hostname", "a/../../secret.png"])
def test_pictures_cannot_lie_outside(tmp_path: Path, outside: str) -> None:
    folder = write_folder(tmp_path / "data")
    (tmp_path / "secret.png").write_bytes(picture(1))
    turns = [{"from": "gpt", "value": "x"}]
    (folder / "chat.json").write_text(
        json.dumps([{"id": "1", "image": outside, "conversations": turns}])
    )
    pq.write_table(pa.table({"image": [outside], "text": ["x"]}), folder / "a.parquet")
    for path in (folder / "chat.json", folder / "a.parquet"):
        source = open_at(path, tmp_path)
        with pytest.raises(DataError, match="leads out"):
            source.root.read_bytes(source.samples[0].image or "")


def test_nothing_there_is_said(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing", tmp_path / "*.tar"):
        with pytest.raises(DataError, match="no training data there; wanted 'starter'"):
            open_at(path, tmp_path)
    (tmp_path / "a.parquet").write_bytes(b"no")
    with pytest.raises(DataError, match=r"a\.parquet: not a readable parquet file"):
        open_at(tmp_path, tmp_path)


def test_numbers_of_a_range_keep_their_zeros() -> None:
    from gcl_spec.data.sources import expand_braces

    assert expand_braces("a/{8..11}.tar") == ["a/8.tar", "a/9.tar", "a/10.tar", "a/11.tar"]
    assert np.all([x.endswith(".tar") for x in expand_braces("{000..100}.tar")])
    assert len(expand_braces("{000..100}.tar")) == 101
