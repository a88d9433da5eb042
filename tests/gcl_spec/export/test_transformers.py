"""A clip run leaves as a checkpoint that transformers loads, with the same embeddings."""

import json
import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.numpy import load_file, save_file

from gcl_cli.main import cli
from gcl_spec.config import toml
from gcl_spec.errors import ConfigError, FileError
from gcl_spec.export.transformers import export_run, loss_numbers
from gcl_spec.models.pretrained import clip_folder
from gcl_spec.models.tiny_clip import write_tiny
from gcl_spec.run.folder import RunFolder
from gcl_torch.train.trainer import TorchTrainer
from trained import SIZE, batch, trained_run


def stacked(z: Mapping[str, np.ndarray]) -> np.ndarray:
    """Embeddings by modality as one array, (M, B, D)."""
    return np.stack(list(z.values()))


def embedded(model: Any) -> np.ndarray:
    """Unit rows by transformers."""
    inputs = {name: torch.from_numpy(x) for name, x in batch().inputs.items()}
    with torch.no_grad():
        image = model.get_image_features(pixel_values=inputs["image/pixel_values"])
        text = model.get_text_features(
            input_ids=inputs["text/input_ids"], attention_mask=inputs["text/attention_mask"]
        )
    rows = [getattr(x, "pooler_output", x) for x in (image, text)]
    return np.stack([torch.nn.functional.normalize(x, dim=1).numpy() for x in rows])


@pytest.mark.parametrize("sets", [(), ("model.lora=2",), ("optim.ema=0.5",)])
def test_transformers_loads_what_was_trained(tmp_path: Path, sets: tuple[str, ...]) -> None:
    from transformers import AutoProcessor, AutoTokenizer, CLIPModel

    trainer = trained_run(tmp_path / "run", *sets)
    (tmp_path / "run" / "checkpoints").mkdir(exist_ok=True)
    out = export_run(tmp_path / "run", tmp_path / "out")
    model, loading = CLIPModel.from_pretrained(out, output_loading_info=True)
    assert not loading["missing_keys"]
    assert not loading["unexpected_keys"]
    want = stacked(trainer.encode(batch()))[:2]
    assert np.allclose(embedded(model.eval()), want, atol=1e-5)
    log_scale = trainer.state()["params/log_scale"]
    assert model.logit_scale.item() == pytest.approx(float(log_scale), abs=1e-2 if sets else 1e-6)
    assert AutoTokenizer.from_pretrained(out)("a dog")["input_ids"][0] == 512
    assert AutoProcessor.from_pretrained(out) is not None


def test_an_export_is_a_start(tmp_path: Path) -> None:
    """Another run can start from the folder, on torch and on JAX."""
    from gcl_jax.train.trainer import JaxTrainer

    trainer = trained_run(tmp_path / "run")
    out = export_run(tmp_path / "run", tmp_path / "out")
    config = toml.load(
        recipe="tiny",
        overrides=[f"model.path={out}", "optim.scale=0", f"train.batch_size={SIZE}"],
    )
    want = stacked(trainer.encode(batch()))
    for again in (TorchTrainer(config, device="cpu"), JaxTrainer(config, device="cpu:0")):
        assert np.allclose(stacked(again.encode(batch())), want, atol=1e-5)
        state = again.state()
        assert state["params/log_scale"] == pytest.approx(trainer.state()["params/log_scale"])


def test_what_cannot_leave_is_said(tmp_path: Path) -> None:
    trained_run(tmp_path / "run")
    (tmp_path / "out").mkdir()
    with pytest.raises(ConfigError, match="out exists; choose another folder"):
        export_run(tmp_path / "run", tmp_path / "out")
    lite = tmp_path / "lite"
    lite.mkdir()
    RunFolder(lite).write("config.toml", toml.dumps(toml.load(recipe="lite")))
    found = CliRunner().invoke(cli, ["export", str(lite), str(tmp_path / "x")])
    assert isinstance(found.exception, ConfigError)
    assert "only clip and vista runs" in str(found.exception)
    assert not (tmp_path / "x").exists()


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained_run(tmp_path / "run")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    calls = {
        "out": lambda: export_run(tmp_path / "run", tmp_path / "out"),
        "tiny": lambda: clip_folder(toml.load(recipe="tiny", overrides=["train.seed=7"])),
    }
    monkeypatch.setenv("GCL_CACHE", str(tmp_path))
    for call in calls.values():
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, before[1]))
        try:
            with pytest.raises(FileError, match=r"File too large \(1\.0 MB are needed"):
                call()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert {path.name for path in tmp_path.iterdir()} == {"run", "cache"}


def test_sentence_transformers_loads_what_was_trained(tmp_path: Path) -> None:
    from PIL import Image
    from sentence_transformers import SentenceTransformer

    import gcl_spec

    trained_run(tmp_path / "run")
    run = gcl_spec.load_run(tmp_path / "run", backend="torch", device="cpu")
    model = SentenceTransformer(str(export_run(tmp_path / "run", tmp_path / "out")), device="cpu")
    texts = ["a cat", "two dogs asleep on a bed", "x" * 200]
    assert np.allclose(model.encode(texts), run.encode(text=texts), atol=1e-5)
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for i, path in enumerate(paths):
        Image.fromarray(rng.integers(0, 255, (40 + i, 50, 3), dtype=np.uint8)).save(path)
    found = model.encode([Image.open(path) for path in paths])
    assert np.allclose(found, run.encode(image=[str(path) for path in paths]), atol=1e-5)


