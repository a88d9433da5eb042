"""ONNX graphs of a run give the run's own rows, for any size of batch and length of text."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from gcl_cli.main import cli
from gcl_spec.config import toml
from gcl_spec.errors import CheckpointError, ConfigError, NotAnOnnxBackendError
from gcl_spec.export import onnx
from gcl_spec.export.onnx import export_onnx
from gcl_spec.run import checkpoint
from gcl_spec.run.folder import RunFolder
from gcl_torch.train.trainer import TorchTrainer

from .conftest import Made

KINDS = {
    "lite": ["model.width=16", "model.hidden=32", "model.image_size=64"],
    "adapter": ["model.image_vector=24", "model.text_vector=12", "model.width=16"],
}


def fresh_run(path: Path, recipe: str, *sets: str) -> None:
    """A run folder at the start."""
    config = toml.load(recipe=recipe, overrides=[*KINDS[recipe], *sets])
    path.mkdir()
    RunFolder(path).write("config.toml", toml.dumps(config))
    checkpoint.save(path / "checkpoints", TorchTrainer(config, device="cpu").state(), keep=1)


def run_graph(path: Path, **inputs: np.ndarray) -> np.ndarray:
    from onnxruntime import InferenceSession

    return InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, inputs)[0]


def test_graphs_of_a_clip(made: Made) -> None:
    """The weights are in float32, and the graphs compute in it; the run itself in bfloat16."""
    from tokenizers import Tokenizer

    found, out = made.exported, made.out
    assert [parity.modality for parity in found.parities] == ["image", "text"]
    assert all(parity.largest_difference < 1e-5 for parity in found.parities)
    about = json.loads((out / "onnx.json").read_text())
    assert (about["outputs"], about["fuse"]) == (["unit_row", "norm"], "raw")
    assert about["inputs"]["image"] == {
        "pixel_values": {"shape": ["batch", 3, 32, 32], "dtype": "float32"}
    }
    state = checkpoint.latest(made.run / "checkpoints").state
    assert about["scale"] == pytest.approx(float(np.exp(state["ema/log_scale"])))
    assert about["scale"] != pytest.approx(float(np.exp(state["params/log_scale"])))
    run = made.plain()
    texts = ["a cat", "two dogs asleep on a bed"]
    for text, want in zip(texts, run.encode(text=texts), strict=True):
        ids = np.asarray([Tokenizer.from_file(str(out / "tokenizer.json")).encode(text).ids])
        row = run_graph(out / "text.onnx", input_ids=ids, attention_mask=np.ones_like(ids))
        assert np.allclose(row[0], want, atol=1e-5)
    grey = Image.new("RGB", (32, 32), (128, 128, 128))
    settings = json.loads((out / "preprocessor_config.json").read_text())
    mean, std = (np.asarray(settings[f"image_{name}"]) for name in ("mean", "std"))
    pixels = np.tile(((128 / 255 - mean) / std)[None, :, None, None], (1, 1, 32, 32))
    row = run_graph(out / "image.onnx", pixel_values=pixels.astype(np.float32))
    assert np.allclose(row, run.encode(image=[grey]), atol=1e-5)


@pytest.mark.parametrize(
    ("recipe", "precision"), [("lite", "float32"), ("adapter", "float32"), ("adapter", "bfloat16")]
)
def test_graphs_of_other_models(recipe: str, precision: str, tmp_path: Path) -> None:
    fresh_run(tmp_path / "run", recipe, f"train.precision={precision}")
    done = CliRunner().invoke(
        cli, ["export", "--onnx", str(tmp_path / "run"), str(tmp_path / "out")]
    )
    assert done.exit_code == 0, done.output
    assert "image.onnx: 9 rows within" in done.output
    about = json.loads((tmp_path / "out" / "onnx.json").read_text())
    assert about["width"] == 16
    assert all(parity["largest_difference"] < 1e-5 for parity in about["parity"])
    assert (tmp_path / "out" / "tokenizer.json").exists() == (recipe == "lite")


def test_graphs_that_differ_are_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh_run(tmp_path / "run", "adapter")
    monkeypatch.setattr(onnx, "BOUND", 0.0)
    with pytest.raises(CheckpointError, match=r"image\.onnx differs by .* not written"):
        export_onnx(tmp_path / "run", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    with pytest.raises(NotAnOnnxBackendError, match="'jax' writes no ONNX graphs"):
        export_onnx(tmp_path / "run", tmp_path / "out", backend="jax")
    monkeypatch.setattr(onnx, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"onnx is not installed: pip install"):
        export_onnx(tmp_path / "run", tmp_path / "out")
