"""Every kind of data gives the same samples, by number, and nothing from outside of it."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gcl_spec.config import ColumnsConfig, DataConfig
from gcl_spec.data import parquet, tar
from gcl_spec.data.paths import expand
from gcl_spec.data.source import Source
from gcl_spec.data.sources import open_source
from gcl_spec.errors import DataError

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


WRITERS = {
    "jsonl": write_jsonl,
    "llava": write_llava,
    "tar": write_tars,
    **{
        f"parquet {kind}": lambda folder, kind=kind: write_parquet(folder, kind)
        for kind in ("bytes", "path", "struct")
    },
}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_kind_gives_the_same_rows(kind: str, tmp_path: Path) -> None:
    WRITERS[kind](tmp_path / "data")
    found = source(tmp_path / "data")
    assert rows(found) == ROWS
    assert len({found.place(n) for n in range(len(found))}) == len(ROWS)
    samples = [found.sample(n) for n in range(len(found))]
    assert samples[0].concept == samples[3].concept == "a dog"
    assert len({sample.concept for sample in samples}) == len(ROWS) - 1
    assert found.warnings == ()
    with pytest.raises(DataError):
        found.read_bytes("../secret")


@pytest.mark.parametrize(
    ("kind", "name"),
    [("tar", "{00000..00001}.tar"), ("tar", "0000[01].tar"), ("parquet bytes", "*.parquet"),
     ("llava", "blip.json"), ("jsonl", "train.jsonl")],
)  # fmt: skip
def test_files_by_pattern(kind: str, name: str, tmp_path: Path) -> None:
    WRITERS[kind](tmp_path / "data")
    assert rows(source(tmp_path / "data", name)) == ROWS


def test_patterns(tmp_path: Path) -> None:
    for name in ("8.tar", "9.tar", "10.tar", "a{1}.tar"):
        (tmp_path / name).touch()
    assert [p.name for p in expand(f"{tmp_path}/{{8..10}}.tar")] == ["8.tar", "9.tar", "10.tar"]
    assert [p.name for p in expand(f"{tmp_path}/{{9,8}}.tar")] == ["9.tar", "8.tar"]
    assert [p.name for p in expand(f"{tmp_path}/a{{1}}.tar")] == ["a{1}.tar"]
    for pattern, message in {"{7..8}": "7.tar", "x*": "x*", "{9..8}": "count upwards"}.items():
        with pytest.raises(DataError) as caught:
            expand(f"{tmp_path}/{pattern}.tar")
        assert message in str(caught.value)


def test_only_the_train_files_of_a_data_set_are_read(tmp_path: Path) -> None:
    write_parquet(tmp_path / "data")
    table = pa.table({"image": pa.array([png(9)], pa.binary()), "caption": ["of the test"]})
    pq.write_table(table, tmp_path / "data" / "test-000.parquet")
    assert rows(source(tmp_path / "data")) == ROWS


def test_nothing_of_use(tmp_path: Path) -> None:
    for name, message in {"": "no train.jsonl, *.parquet", "none": "no folder or zip"}.items():
        with pytest.raises(DataError) as caught:
            source(tmp_path, name)
        assert message in str(caught.value)
    (tmp_path / "a.tar").write_bytes(b"")
    (tmp_path / "a.json").write_text("{}")
    for name, message in {
        "*": "names 2 files",
        "a.tar": "no whole sample",
        "a.json": "JSON array",
    }.items():
        with pytest.raises(DataError) as caught:
            source(tmp_path, f"{name}" if name != "*" else "a.*")
        assert message in str(caught.value)


def test_columns_have_other_names(tmp_path: Path) -> None:
    table = pa.table({"jpg": pa.array([png(1)], pa.binary()), "alt": [["one", " ", "two"]]})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"there are jpg, alt; choose with --set data\.columns"):
        source(tmp_path)
    found = source(tmp_path, columns=ColumnsConfig(image="jpg", text="alt")).sample(0)
    assert found.captions == ("one", "two")
    with pytest.raises(DataError, match="column 'alt' is list<"):
        source(tmp_path, columns=ColumnsConfig(image="alt", text="none"))


def test_few_row_groups_are_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    big = [bytes([n]) * 10_000 for n in range(40)]
    table = pa.table({"image": pa.array(big, pa.binary()), "caption": [str(n) for n in range(40)]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=4, compression="none")
    monkeypatch.setattr(parquet, "_MEMORY", 100_000)
    found = source(tmp_path)
    for n in np.random.default_rng(0).integers(40, size=200):
        assert found.read_bytes(str(n)) == big[n]
        kept = found._table._cache
        assert sum(x.nbytes for (_, name), x in kept.items() if name == "image") <= 100_000
    monkeypatch.setattr(parquet, "_LARGE", 30_000)
    (warning,) = source(tmp_path).warnings
    assert "row_group_size=256" in warning


def test_rows_that_are_malformed_have_their_place(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        '{"id": "1", "captions": ["x"]}\n{\n{"id": "1", "captions": ["y"]}\n{"id": "2"}\n'
    )
    lines = [{"id": 1}, 5, {"image": 3}, {"conversations": [{"from": "gpt", "value": "fine"}]},
             {"conversations": [{"from": "gpt", "value": 3}]},
             {"conversations": [{"from": "gpt", "value": "\ud800"}]}]  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(lines))
    table = pa.table({"image": pa.array([None, png(1)], pa.binary()), "caption": ["  ", None]})
    pq.write_table(table, tmp_path / "a.parquet")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for info, data in [
            member("1.jpg", b"/etc/passwd", tarfile.SYMTYPE), member("2.txt", b"\xff\xfe"),
            member("3.json", b"{"), member("4.json", b"[]"), member("5.txt", b"fine"),
            member("../../6.txt", b"fine"), member("7.cls", b"3"),
            member("8.txt", b"5.txt", tarfile.LNKTYPE),
        ]:  # fmt: skip
            archive.addfile(info, io.BytesIO(data))
    good = {"a.jsonl": [0], "a.json": [3], "a.parquet": [1], "a.tar": [4, 5]}
    for name, fine in good.items():
        found = source(tmp_path, name)
        for n in range(len(found)):
            if n in fine:
                assert found.sample(n).captions in (("x",), ("fine",), ())
                continue
            with pytest.raises(DataError) as caught:
                found.sample(n)
            assert name in str(caught.value)


@pytest.mark.parametrize("path", ["../x.png", "/etc/passwd", "a\\b.png", "link.png"])
@pytest.mark.parametrize("kind", ["jsonl", "llava", "parquet"])
def test_pictures_do_not_leave_the_data(kind: str, path: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "x.png").write_bytes(png(1))
    (folder / "link.png").symlink_to(tmp_path / "x.png")
    if kind == "jsonl":
        (folder / "train.jsonl").write_text(json.dumps({"id": "1", "image": path, "captions": []}))
    elif kind == "llava":
        (folder / "a.json").write_text(json.dumps([{"image": path, "conversations": []}]))
    else:
        pq.write_table(pa.table({"image": [path], "caption": ["x"]}), folder / "a.parquet")
    found = source(folder)
    with pytest.raises(DataError, match="leads out"):
        found.read_bytes(found.sample(0).image or "")


def test_pictures_in_another_folder(tmp_path: Path) -> None:
    write_llava(tmp_path / "data")
    (tmp_path / "data" / "images").rename(tmp_path / "pictures")
    assert rows(source(tmp_path / "data", images=str(tmp_path / "pictures"))) == ROWS


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_a_shard_that_is_cut_off(share: float, tmp_path: Path) -> None:
    path = tmp_path / "data" / "a.tar"
    write_tar(path, [(str(n), png(n), f"text {n}") for n in range(40)])
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    found = source(tmp_path / "data")
    (warning,) = found.warnings
    assert f"after {len(found)} whole samples" in warning
    assert 40 * share - 3 < len(found) < 40
    assert rows(found) == [(str(n), png(n), f"text {n}") for n in range(len(found))]


def test_the_index_is_made_once_and_never_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tars(tmp_path / "data")
    assert rows(source(tmp_path / "data")) == ROWS
    with monkeypatch.context() as patch:
        patch.setattr(tarfile, "open", None)
        assert rows(source(tmp_path / "data")) == ROWS
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(file.read_bytes()[:100])
    assert rows(source(tmp_path / "data")) == ROWS, "a damaged index is made anew"
    write_tar(tmp_path / "data" / "00001.tar", [("z", None, "new")])
    assert rows(source(tmp_path / "data")) == [*ROWS[:2], ("z", None, "new")]
    monkeypatch.setattr(tar, "_OPEN", 1)
    assert rows(source(tmp_path / "data")) == [*ROWS[:2], ("z", None, "new")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["llava", "tar", "parquet"]),
    place=st.floats(0, 1), byte=st.integers(0, 255), cut=st.booleans(),
)  # fmt: skip
def test_damage_is_a_data_error(
    tmp_path: Path, kind: str, place: float, byte: int, cut: bool
) -> None:
    file = {"llava": "blip.json", "tar": "00000.tar", "parquet": "train-000.parquet"}[kind]
    if not (tmp_path / kind).exists():
        {"llava": write_llava, "tar": write_tars, "parquet": write_parquet}[kind](tmp_path / kind)
        (tmp_path / f"{kind}.good").write_bytes((tmp_path / kind / file).read_bytes())
    data = bytearray((tmp_path / f"{kind}.good").read_bytes())
    at = min(int(place * len(data)), len(data) - 1)
    data = data[:at] if cut else data[:at] + bytes([byte]) + data[at + 1 :]
    (tmp_path / kind / file).write_bytes(bytes(data))
    try:
        found = source(tmp_path / kind)
    except DataError:
        return
    for n in range(len(found)):
        try:
            sample = found.sample(n)
            if sample.image is not None:
                found.read_bytes(sample.image)
        except DataError:
            continue