@pytest.mark.parametrize("key", ["torch_dtype", "dtype", None])
def test_the_type_of_the_weights_is_named(key: str | None, tmp_path: Path) -> None:
    """A run that starts from 16-bit weights leaves float32 ones: nobody may round them again."""
    from transformers import AutoModel

    start = tmp_path / "start"
    write_tiny(start, 0)
    settings = json.loads((start / "config.json").read_text())
    if key is not None:
        settings[key] = settings["text_config"][key] = settings["vision_config"][key] = "float16"
    settings["transformers_weights"] = "elsewhere.safetensors"
    settings["text_config"]["eos_token_id"] = [513]
    (start / "config.json").write_text(json.dumps(settings))
    weights = load_file(start / "model.safetensors")
    half = {name: x.astype(np.float16) for name, x in weights.items()}
    half["logit_scale"] = half["logit_scale"].reshape(1)
    save_file(half, start / "model.safetensors", {"format": "pt"})
    trainer = trained_run(tmp_path / "run", f"model.path='{start}'")
    out = export_run(tmp_path / "run", tmp_path / "out")
    found = json.loads((out / "config.json").read_text())
    assert found["torch_dtype"] == "float32"
    assert "float16" not in json.dumps(found)
    assert found["text_config"]["eos_token_id"] == 513, "transformers takes no list"
    assert "transformers_weights" not in found
    assert load_file(out / "model.safetensors")["logit_scale"].shape == ()
    model = AutoModel.from_pretrained(out).eval()
    assert model.dtype == torch.float32
    assert np.allclose(embedded(model), stacked(trainer.encode(batch()))[:2], atol=1e-6)


def test_a_siglip_leaves_with_the_bias_that_was_learned(tmp_path: Path) -> None:
    """Its logits in transformers are those that the run was trained with."""
    from transformers import SiglipConfig, SiglipModel

    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1}
    tower |= {"num_attention_heads": 2}
    text = tower | {"vocab_size": 514, "projection_size": 32, "max_position_embeddings": 9}
    vision = tower | {"image_size": 32, "patch_size": 16}
    start = tmp_path / "siglip"
    SiglipModel(SiglipConfig(text_config=text, vision_config=vision)).save_pretrained(start)
    sets = ("objective.preset=siglip", "optim.learn_bias=true", "objective.bias_start=-3")
    trainer = trained_run(tmp_path / "run", f"model.path={start}", *sets)
    model = SiglipModel.from_pretrained(export_run(tmp_path / "run", tmp_path / "out"))
    state = trainer.state()
    assert model.logit_bias.item() == pytest.approx(float(state["params/logit_bias"]))
    assert model.logit_bias.item() != pytest.approx(-3, abs=1e-4), "it was learned"
    assert model.logit_scale.item() == pytest.approx(float(state["params/log_scale"]))
    inputs = {name: torch.from_numpy(x) for name, x in batch().inputs.items()}
    with torch.no_grad():
        found = model.eval()(
            pixel_values=inputs["image/pixel_values"], input_ids=inputs["text/input_ids"]
        ).logits_per_text
    image, text_rows = stacked(trainer.encode(batch()))[:2]
    scale, bias = np.exp(state["params/log_scale"]), state["params/logit_bias"]
    assert np.allclose(found, scale * text_rows @ image.T + bias, atol=1e-4)


def test_the_numbers_of_a_loss_as_checkpoints_have_them() -> None:
    several = {"log_scale": np.asarray([1.0, 3.0]), "logit_bias": np.zeros((3, 3))}
    assert loss_numbers(several, in_cosines=False) == {"logit_scale": 2.0}
    one = {"log_scale": np.log(np.asarray(4.0)), "logit_bias": np.asarray(0.5)}
    assert loss_numbers(one, in_cosines=False)["logit_bias"] == 0.5
    assert loss_numbers(one, in_cosines=True)["logit_bias"] == pytest.approx(-2.0)


def test_learned_weights_of_parts_go_along_to_another_start(tmp_path: Path) -> None:
    from gcl_jax.train.trainer import JaxTrainer

    trainer = trained_run(tmp_path / "run", "model.fuse=learned")
    out = export_run(tmp_path / "run", tmp_path / "out", allow_unverified=True)
    want, rows = trainer.state()["params/log_fuse_ratio"], stacked(trainer.encode(batch()))
    assert want != 0
    assert load_file(out / "fusion.safetensors") == {"log_ratio/image+text": want[0]}
    for fuse, ratio in (("learned", want), ("unit", None)):
        sets = [f"model.path={out}", f"train.batch_size={SIZE}", f"model.fuse={fuse}"]
        config = toml.load(recipe="tiny", overrides=sets)
        for again in (TorchTrainer(config, device="cpu"), JaxTrainer(config, device="cpu:0")):
            assert again.state().get("params/log_fuse_ratio") == ratio
            same = np.allclose(stacked(again.encode(batch())), rows, atol=1e-5)
            assert same == (fuse == "learned")


def test_centred_rows_have_no_form_as_a_checkpoint(tmp_path: Path) -> None:
    trained_run(tmp_path / "run", "model.fuse=centred")
    with pytest.raises(ConfigError, match=r"fuse = centred.*no place for; gcl export --onnx"):
        export_run(tmp_path / "run", tmp_path / "out", allow_unverified=True)
    assert not (tmp_path / "out").exists()
