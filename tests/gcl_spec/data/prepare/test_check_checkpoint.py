"""Files of a checkpoint that do not fit each other: said before training, on both backends."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from safetensors.numpy import load_file, save_file

from gcl_cli.main import cli
from gcl_jax.models.towers.clip import Clip
from gcl_spec.config.options import Config
from gcl_spec.config.toml import load
from gcl_spec.data.prepare.check_checkpoint import model_warnings, text_warnings
from gcl_spec.data.prepare.recipes import preprocessing_of
from gcl_spec.errors import DataError
from gcl_spec.models.tiny_clip import write_tiny
from gcl_torch.models.towers.clip import ClipTowers
from json_files import change

END = 513


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    write_tiny(tmp_path / "model", 0)
    return tmp_path / "model"


def add_token(folder: Path, token: str, number: int) -> None:
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    added = {"id": number, "content": token, "single_word": False, "lstrip": False}
    content["added_tokens"].append(added | {"rstrip": False, "normalized": False, "special": False})
    path.write_text(json.dumps(content))


def config(folder: Path, *sets: str) -> Config:
    own = ["optim.scale=0.0", "optim.learn_scale=true"]  # the checkpoint's scale
    return load(recipe="clip", overrides=[f"model.path='{folder}'", *own, *sets])


def grow(folder: Path, rows: int) -> None:
    """Give the token embedding more rows."""
    weights = load_file(folder / "model.safetensors")
    name = "text_model.embeddings.token_embedding.weight"
    weights[name] = np.concatenate([weights[name], np.ones((rows, 64), np.float32)])
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    change(folder, "config.json", text_config__vocab_size=len(weights[name]))


def test_a_good_checkpoint_has_no_warnings(tiny: Path) -> None:
    assert model_warnings(config(tiny)) == []
    assert model_warnings(load(recipe="tiny")) == model_warnings(load(recipe="lite")) == []
    change(tiny, "config.json", text_config__eos_token_id=2)
    assert model_warnings(config(tiny)) == [], "the end is the largest token there is"


def test_an_added_token_that_the_old_rule_takes_for_the_end(tiny: Path) -> None:
    change(tiny, "config.json", text_config__eos_token_id=2)
    add_token(tiny, "<sku>", 514)
    grow(tiny, 1)
    texts = ["a red <sku> cup", "a blue <sku> dog", "a red cup"]
    preprocess = preprocessing_of(config(tiny))
    inputs = preprocess.texts([texts[0], "a red <sku> dog"])
    rows = np.asarray(Clip.from_folder(tiny).text(*(inputs[n] for n in inputs)))
    assert np.allclose(rows[0], rows[1], atol=1e-6), "the fault that the warning is about"
    (said,) = text_warnings(config(tiny))
    assert "text_config.eos_token_id = 2" in said
    assert "'<sku>'" in said
    assert f"set eos_token_id to {END} there" in said
    change(tiny, "config.json", text_config__eos_token_id=END)
    assert text_warnings(config(tiny)) == []
    rows = np.asarray(Clip.from_folder(tiny).text(*(inputs[n] for n in inputs)))
    assert not np.allclose(rows[0], rows[1], atol=1e-6), "what it offers mends the fault"


@pytest.mark.parametrize("given", [None, 7, [7]])
def test_another_end_than_the_tokenizers(given: object, tiny: Path) -> None:
    change(tiny, "config.json", text_config__eos_token_id=given)
    (said,) = text_warnings(config(tiny))
    assert f"ends texts with '<|endoftext|>' ({END})" in said
    assert f"set eos_token_id to {END} there" in said


def test_a_tokenizer_that_puts_no_end(tiny: Path) -> None:
    content = json.loads((tiny / "tokenizer.json").read_text())
    (tiny / "tokenizer.json").write_text(json.dumps(content | {"post_processor": None}))
    (said,) = text_warnings(config(tiny))
    assert "the tokenizer puts no end token behind texts" in said


def test_a_token_past_the_vocabulary(tiny: Path, tmp_path: Path) -> None:
    add_token(tiny, "<sku>", 514)
    (said,) = text_warnings(config(tiny))
    assert "1 tokens past the 514 rows of the model's token embedding: '<sku>' (514)" in said
    preprocess = preprocessing_of(config(tiny))
    assert preprocess.texts(["a cup"])["text/input_ids"].max() == END
    with pytest.raises(DataError, match=r"the token '<sku>' has the number 514.* has 514 rows"):
        preprocess.texts(["a cup", "a <sku> cup"])
    data = tmp_path / "data"
    data.mkdir()
    lines = []
    for n in range(4):
        Image.new("RGB", (40, 40), (60 * n, 0, 0)).save(data / f"{n}.png")
        lines.append(
            {"id": str(n), "image": f"{n}.png", "captions": [f"cup {n}{' <sku>' * (n % 2)}"]}
        )
    (data / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    sets = ["--set", f"model.path={tiny}", "--set", "train.batch_size=2"]
    found = CliRunner().invoke(cli, ["data", "check", str(data), "--recipe", "clip", *sets])
    assert found.exit_code == 1, found.output
    assert "to mend: 2 captions have a token that the model does not know" in found.output


SIZES = {
    "larger": ({"crop_size": {"height": 48, "width": 48}}, "48 x 48"),
    "a number": ({"crop_size": 24}, "24 x 24"),
    "a default": ({"crop_size": None, "do_center_crop": False, "size": [16, 32]}, "16 x 32"),
}


@pytest.mark.parametrize("name", SIZES)
def test_pictures_of_another_size_than_the_models(name: str, tiny: Path) -> None:
    settings, size = SIZES[name]
    change(tiny, "preprocessor_config.json", **settings)
    with pytest.raises(DataError) as raised:
        preprocessing_of(config(tiny))
    assert f"preprocessor_config.json makes pictures of {size}" in str(raised.value)
    assert "config.json has vision_config.image_size = 32" in str(raised.value)


def test_a_scale_that_would_be_clamped(tiny: Path) -> None:
    weights = load_file(tiny / "model.safetensors")
    weights["logit_scale"] = np.asarray([np.log(117.33)], np.float32)
    save_file(weights, tiny / "model.safetensors", {"format": "pt"})
    (said,) = model_warnings(config(tiny))
    assert "the checkpoint's scale is 117.33, above optim.max_scale = 100" in said
    for kept in (["optim.max_scale=1000"], ["optim.learn_scale=false"], ["optim.scale=14.0"]):
        assert model_warnings(config(tiny, *kept)) == []


def test_what_is_left_out_is_said(tiny: Path) -> None:
    (tiny / "adapter_config.json").write_text("{}")
    change(tiny, "config.json", auto_map={"AutoModel": "x.Model"})
    adapter, code = model_warnings(config(tiny))
    assert "adapter_config.json: this adapter is not applied" in adapter
    assert "auto_map names code in the folder, which is never run" in code


def test_an_older_files_settings_go_first(tiny: Path) -> None:
    """As in transformers, whose defaults go before the newer ones then, too."""
    text = json.loads((tiny / "config.json").read_text())["text_config"]
    older = {k: x for k, x in text.items() if k != "eos_token_id"}
    change(tiny, "config.json", text_config__eos_token_id=2, text_config_dict=older)
    assert Clip.from_folder(tiny).text_model.eos == 49407
    assert ClipTowers.from_folder(tiny)._whole[0].text_model.eos_token_id == 49407
