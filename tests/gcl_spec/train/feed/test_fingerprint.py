"""Data that has changed since a run was started is noticed; where it lies does not matter."""

from pathlib import Path

import numpy as np
import pytest

from gcl_spec.errors import DataError
from gcl_spec.train.feed.fingerprint import check_same, noted
from kinds import ROWS, WRITERS, source, write_jsonl, write_tar


def write_npz(folder: Path, scale: float = 1.0) -> None:
    folder.mkdir()
    x = np.random.default_rng(0).normal(size=(2000, 4))
    np.savez(folder / "train.npz", image=x, text=scale * x, id=np.arange(2000) // 2)


KINDS = {**WRITERS, "npz": write_npz}


@pytest.mark.parametrize("kind", KINDS)
def test_a_moved_folder_is_the_same(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    KINDS[kind](tmp_path / "data")
    check_same(path, source(tmp_path / "data"))  # a run of an older version
    path.write_text(noted(source(tmp_path / "data")))
    (tmp_path / "data").rename(tmp_path / "moved")
    check_same(path, source(tmp_path / "moved"))
    assert noted(source(tmp_path / "moved")) == path.read_text()


def test_other_data_is_an_error(tmp_path: Path) -> None:
    path, data = tmp_path / "data.json", tmp_path / "data"
    write_jsonl(data)
    path.write_text(noted(source(data)))
    text = (data / "train.jsonl").read_text()
    for other, message in {
        text.replace("a cat", "a cow"): "other rows or files than when the run was started",
        text + '{"id": "new", "captions": ["x"]}': "has 6 samples, and had 5 when",
        text.replace('"captions"', "broken", 1): "other rows",
    }.items():
        (data / "train.jsonl").write_text(other)
        with pytest.raises(DataError, match=message) as caught:
            check_same(path, source(data))
        assert "start a new run with --init" in str(caught.value)
    path.write_text("{")
    with pytest.raises(DataError, match="remove the file"):
        check_same(path, source(data))


def test_other_shards_and_vectors_are_an_error(tmp_path: Path) -> None:
    write_tar(tmp_path / "tar" / "0.tar", ROWS)
    write_npz(tmp_path / "npz")
    for kind in ("tar", "npz"):
        (tmp_path / kind / "noted").write_text(noted(source(tmp_path / kind)))
    write_tar(tmp_path / "tar" / "0.tar", [*ROWS[:-1], ("f", None, "other " * 2000)])
    (tmp_path / "npz" / "train.npz").rename(tmp_path / "npz" / "old")
    write_npz(tmp_path / "new", scale=2.0)
    for kind, place in (("tar", "tar"), ("npz", "new")):
        with pytest.raises(DataError, match="other rows or files"):
            check_same(tmp_path / kind / "noted", source(tmp_path / place))


def test_a_mended_row_is_no_change(tmp_path: Path) -> None:
    path, data = tmp_path / "data.json", tmp_path / "data"
    write_jsonl(data)
    text = (data / "train.jsonl").read_text()
    (data / "train.jsonl").write_text(text.replace('"captions": ["a cat"]', '"captions": 3'))
    path.write_text(noted(source(data)))
    (data / "train.jsonl").write_text(text)
    check_same(path, source(data))
    (data / "train.jsonl").write_text(text.replace("a dog", "a wolf"))
    with pytest.raises(DataError, match="other rows"):
        check_same(path, source(data))
