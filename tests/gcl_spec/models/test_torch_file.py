"""Files of torch.save without torch: equal numbers, and nothing else is ever run."""

import argparse
import os
import pickle
import zipfile
from copy import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from gcl_spec.errors import DataError
from gcl_spec.models.torch_file import read_state_dict, tensor_shapes


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


def save_zip(path: Path, what: object) -> Path:
    torch.save(what, path)
    return path


def test_zip_files_of_every_type_equal_torch(tmp_path: Path) -> None:
    base = torch.arange(24.0).reshape(4, 6)
    state = {
        "whole": base, "transposed": base.T, "part": base[1:3, 2:], "number": torch.tensor(3),
        "half": base.half(), "brain": base.bfloat16(), "none": torch.zeros(0, 3),
        "kept": torch.nn.Parameter(base), "flag": torch.tensor([True, False]),
        "bytes": torch.tensor([1, 255], dtype=torch.uint8), "wide": base.double(),
    }  # fmt: skip
    path = save_zip(tmp_path / "x.pt", {"epoch": 3, "state_dict": state, "optimizer": {"lr": 1.0}})
    found = read_state_dict(path)
    assert found.keys() == state.keys()
    for name, x in state.items():
        wanted = (x.float() if x.dtype == torch.bfloat16 else x).detach().numpy()
        assert found[name].dtype == wanted.dtype
        assert np.array_equal(found[name], wanted), name
    assert tensor_shapes(path) == {name: tuple(x.shape) for name, x in state.items()}
    old = save(tmp_path / "old.pt", {"state_dict": {"a": base}})
    assert tensor_shapes(old) == {"a": (4, 6)}


def test_code_in_a_zip_is_refused_and_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = save_zip(tmp_path / "x.pt", {"state_dict": {"a": torch.ones(2)}, "epoch": Bad()})
    for read in (read_state_dict, tensor_shapes):
        with pytest.raises(DataError, match=r"it names posix\.mkdir, which is no tensor"):
            read(path)
    assert not (tmp_path / "made-by-a-pickle").exists()


def rewritten(
    path: Path, change: dict[str, bytes | None], *, how: int = zipfile.ZIP_STORED
) -> Path:
    """The archive with other members: new bytes by the end of a name, None to leave one out."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in members.items():
            ends = [end for end in change if name.endswith(end)]
            new = change[ends[0]] if ends else content
            if new is not None:
                archive.writestr(name, new)
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"/data/0": b"1234"}, "reaches out of its storage"),
        ({"/data/0": b"123"}, "not a readable torch state dict"),
        ({"/data/0": None}, "no storage '0'"),
        ({"/data.pkl": None}, "without the one data.pkl"),
        ({"/data.pkl": b"\x80\x02}q\x00"}, "not a readable torch state dict"),
        ({"/byteorder": b"big"}, "another order of bytes"),
    ],
)
def test_damaged_zips_are_refused(tmp_path: Path, change: dict[str, bytes], said: str) -> None:
    path = save_zip(tmp_path / "x.pt", {"a": torch.ones(5)})
    with pytest.raises(DataError, match=said):
        read_state_dict(rewritten(path, change))


def test_zips_that_would_grow_or_hold_other_things_are_refused(tmp_path: Path) -> None:
    path = save_zip(tmp_path / "x.pt", {"a": torch.ones(5)})
    with pytest.raises(DataError, match="is compressed, as torch never does"):
        read_state_dict(rewritten(path, {}, how=zipfile.ZIP_DEFLATED))
    path = save_zip(path, {"a": torch.ones(1).expand(10**6, 10**6)})
    with pytest.raises(DataError, match="repeats its values"):
        read_state_dict(path)
    x = torch.ones(10)
    path = save_zip(path, {"state_dict": {str(n): x for n in range(9)}})
    with pytest.raises(DataError, match="it repeats its values, up to"):
        read_state_dict(path)
    path.write_bytes(b"PK\x03\x04 and no archive")
    with pytest.raises(DataError, match="not a readable torch state dict"):
        read_state_dict(path)


def test_storages_in_the_same_bytes_are_refused(tmp_path: Path) -> None:
    """Python 3.11 reads members that overlap, so that a megabyte may become a terabyte."""
    path = save_zip(tmp_path / "x.pt", {"a": torch.ones(500), "b": torch.zeros(500)})
    with zipfile.ZipFile(path, "a") as archive:
        first, second = (archive.getinfo(f"x/data/{n}") for n in "01")
        second.header_offset = first.header_offset
        archive.filelist += [copy(first) for _ in range(3)]
        archive._didModify = True  # type: ignore[attr-defined]
    with pytest.raises(DataError, match="its members lie in the same bytes"):
        read_state_dict(path)


def test_a_program_is_refused(tmp_path: Path) -> None:
    path = save_zip(tmp_path / "x.pt", {"a": torch.ones(5)})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x/code/__torch__.py", "class Model: pass")
    with pytest.raises(DataError, match="a TorchScript program, as OpenAI published CLIP"):
        read_state_dict(path)


def test_what_trainers_put_beside_the_weights_is_left_out(tmp_path: Path) -> None:
    beside = {
        "best": np.float64(0.5), "args": argparse.Namespace(lr=1.0), "device": torch.device("cpu"),
        "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 1e-3}]},
        "shape": torch.Size([2, 3]),
    }  # fmt: skip
    path = save_zip(tmp_path / "x.pt", {"state_dict": {"a": torch.ones(2)}} | beside)
    assert read_state_dict(path)["a"].tolist() == [1, 1]
    with pytest.raises(DataError, match="more than names and tensors"):
        read_state_dict(save_zip(path, {"a": torch.ones(2), "b": np.float64(0.5)}))
