"""Files of calibrations: the same bytes for the same state, and damage is noticed."""

import os
from typing import Any

import numpy as np
import pytest

from gapped_rows import drawn
from gcl_spec.errors import CheckpointError
from gcl_spec.evaluate.calibrations import fit, read, same_roles, write
from gcl_spec.evaluate.calibrations.store import Origin

ORIGIN = Origin("0" * 64, 7, {"image": 4})


def test_files(tmp_path: Any) -> None:
    drawn_rows = drawn(0)
    chain, path = fit("standard", same_roles(drawn_rows)), tmp_path / "standard.safetensors"
    write(path, chain, ORIGIN)
    found, origin = read(path)
    assert origin == ORIGIN
    rows = drawn_rows["text"]
    np.testing.assert_array_equal(found.apply(rows, "query"), chain.apply(rows, "query"))
    first = path.read_bytes()
    write(path, chain, ORIGIN)
    assert path.read_bytes() == first
    path.write_bytes(first[:-1] + bytes([first[-1] ^ 1]))
    with pytest.raises(CheckpointError, match="not as it was written"):
        read(path)
    path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="not as it was written"):
        read(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(CheckpointError, match="cannot read it: it is a pipe"):
        read(path)
    with pytest.raises(CheckpointError, match="there is no such calibration"):
        read(tmp_path / "none.safetensors")
