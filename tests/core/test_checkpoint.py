"""Checkpoints: bit-exact, newest good one, nothing half-written."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from gcl_spec import checkpoint
from gcl_spec.errors import CheckpointError


def state(step: int) -> dict[str, np.ndarray[Any, Any]]:
    return {
        "step": np.asarray(step, np.int64),
        "params/w": np.arange(6, dtype=np.float32).reshape(2, 3).T + step,
        "params/log_scale": np.asarray(0.1, np.float32),
    }


def steps(folder: Path) -> list[int]:
    return [int(path.stem[5:]) for path in sorted(folder.iterdir())]


def test_round_trip_is_exact(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, state(7), keep=1)
    found = checkpoint.load(path)
    assert path.name == "step-00000007.safetensors"
    for name, want in state(7).items():
        assert found[name].dtype == want.dtype
        assert found[name].shape == want.shape, "a 0-d array stays 0-d"
        assert found[name].tobytes() == np.asarray(want, order="C").tobytes()


def test_newest_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 10, 11):
        checkpoint.save(tmp_path, state(step), keep=2)
    assert steps(tmp_path) == [10, 11]
    assert checkpoint.latest(tmp_path).step == 11


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=12, unique=True).map(sorted),
    st.integers(1, 4),
    st.integers(0, 5),
    st.sets(st.integers(1, 30), max_size=3),
)
def test_what_is_kept(numbers: list[int], keep: int, every: int, also: set[int]) -> None:
    with tempfile.TemporaryDirectory() as name:
        for n in numbers:
            checkpoint.save(Path(name), state(n), keep=keep, keep_every=every, also=also)
        found = steps(Path(name))
    wanted = set(numbers[-keep:]) | {n for n in numbers if n in also or (every and n % every == 0)}
    assert found == sorted(wanted)


def test_a_damaged_future_does_not_count(tmp_path: Path) -> None:
    """Or it would be the newest one to keep, and what is written after it would be removed."""
    for step in (5, 10):
        checkpoint.save(tmp_path, state(step), keep=2)
    damage = tmp_path / "step-00000010.safetensors"
    damage.write_bytes(damage.read_bytes()[:-1])
    checkpoint.save(tmp_path, state(7), keep=1)
    found = checkpoint.latest(tmp_path)
    assert found.step == 7
    checkpoint.set_aside(found)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "step-00000007.safetensors",
        "step-00000010.safetensors.damaged",
    ]


def test_a_damaged_newest_one_is_passed_over(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, state(1), keep=3)
    newest = checkpoint.save(tmp_path, state(2), keep=3)
    newest.write_bytes(newest.read_bytes()[:-5])
    found = checkpoint.latest(tmp_path)
    assert found.step == 1
    assert "step-00000002" in found.warnings[0]
    found.path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="no readable checkpoint"):
        checkpoint.latest(tmp_path)


def test_no_flipped_bit_goes_unnoticed(tmp_path: Path) -> None:
    """A flip in the metadata's own names may pass, but changes no number."""
    path = checkpoint.save(tmp_path, state(3), keep=1, notes={"skipped": 2})
    assert checkpoint.latest(tmp_path).notes == {"skipped": 2}
    content = path.read_bytes()
    noticed = 0
    for bit in range(0, 8 * len(content), 3):
        harmed = bytearray(content)
        harmed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(harmed)
        try:
            found = checkpoint.load(path)
        except CheckpointError:
            noticed += 1
        else:
            for name, want in state(3).items():
                assert found[name].tobytes() == np.asarray(want, order="C").tobytes(), bit
    assert noticed > 2 * len(content)


@given(st.floats(0, 1, exclude_max=True))
def test_no_cut_goes_unnoticed(share: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = checkpoint.save(Path(name), state(3), keep=1)
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
        with pytest.raises(CheckpointError, match="cannot read"):
            checkpoint.load(path)


def test_files_without_checksum_still_load(tmp_path: Path) -> None:
    old = {n: np.asarray(x, order="C") for n, x in state(4).items()}
    save_file(old, tmp_path / "step-00000004.safetensors", {"format": "gcl-spec/1"})
    found = checkpoint.latest(tmp_path)
    assert found.step == 4
    assert found.notes == {}


def test_something_else_is_refused(tmp_path: Path) -> None:
    save_file({"x": np.zeros(2)}, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match="not a checkpoint of gcl-spec"):
        checkpoint.load(tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match="cannot read"):
        checkpoint.load(tmp_path / "none.safetensors")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["params/w", "optim/exp_avg/w", "buffers/b"])
def test_numbers_that_are_not_finite_are_named(tmp_path: Path, name: str, value: float) -> None:
    bad = {**state(1), name: np.asarray([0.0, value], np.float32)}
    checkpoint.save(tmp_path, state(0), keep=1)
    with pytest.raises(CheckpointError, match=rf"cannot save step 1: {name!r} holds NaN or Inf"):
        checkpoint.save(tmp_path, bad, keep=1)
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000000.safetensors"]
    path = tmp_path / "step-00000001.safetensors"
    save_file(bad, path, {"format": "gcl-spec/1"})
    with pytest.raises(CheckpointError, match=rf"00001\.safetensors: {name!r} holds NaN or Inf"):
        checkpoint.load(path)
    assert checkpoint.latest(tmp_path).step == 0, "the newest good one is still found"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizer/w": np.zeros(2, np.float32)}, "unknown entry 'optimizer/w'"),
        ({"weights": np.zeros(2, np.float32)}, "unknown entry 'weights'"),
        ({"step": np.asarray(1.5)}, "'step' is float64"),
        ({"step": np.asarray([1, 2])}, r"'step' is int64 of shape \(2,\)"),
        ({"step": np.asarray(-3)}, "'step' is -3"),
        ({"params/w": np.zeros(2, np.complex64)}, "'params/w' is complex64"),
        ({"params/w": np.zeros(2, bool)}, "'params/w' is bool"),
    ],
)
def test_entries_that_no_trainer_writes_are_named(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = tmp_path / "x.safetensors"
    save_file({**state(1), **change}, path, {"format": "gcl-spec/1"})
    with pytest.raises(CheckpointError, match=rf"x\.safetensors: {message}"):
        checkpoint.load(path)
