"""Checkpoints: bit-exact, newest good one, nothing half-written."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from gcl_spec import _files, checkpoint
from gcl_spec._files import atomic_write
from gcl_spec.errors import CheckpointError


def state(step: int) -> dict[str, np.ndarray[Any, Any]]:
    return {
        "step": np.asarray(step, np.int64),
        "params/w": np.arange(6, dtype=np.float32).reshape(2, 3).T + step,
        "params/log_scale": np.asarray(0.1, np.float32),
    }


def test_round_trip_is_exact(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, state(7), keep=1)
    found = checkpoint.load(path)
    assert path.name == "step-00000007.safetensors"
    for name, want in state(7).items():
        assert found[name].dtype == want.dtype
        assert found[name].shape == want.shape, "a 0-d array stays 0-d"
        assert found[name].tobytes() == np.asarray(want, order="C").tobytes()


def test_newest_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 10, 3):
        checkpoint.save(tmp_path, state(step), keep=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "step-00000003.safetensors",
        "step-00000010.safetensors",
    ]
    assert checkpoint.latest(tmp_path).step == 10


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


def test_something_else_is_refused(tmp_path: Path) -> None:
    save_file({"x": np.zeros(2)}, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match="not a checkpoint of gcl-spec"):
        checkpoint.load(tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match="cannot read"):
        checkpoint.load(tmp_path / "none.safetensors")


def test_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_files.os, "fsync", full)
    with pytest.raises(CheckpointError, match="No space left"), atomic_write(target) as file:
        file.write(b"new")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208


def test_an_error_inside_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    def fails_halfway() -> None:
        with atomic_write(target) as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails_halfway()
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["params/w", "optim/exp_avg/w", "buffers/b"])
def test_numbers_that_are_not_finite_are_named(tmp_path: Path, name: str, value: float) -> None:
    bad = {**state(1), name: np.asarray([0.0, value], np.float32)}
    checkpoint.save(tmp_path, state(0), keep=9)
    path = checkpoint.save(tmp_path, bad, keep=9)
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
