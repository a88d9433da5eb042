"""torch's old state dicts without torch: equal numbers, and nothing else is ever run."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from gcl_spec.errors import DataError
from gcl_spec.models.torch_file import read_state_dict


def save(path: Path, what: object) -> Path:
    torch.save(what, path, _use_new_zipfile_serialization=False)
    return path


def test_it_equals_torch(tmp_path: Path) -> None:
    base = torch.arange(24.0).reshape(4, 6)
    state = {
        "whole": base, "transposed": base.T, "part": base[1:3, 2:], "number": torch.tensor(3),
        "wide": torch.randn(2, 3, dtype=torch.float64), "none": torch.zeros(0, 3),
    }  # fmt: skip
    found = read_state_dict(save(tmp_path / "x.pth", state))
    assert found.keys() == state.keys()
    for name, x in state.items():
        assert found[name].dtype == x.numpy().dtype
        assert np.array_equal(found[name], x.numpy()), name


class Bad:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("made-by-a-pickle",)


def test_a_pickle_that_names_functions_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"it names posix\.mkdir, which is no tensor"):
        read_state_dict(save(tmp_path / "x.pth", {"a": Bad()}))
    (tmp_path / "y.pth").write_bytes(pickle.dumps(Bad()))
    with pytest.raises(DataError, match="no tensor"):
        read_state_dict(tmp_path / "y.pth")
    assert not (tmp_path / "made-by-a-pickle").exists()


@pytest.mark.parametrize("keep", [0, 10, 200, -4])
def test_damaged_files_are_refused(tmp_path: Path, keep: int) -> None:
    path = save(tmp_path / "x.pth", {"a": torch.ones(50)})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match="not a readable torch state dict"):
        read_state_dict(path)


def test_other_contents_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="more than names and tensors"):
        read_state_dict(save(tmp_path / "x.pth", {"a": torch.ones(2), "b": "text"}))
    with pytest.raises(DataError):
        read_state_dict(tmp_path / "missing.pth")
