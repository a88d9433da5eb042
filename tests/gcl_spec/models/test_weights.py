"""Weights of checkpoint folders: of every type, in shards, and damaged."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

from gcl_spec.errors import DataError
from gcl_spec.models.hub import load_weights, model_folder, weight_files, weight_shapes


def checkpoint(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    save_file({"a": np.arange(3, dtype=np.float32)}, folder / "model.safetensors")
    return folder


def test_pickled_and_missing_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no weights; model\.safetensors is needed"):
        model_folder(str(tmp_path))
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(DataError, match=r"only pickled weights \(pytorch_model.bin\).*convert"):
        model_folder(str(tmp_path))
    save_file({"a": np.zeros(1, np.float32)}, tmp_path / "model.safetensors")
    assert model_folder(str(tmp_path)) == tmp_path


def test_every_type_of_weights(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(5, 3, generator=generator, dtype=torch.float64) * 1e3
    special = torch.tensor([0.0, -0.0, float("inf"), float("nan"), 1e-40])
    kinds = {"f64": torch.float64, "f32": torch.float32, "f16": torch.float16}
    kinds["bf16"] = torch.bfloat16
    tensors = {name: values.to(kind) for name, kind in kinds.items()}
    tensors |= {"special": special.bfloat16(), "scalar": torch.tensor(2.5, dtype=torch.bfloat16)}
    tensors |= {"ids": torch.arange(4), "mask": torch.tensor([True, False])}
    tensors |= {"none": torch.zeros(0, 3, dtype=torch.bfloat16)}
    save_torch(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    found = load_weights(tmp_path)
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        want = tensor.float().numpy() if tensor.is_floating_point() else tensor.numpy()
        assert found[name].dtype == want.dtype, name
        np.testing.assert_array_equal(found[name], want, err_msg=name, strict=True)
    assert weight_shapes(tmp_path) == {n: tuple(x.shape) for n, x in tensors.items()}


def test_a_type_that_is_not_read(tmp_path: Path) -> None:
    save_torch({"w": torch.zeros(2).to(torch.float8_e4m3fn)}, tmp_path / "model.safetensors")
    assert weight_shapes(tmp_path) == {"w": (2,)}
    with pytest.raises(DataError, match="w has the type F8_E4M3"):
        load_weights(tmp_path)


def sharded(folder: Path, weight_map: object) -> None:
    save_file({"a": np.ones(2, np.float32)}, folder / "model-00001-of-00002.safetensors")
    save_file({"b": np.zeros((2, 2), np.float32)}, folder / "model-00002-of-00002.safetensors")
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def test_shards(tmp_path: Path) -> None:
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    sharded(tmp_path, names)
    assert [path.name for path in weight_files(tmp_path)] == list(names.values())
    assert weight_shapes(tmp_path) == {"a": (2,), "b": (2, 2)}
    assert load_weights(tmp_path)["a"].tolist() == [1, 1]
    save_file({"a": np.ones(2, np.float32)}, tmp_path / names["b"])
    with pytest.raises(DataError, match="a is in another shard too"):
        load_weights(tmp_path)
    (tmp_path / names["b"]).unlink()
    with pytest.raises(DataError, match=r"the shard model-00002-of-00002\.safetensors is missing"):
        model_folder(str(tmp_path))


@pytest.mark.parametrize(
    ("weight_map", "message"),
    [
        ({"a": "../elsewhere.safetensors"}, "is not the name of a file beside it"),
        ({"a": "/etc/passwd"}, "is not the name of a file beside it"),
        ({"a": 1}, "is not the name of a file beside it"),
        ({}, "no weight_map"),
        ([], "no weight_map"),
    ],
)
def test_bad_indexes(weight_map: object, message: str, tmp_path: Path) -> None:
    sharded(tmp_path, weight_map)
    with pytest.raises(DataError, match=message):
        weight_files(tmp_path)


@pytest.mark.parametrize("damage", [b"", b"\0" * 100, b"\xff" * 8 + b"{}"])
def test_damaged_weights(damage: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(damage)
    with pytest.raises(DataError, match="not a readable safetensors file"):
        load_weights(tmp_path)


def test_weights_that_are_cut_off(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "model") / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(DataError, match="not a readable safetensors file"):
        load_weights(path.parent)
