"""What a folder holds that is no plain checkpoint: read where it can be, else named in a line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from gcl_spec._words import LFS_POINTER
from gcl_spec.data.prepare.checkpoint_pictures import ImageProcessor
from gcl_spec.data.prepare.tokenizer import Tokenizer
from gcl_spec.errors import DataError
from gcl_spec.models.config_json import model_settings
from gcl_spec.models.hub import load_weights, model_folder, weight_shapes
from gcl_spec.models.tiny_clip import write_tiny

POINTER = (
    f"version https://git-lfs.github.com/spec/v1\noid sha256:{'ab' * 32}\nsize 605157884\n".encode()
)
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    write_tiny(tmp_path / "model", 0)
    return tmp_path / "model"


@pytest.mark.parametrize("variant", ["fp16", "bf16", "fp32"])
def test_files_of_a_variant_are_read(variant: str, tiny: Path) -> None:
    whole = tiny / "model.safetensors"
    weights = load_file(whole)
    whole.rename(tiny / f"model.{variant}.safetensors")
    assert load_weights(model_folder(tiny)).keys() == weights.keys()


def test_shards_of_a_variant_are_read(tiny: Path) -> None:
    whole = tiny / "model.safetensors"
    weights = load_file(whole)
    whole.unlink()
    names = sorted(weights)
    places = {}
    for n, part in enumerate((names[::2], names[1::2]), 1):
        file = f"model.fp16-0000{n}-of-00002.safetensors"
        save_file({name: weights[name] for name in part}, tiny / file)
        places |= dict.fromkeys(part, file)
    index = {"metadata": {}, "weight_map": places}
    (tiny / "model.safetensors.index.fp16.json").write_text(json.dumps(index))
    assert weight_shapes(model_folder(tiny)) == {n: x.shape for n, x in weights.items()}


def test_one_of_several_variants_is_asked_for(tiny: Path) -> None:
    for variant in ("fp16", "bf16"):
        shutil.copy(tiny / "model.safetensors", tiny / f"model.{variant}.safetensors")
    assert model_folder(tiny) == tiny, "the plain file goes first"
    (tiny / "model.safetensors").unlink()
    with pytest.raises(DataError, match=r"several variants \(bf16, fp16\); leave one, or rename"):
        model_folder(tiny)


def test_only_the_weights_asked_for(tiny: Path) -> None:
    assert list(load_weights(tiny, only=("logit_scale", "none"))) == ["logit_scale"]


def cached(tmp_path: Path, *commits: str, main: str = "") -> Path:
    root = tmp_path / "models--owner--name"
    for commit in commits:
        write_tiny(root / "snapshots" / commit, 0)
    if main:
        (root / "refs").mkdir()
        (root / "refs" / "main").write_text(main)
    return root


def test_a_repository_in_the_hubs_cache(tmp_path: Path) -> None:
    root = cached(tmp_path, "a" * 40, COMMIT, main=COMMIT)
    for path in (root, root / "snapshots", root / "snapshots" / COMMIT):
        assert model_folder(path) == root / "snapshots" / COMMIT
    (root / "refs" / "main").unlink()
    with pytest.raises(DataError, match=f"2 snapshots; give one of them as model.path.*{COMMIT}"):
        model_folder(root)
    shutil.rmtree(root / "snapshots" / ("a" * 40))
    assert model_folder(root) == root / "snapshots" / COMMIT
    with pytest.raises(DataError, match="a cache of the hub; give the folder of one model in it"):
        model_folder(tmp_path)
    shutil.rmtree(root / "snapshots" / COMMIT)
    with pytest.raises(DataError, match=r"0 snapshots; .*download it again"):
        model_folder(root)


OTHERS = {
    "adapter_config.json": "an adapter of PEFT for 'owner/base', not a model; add it to that",
    "open_clip_config.json": "a checkpoint in open_clip's own layout",
    "open_clip_pytorch_model.bin": "a checkpoint in open_clip's own layout",
    "config.toml": "a run of gcl train; write its weights as a checkpoint with gcl export RUN DIR",
    "tf_model.h5": r"weights of TensorFlow \(tf_model.h5\), which are not read",
    "flax_model.msgpack": r"weights of Flax \(flax_model.msgpack\)",
    "model-q4.gguf": r"weights for llama.cpp \(model-q4.gguf\)",
    "epoch_3.pt": r"a pickled checkpoint of another trainer \(epoch_3.pt\)",
    "other.safetensors": r"safetensors of another name \(other.safetensors\)",
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_something_else_is_named(name: str, tiny: Path) -> None:
    (tiny / "model.safetensors").unlink()
    (tiny / name).write_text(json.dumps({"base_model_name_or_path": "owner/base"}))
    with pytest.raises(DataError, match=OTHERS[name]) as raised:
        model_folder(tiny)
    assert "\n" not in str(raised.value)
    assert "trust_remote_code" not in str(raised.value)


def test_a_file_in_place_of_a_folder(tiny: Path) -> None:
    with pytest.raises(DataError, match=r"is a file; give as model\.path the folder in which it"):
        model_folder(tiny / "model.safetensors")


POINTERS = (
    "model.safetensors", "model.safetensors.index.json", "model.fp16.safetensors", "model.bin",
    "config.json", "tokenizer.json", "tokenizer_config.json", "preprocessor_config.json",
)  # fmt: skip


def read_all(folder: Path) -> None:
    load_weights(model_folder(folder))
    Tokenizer.from_folder(folder)
    ImageProcessor.from_folder(folder)
    model_settings(folder)


@pytest.mark.parametrize("name", POINTERS)
def test_git_lfs_pointers_are_named(name: str, tiny: Path) -> None:
    if name.startswith("model"):
        (tiny / "model.safetensors").unlink()
    (tiny / name).write_bytes(POINTER)
    with pytest.raises(DataError) as raised:
        read_all(tiny)
    assert name in str(raised.value)
    assert LFS_POINTER in str(raised.value)
    assert "git lfs pull" in str(raised.value)


def test_a_picture_that_is_a_git_lfs_pointer(tiny: Path) -> None:
    with pytest.raises(DataError, match=r"^p\.jpg: a Git LFS pointer stands here"):
        ImageProcessor.from_folder(tiny)(POINTER, "p.jpg")


def test_weights_keep_their_numbers(tiny: Path) -> None:
    weights = load_file(tiny / "model.safetensors")
    half = {name: x.astype(np.float16) for name, x in weights.items()}
    (tiny / "model.safetensors").unlink()
    save_file(half, tiny / "model.fp16.safetensors")
    for name, x in load_weights(tiny).items():
        assert x.dtype == np.float32
        assert np.array_equal(x, half[name].astype(np.float32))


def test_a_header_of_countless_tensors_is_refused(tiny: Path) -> None:
    """Each would be read apart, and compared with the model's: minutes for a small file."""
    save_file({f"t{n}": np.zeros(0, np.float32) for n in range(70_000)}, tiny / "model.safetensors")
    for read in (load_weights, weight_shapes):
        with pytest.raises(DataError, match="it holds 70,000 tensors"):
            read(tiny)
