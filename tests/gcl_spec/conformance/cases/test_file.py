"""Cases in files keep every bit; what is no case is an error."""

from pathlib import Path

import numpy as np
import pytest

from gcl_spec.conformance import drawn_cases, fixed_cases
from gcl_spec.conformance.cases.file import read_case, write_case
from gcl_spec.errors import DataError

BY_NAME = {case.name: case for case in fixed_cases()}


def test_a_file_keeps_every_bit(tmp_path: Path) -> None:
    for case in (*fixed_cases(), *drawn_cases(20)):
        write_case(tmp_path / "case.npz", case)
        found = read_case(tmp_path / "case.npz")
        assert found.name == case.name
        assert np.shape(found.log_scale) == np.shape(case.log_scale)
        assert (found.objective, found.tile) == (case.objective, case.tile)
        for name in ("z_MBD", "log_scale", "present", "ids", "weights", "bias"):
            np.testing.assert_array_equal(getattr(found, name), getattr(case, name))


def test_files_that_are_no_case(tmp_path: Path) -> None:
    path = tmp_path / "case.npz"
    objects = tmp_path / "objects.npz"
    np.savez(objects, name=np.asarray([{}], object))
    write_case(path, BY_NAME["gcl"])
    whole = path.read_bytes()
    for content in (b"", b"no archive", whole[: len(whole) // 2], objects.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(DataError, match="cannot read the case"):
            read_case(path)
