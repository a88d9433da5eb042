"""Sealed files: safetensors that others read, whose every byte is vouched for."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from gcl_spec._files.sealed import seal, seal_fits

ARRAYS = {
    "b": np.arange(3, dtype=np.int8),
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "wide": np.asarray(2.5),
    "none": np.zeros((0, 4), np.float16),
}


def written(path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    path.write_bytes(b"".join(seal(arrays, metadata)))
    return path.read_bytes()


def test_safetensors_reads_it(tmp_path: Path) -> None:
    written(tmp_path / "file", ARRAYS, {"step": "3"})
    found = load_file(tmp_path / "file")
    assert found.keys() == ARRAYS.keys()
    for name, x in ARRAYS.items():
        np.testing.assert_array_equal(found[name], x)
        assert found[name].dtype == x.dtype


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    one = written(tmp_path / "one", ARRAYS, {"x": "1", "y": "2"})
    backwards = {name: ARRAYS[name] for name in reversed(ARRAYS)}
    backwards["a"] = np.asfortranarray(backwards["a"])
    assert written(tmp_path / "two", backwards, {"y": "2", "x": "1"}) == one
    swapped = {**ARRAYS, "a": ARRAYS["a"].astype(">f4")}
    assert written(tmp_path / "big", swapped, {"x": "1", "y": "2"}) == one


def test_every_byte_counts(tmp_path: Path) -> None:
    whole = written(tmp_path / "file", {"a": np.arange(2.0)}, {"step": "3"})
    assert seal_fits(tmp_path / "file") is True
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1
        (tmp_path / "file").write_bytes(changed)
        assert not seal_fits(tmp_path / "file"), at
    (tmp_path / "file").write_bytes(whole[:-1])
    assert seal_fits(tmp_path / "file") is False
    (tmp_path / "file").write_bytes(whole + b"\0")
    assert seal_fits(tmp_path / "file") is False


def test_a_file_of_others_has_no_seal(tmp_path: Path) -> None:
    save_file({"a": np.arange(2.0)}, tmp_path / "file")
    assert seal_fits(tmp_path / "file") is None
    (tmp_path / "file").write_bytes(b"")
    assert seal_fits(tmp_path / "file") is None


def test_a_dtype_that_the_format_lacks() -> None:
    with pytest.raises(ValueError, match="'z' is complex128, which safetensors cannot hold"):
        seal({"z": np.zeros(2, complex)}, {})
