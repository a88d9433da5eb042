"""Checkpoints: bit-exact, newest good one, nothing half-written."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from gcl_spec._files.checksum import checksum
from gcl_spec._files.sealed import seal
from gcl_spec.errors import CheckpointError
from gcl_spec.run import checkpoint


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
    """Anywhere: in the length, the header, its names, blanks and checksum, and in the numbers."""
    path = checkpoint.save(tmp_path, state(3), keep=1, notes={"skipped": 2})
    assert checkpoint.latest(tmp_path).notes == {"skipped": 2}
    content = path.read_bytes()
    assert b'"file_sha256"' in content
    for bit in range(8 * len(content)):
        harmed = bytearray(content)
        harmed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(harmed)
        for allowed in (False, True):
            with pytest.raises(CheckpointError, match=re.escape(str(path))):
                checkpoint.load(path, allow_unverified=allowed)


@pytest.mark.parametrize("more", [b"\0", b" ", b"{}", b"\0" * 8])
def test_nothing_may_stand_after_the_end(tmp_path: Path, more: bytes) -> None:
    path = checkpoint.save(tmp_path, state(3), keep=1)
    path.write_bytes(path.read_bytes() + more)
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoint.load(path)


SAVE = """
import sys
from pathlib import Path
import numpy as np
from gcl_spec.run import checkpoint
names = {f"params/{n}": np.full((n, 2), n, np.float32) for n in range(9)}
more = {"optim/updates": np.asarray(2), "step": np.asarray(2), "buffers/b": np.ones(3, np.uint8)}
order = int(sys.argv[2])
state = dict(list((names | more).items())[::order])
notes = dict([("skipped", 1), ("in_a_row", 0)][::order])
checkpoint.save(Path(sys.argv[1]), state, keep=1, notes=notes)
"""


def test_the_same_state_gives_the_same_bytes(tmp_path: Path) -> None:
    """In any process, and in any order of the names; the library's own order is drawn anew."""
    found = set()
    for seed, order in (("0", "1"), ("1", "1"), ("2", "-1"), ("random", "-1")):
        subprocess.run(
            [sys.executable, "-c", SAVE, str(tmp_path / seed), order],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
        )
        found.add((tmp_path / seed / "step-00000002.safetensors").read_bytes())
    assert len(found) == 1


def test_other_programs_read_the_file(tmp_path: Path) -> None:
    kinds = ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", ">f4", ">i8")
    want = {f"buffers/{kind}": np.arange(5).astype(kind) for kind in kinds}
    want |= {"params/none": np.zeros((0, 3), np.float32), **state(3)}
    path = checkpoint.save(tmp_path, want, keep=1)
    found = load_file(path)
    assert found.keys() == want.keys()
    for name, x in found.items():
        assert x.dtype == want[name].dtype.newbyteorder("=")
        assert x.shape == want[name].shape
        assert np.array_equal(x, want[name])
    with safe_open(path, framework="numpy") as file:
        assert file.metadata()["format"] == "gcl-spec/2"
    wide = {**state(4), "params/w": np.zeros(2, np.longdouble)}
    with pytest.raises(CheckpointError, match=r"cannot save step 4: 'params/w' is (float|longd)"):
        checkpoint.save(tmp_path, wide, keep=1)


def test_a_file_under_another_steps_name_is_refused(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, state(3), keep=1)
    checkpoint.load(path.rename(tmp_path / "mine.safetensors"))
    (tmp_path / "mine.safetensors").rename(tmp_path / "step-00000009.safetensors")
    with pytest.raises(CheckpointError, match="it holds step 3, against its name"):
        checkpoint.of_step(tmp_path, 9)


@given(st.floats(0, 1, exclude_max=True))
def test_no_cut_goes_unnoticed(share: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = checkpoint.save(Path(name), state(3), keep=1)
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
        with pytest.raises(CheckpointError, match="cannot read"):
            checkpoint.load(path)


def old_file(path: Path, arrays: dict[str, Any], **metadata: str) -> None:
    """As older versions wrote it."""
    arrays = {n: np.asarray(x, order="C") for n, x in arrays.items()}
    save_file(arrays, path, {"format": "gcl-spec/1", **metadata})


def test_files_without_checksum_load_where_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "step-00000004.safetensors"
    old_file(path, state(4))
    for read in (checkpoint.latest, lambda folder: checkpoint.of_step(folder, 4)):
        with pytest.raises(CheckpointError, match=r"cannot be verified: .* --allow-unverified"):
            read(tmp_path)
    found = checkpoint.latest(tmp_path, allow_unverified=True)
    assert found.step == checkpoint.of_step(tmp_path, 4, allow_unverified=True).step == 4
    assert found.notes == {}
    arrays = dict(load_file(path))
    old_file(path, arrays, sha256=checksum(arrays, "{}"), notes="{}")
    assert checkpoint.latest(tmp_path, allow_unverified=True).step == 4
    old_file(path, arrays, sha256="0" * 64, notes="{}")
    with pytest.raises(CheckpointError, match="its checksum does not fit"):
        checkpoint.load(path, allow_unverified=True)


@pytest.mark.parametrize("name", ["gcl-spec/2", "gcl-spec/3", "gcl-spec/", "pt"])
def test_a_new_file_is_not_taken_for_an_old_one(tmp_path: Path, name: str) -> None:
    """Whatever its format is called: only the old name goes without the new checksum."""
    path = tmp_path / "x.safetensors"
    save_file(dict(state(4)), path, {"format": name})
    with pytest.raises(CheckpointError, match=r"not a checkpoint|not in place"):
        checkpoint.load(path, allow_unverified=True)
    for other in ("gcl-spec/1", "gcl-spec/3"):
        path.write_bytes(b"".join(bytes(part) for part in seal(state(4), {"format": other})))
        with pytest.raises(CheckpointError, match=r"not a checkpoint|not in place"):
            checkpoint.load(path, allow_unverified=True)


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
    old_file(path, bad)
    with pytest.raises(CheckpointError, match=rf"00001\.safetensors: {name!r} holds NaN or Inf"):
        checkpoint.load(path, allow_unverified=True)
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
    old_file(path, {**state(1), **change})
    with pytest.raises(CheckpointError, match=rf"x\.safetensors: {message}"):
        checkpoint.load(path, allow_unverified=True)
