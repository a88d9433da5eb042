"""The files of cached tower outputs: what is not what was written is not used."""

import io
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from gcl_spec.config.toml import loads
from gcl_spec.data.features import cache as feature_cache
from gcl_spec.data.features.cache import FeatureCache
from gcl_spec.data.formats.tar import TarSource
from gcl_spec.models.pretrained import clip_folder


def test_a_flipped_bit_anywhere_is_noticed(tmp_path: Path) -> None:
    """Also one that leaves a valid file: in a feature, a digest, or the header."""
    cache = FeatureCache(tmp_path, "image", "key")
    rows = {f"{n:064x}": np.full(3, n, np.float32) for n in (5, 6)}
    cache.merge(rows)
    good = cache.path.read_bytes()
    missed = 0
    for place in range(len(good)):
        bad = bytearray(good)
        bad[place] ^= 1 << (place % 8)
        cache.path.write_bytes(bad)
        found, warnings = cache.read()
        missed += not found
        if found:
            assert found.keys() == rows.keys(), f"byte {place}"
            assert all(np.array_equal(found[name], rows[name]) for name in rows), f"byte {place}"
        else:
            assert "damaged cache of tower outputs" in warnings[0]
    assert missed > 0.95 * len(good), "but for blanks in the header every bit counts"


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda x: {**x, "features": x["features"].astype(np.float64)}, "features are float64"),
        (lambda x: {**x, "features": x["features"][:, 0].copy()}, "features of shape (2,)"),
        (lambda x: {**x, "features": x["features"][:1]}, "features of shape (1, 3)"),
        (lambda x: {**x, "features": x["features"] * np.float32("nan")}, "NaN or Inf"),
        (lambda x: {**x, "digests": x["digests"][:, :31].copy()}, "digests of shape (2, 31)"),
        (lambda x: {"features": x["features"]}, "no digests"),
    ],
)
def test_a_file_of_another_kind_is_not_used(tmp_path: Path, harm: Any, message: str) -> None:
    """Not even with a checksum that fits."""
    cache = FeatureCache(tmp_path, "image", "key")
    cache.merge({f"{n:064x}": np.full(3, n, np.float32) for n in (5, 6)})
    arrays = harm(load_file(cache.path))
    cache.path.write_bytes(save(arrays, {"sha256": feature_cache.checksum(arrays)}))
    rows, warnings = cache.read()
    assert not rows
    assert "damaged cache of tower outputs" in warnings[0]
    assert message in warnings[0]


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from gcl_spec._files import atomic
def die(number):
    os.kill(os.getpid(), signal.SIGKILL)
atomic.os.fsync = die
{}
"""
ROWS = "{'05' * 32: np.ones(3, np.float32)}"
CACHE = (
    "from gcl_spec.data.features.cache import FeatureCache\n"
    "FeatureCache(Path(sys.argv[1]), 'image',"
)
SHARD = "from gcl_spec.data.formats.tar_index import read_index\n"
TINY = (
    "from gcl_spec.config.toml import loads\nfrom gcl_spec.models.pretrained import clip_folder\n"
    "clip_folder(loads('', ['model.path=tiny', f\"data.cache='{sys.argv[1]}'\"]))"
)


@pytest.mark.parametrize(
    "write",
    [
        f"{CACHE} 'key').merge({ROWS})",
        f"{CACHE} 'key').add({ROWS})",
        f"{CACHE} 'another key').add({ROWS})",
        f"{SHARD}read_index(Path(sys.argv[1], 'a.tar'), Path(sys.argv[1]))",
        TINY,
    ],
    ids=["merge", "add", "another key", "tar index", "tiny"],
)
def test_what_a_killed_writer_left_goes_at_the_next_use(tmp_path: Path, write: str) -> None:
    """Though nobody writes the same file again."""
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        member = tarfile.TarInfo("1.txt")
        member.size = 4
        archive.addfile(member, io.BytesIO(b"text"))
    killed = subprocess.run(
        [sys.executable, "-c", KILLED.format(write), str(tmp_path)], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob(".*"))) == 1, "the kill left its half"
    if "clip_folder" in write:  # another process has made it meanwhile
        (tmp_path / "tiny-clip-1-0").mkdir()
        config = loads("", ["model.path=tiny", f"data.cache='{tmp_path}'"])
        clip_folder(config)
    elif "tar" in write:
        TarSource([tmp_path / "a.tar"], tmp_path)
    else:
        FeatureCache(tmp_path, "text", "key").read()
    assert list(tmp_path.glob(".*")) == []
