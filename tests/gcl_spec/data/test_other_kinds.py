"""Kinds of files that are not read are named, with the way out."""

from pathlib import Path

import pytest

from gcl_spec.errors import DataError
from kinds import source

OTHERS = ("x.npy", "x.arrow", "x.feather", "x.h5", "x.pkl", "x.pickle", "x.pt", "x.lmdb",
          "x.tfrecord", "x.xlsx", "x.jpg", "x.safetensors", "x.txt", "x.db")  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_other_kinds_are_named_with_the_way_out(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"something")
    for path in (name, "x*", "{x,y}" + Path(name).suffix):
        (tmp_path / f"y{Path(name).suffix}").write_bytes(b"something")
        with pytest.raises(DataError) as caught:
            source(tmp_path, path)
        assert "train.jsonl" in str(caught.value) or "names 2 files" in str(caught.value)
        assert "zip" not in str(caught.value)
