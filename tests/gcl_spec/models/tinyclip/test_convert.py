"""TinyCLIP's original files become a folder of ours, once; others are refused in one line."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from gcl_spec.config.toml import load
from gcl_spec.data.prepare.check_checkpoint import model_warnings
from gcl_spec.data.prepare.recipes import preprocessing_of
from gcl_spec.errors import DataError
from gcl_spec.models.hub import model_folder
from gcl_spec.models.pretrained import clip_folder
from gcl_spec.models.tinyclip.convert import converted, tinyclip_file
from tinyclips import AUTO, DOUBLED, arrays, drawn, golden, spelled, write_auto


@pytest.mark.parametrize("kind", ["manual", "auto"])
def test_pictures_and_settings_are_the_peers(kind: str, tmp_path: Path) -> None:
    folder = golden(kind, tmp_path / "in")
    config = load(overrides=[
        "model.kind=clip", "model.freeze=none", f"model.path={folder}", f"data.cache={tmp_path}",
    ])  # fmt: skip
    prepare = preprocessing_of(config)
    pictures = sorted((folder / "images").iterdir())
    found = np.stack([prepare.image(str(path), path.name) for path in pictures])
    assert np.array_equal(found, arrays(kind, "inputs")["pixels"])
    out = clip_folder(config)
    settings = json.loads((out / "config.json").read_text())
    assert settings["model_type"] == ("clip" if kind == "manual" else "gcl_pruned_clip")
    assert model_warnings(config) == []


def test_a_pickle_of_doubled_tensors_is_the_model_itself(tmp_path: Path) -> None:
    folder = write_auto(tmp_path / "in")
    assert model_folder(folder) == folder
    file = tinyclip_file(folder)
    assert file == folder / "auto.pt"
    assert tinyclip_file(file) == file, "the file may be named itself"
    out = converted(file, tmp_path)
    assert converted(file, tmp_path) == out
    save_file(spelled(drawn(), DOUBLED[1]), folder / "auto.safetensors")
    again = converted(folder / "auto.safetensors", tmp_path)
    assert out != again
    first, second = (load_file(x / "model.safetensors") for x in (out, again))
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert "vision_model.encoder.layers.1.self_attn.q_proj.weight" not in first
    assert first["vision_model.encoder.layers.0.self_attn.out_proj.weight"].shape == (22, 24)


def test_what_is_assumed_is_said(tmp_path: Path) -> None:
    wide = AUTO._replace(
        image=AUTO.image._replace(inner=(64, 0)), text=AUTO.text._replace(inner=(0, 128))
    )
    masks = {"_image_encoder.l0_module.heads_loga": np.ones(2, np.float32)}
    folder = write_auto(tmp_path / "in", wide)
    save_file(spelled(drawn(wide), DOUBLED[1]) | masks, folder / "auto.safetensors")
    (folder / "auto.json").unlink()
    config = load(overrides=[
        "model.kind=clip", "model.freeze=none", f"model.path={folder}", f"data.cache={tmp_path}",
    ])  # fmt: skip
    assumed, masked = model_warnings(config)
    assert "heads of 64 numbers and exact GELU are assumed" in assumed
    assert "1 tensors l0_module.*" in masked


def test_one_of_several_files_must_be_named(tmp_path: Path) -> None:
    folder = write_auto(tmp_path / "in")
    (folder / "other.pt").write_bytes((folder / "auto.pt").read_bytes())
    with pytest.raises(DataError, match=r"the weights of 2 models \(auto.pt, other.pt\); give one"):
        model_folder(folder)
    assert tinyclip_file(folder / "other.pt") == folder / "other.pt"


class Code:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("made-by-a-pickle",)


def test_code_and_other_weights_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_auto(tmp_path / "in")
    torch.save({"state_dict": {"visual.proj": Code()}}, folder / "auto.pt")
    with pytest.raises(DataError, match=r"auto.pt: not a readable .* it names posix.mkdir"):
        model_folder(folder)
    assert not (tmp_path / "made-by-a-pickle").exists()
    torch.save({"weight": torch.ones(2)}, folder / "auto.pt")
    with pytest.raises(DataError, match=r"a pickled checkpoint of another trainer \(auto.pt\)"):
        model_folder(folder)
    save_file({"a": np.ones(1)}, folder / "x.safetensors")
    torch.save({"b": torch.ones(1)}, folder / "b.pt")
    assert tinyclip_file(folder) is None
    whole = drawn() | {"visual.proj": np.ones((22, 16), np.int64)}
    save_file(spelled(whole, DOUBLED[0]), folder / "x.safetensors")
    with pytest.raises(DataError, match=r"visual.proj' holds no decimal numbers"):
        converted(folder / "x.safetensors", tmp_path)
