"""What unpacks to far more than it is packed in is refused, also where its header lies."""

import io
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gcl_spec._files.packed import BROKEN, Archive, Arrays, most_unpacked
from gcl_spec.config.options import ColumnsConfig, DataConfig
from gcl_spec.data.formats.jsonl import read_rows, read_text
from gcl_spec.data.formats.read_vectors import read_npz
from gcl_spec.data.open import open_source
from gcl_spec.data.root import open_root
from gcl_spec.errors import DataError

MB = 2**20
METHODS = (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def bomb(path: Path, method: int, size: int, block: bytes = bytes(MB)) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive, archive.open("a", "w") as file:
        for _ in range(size // len(block)):
            file.write(block)
    return path


def lying(path: Path, size: int) -> Path:
    """The headers of its only member now say `size`."""
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(mark) + offset
        data[at : at + 4] = struct.pack("<I", size)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("method", METHODS)
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, method: int) -> None:
    root = open_root(bomb(tmp_path / "a.zip", method, 80 * MB))
    tracemalloc.start()
    for use in (root.read_bytes, lambda path: read_text(root, path)):
        with pytest.raises(DataError, match=r"unpacks from .* to 83\.9 MB, which no picture"):
            use("a")
    with pytest.raises(DataError, match="unpacks from"):
        list(read_rows(root, "a"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * MB


@pytest.mark.parametrize("method", METHODS)
def test_a_header_that_says_too_little(tmp_path: Path, method: int) -> None:
    root = open_root(lying(bomb(tmp_path / "a.zip", method, 128 * MB), 1000))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"cannot read 'a'"):
        root.read_bytes("a")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * MB


def test_a_header_that_says_too_much(tmp_path: Path) -> None:
    path = bomb(tmp_path / "a.zip", zipfile.ZIP_STORED, 4 * MB)
    with pytest.raises(DataError, match="cannot read 'a'"):
        open_root(lying(path, 2**31)).read_bytes("a")


def test_text_and_small_members_of_any_ratio_are_read(tmp_path: Path) -> None:
    line = b'{"id": "a", "image": "a.png", "captions": ["a blue cup on a table"]}\n'
    size = 60 * MB // len(line) * len(line)
    root = open_root(bomb(tmp_path / "a.zip", zipfile.ZIP_DEFLATED, size, line))
    assert len(root.read_bytes("a")) == size
    assert sum(1 for _ in zip(read_rows(root, "a"), range(1000), strict=False)) == 1000
    assert most_unpacked(MB) == 100 * MB


def test_a_line_without_an_end(tmp_path: Path) -> None:
    with (tmp_path / "train.jsonl").open("wb") as file:
        file.write(b'{"id": "a", "captions": "b"}\n')
        file.truncate(2**40)
    rows = read_rows(open_root(tmp_path), "train.jsonl")
    next(rows)
    with pytest.raises(DataError, match=r"line 2 has more than 67\.1 MB; wanted a line a sample"):
        next(rows)
    with pytest.raises(DataError, match=r"'train.jsonl': it has more than"):
        read_text(open_root(tmp_path), "train.jsonl")


@pytest.mark.parametrize(
    ("line", "message"),
    [(b"1\n", "100,001 of the first 100,001 samples"), (b"\n", "1,000,001 of 1,000,001 lines")],
)
def test_lines_that_are_no_samples_have_a_bound(tmp_path: Path, line: bytes, message: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train.jsonl", line * 5_000_000)
    with pytest.raises(DataError, match=message):
        open_source(DataConfig(path=str(tmp_path / "a.zip")))
    (tmp_path / "a.json").write_text("[" + "1," * 1_000_000 + "1]")
    with pytest.raises(DataError, match="100,001 of the first 100,001 samples"):
        open_source(DataConfig(path=str(tmp_path / "a.json")))


def npy(text: str, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    head = text.encode()
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H", len(head)) + head + data


HEAD = "{{'descr': {}, 'fortran_order': False, 'shape': {}, }}"


@pytest.mark.parametrize(
    "member",
    [
        npy(HEAD.format("'<f4'", f"({10**12}, 4)"), bytes(64)),
        npy(HEAD.format("'<f4'", f"({10**30}, 4)"), bytes(64)),
        npy(HEAD.format("'<f4'", f"({10**12}, 0)"), bytes(64)),
        npy(HEAD.format("'<f4'", "(-4, -4)"), bytes(64)),
        npy(HEAD.format("'<U0'", f"({10**12}, 4)")),
        npy(HEAD.format("'|V0'", f"({10**30}, 4)")),
        npy(HEAD.format("'<f4'", "(4, 4)"), bytes(63)),
        npy(HEAD.format("'<f4'", "(4, 4)"), bytes(65)),
        npy(HEAD.format("'|O'", "(4, 4)"), bytes(64)),
        npy(HEAD.format("[('a', '<f4')] * 9", "(4, 4)"), bytes(64)),
        npy(HEAD.format("'<f4'", "(4, 4"), bytes(64)),
        npy("(" * 5000, bytes(64)),
        npy("9" * 6000, bytes(64)),
        npy(HEAD.format("'<f4'", "(4, 4)"), bytes(64), (3, 0)),
        npy(HEAD.format("'<f4'", "(4, 4)"), bytes(64), (9, 9)),
        b"junk",
        b"",
    ],
)
def test_arrays_that_are_none(tmp_path: Path, member: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("image.npy", member)
    with Arrays(tmp_path / "a.npz") as arrays, pytest.raises(BROKEN):
        arrays["image"]
    with pytest.raises(DataError, match=r"a.npz: (not a readable npz|image vectors are)"):
        read_npz(tmp_path / "a.npz", ColumnsConfig())


def test_members_that_are_no_arrays_are_left_alone(tmp_path: Path) -> None:
    good = {
        "image": np.eye(4, dtype="f4"),
        "text": np.asfortranarray(np.arange(12.0).reshape(4, 3)),
    }
    good |= {"present": np.ones((4, 2), bool), "id": np.asarray(["a", "b", "c", "d"])}
    np.savez_compressed(tmp_path / "a.npz", **good)
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("image", b"junk")
        archive.writestr("__MACOSX/x", b"junk")
        archive.writestr("objects.npy", npy(HEAD.format("'|O'", "(4, 4)")))
    with Arrays(tmp_path / "a.npz") as arrays:
        for name, x in good.items():
            assert arrays[name].dtype == x.dtype
            np.testing.assert_array_equal(arrays[name], x)
    assert len(read_npz(tmp_path / "a.npz", ColumnsConfig())) == 4


def test_an_array_that_unpacks_to_too_much(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", image=np.zeros((70 * MB, 4), "i1"))
    with pytest.raises(DataError, match="unpacks from"):
        read_npz(tmp_path / "a.npz", ColumnsConfig())


def test_an_archive_is_closed_with_its_owner(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a", b"b")
    archive = Archive(buffer)
    assert archive.read("a") == b"b"
    archive.close()
    assert buffer.closed
