"""A model's folder never gets its own code run, and is never asked about, whatever is typed."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from gcl_spec.models.tiny_clip import write_tiny

CANARY = "from pathlib import Path\nPath({place!r}).write_text('ran')\n"

# Loads folders by every way that there is: both backends, tokenizer and pictures.
SCRIPT = """
import sys
from pathlib import Path
import gcl_spec.errors
def said(call, folder):
    try:
        call(folder)
        print("loaded")
    except gcl_spec.errors.GclError as error:
        print("refused:", error)
from gcl_torch.models.towers.clip import ClipTowers
from gcl_jax.models.towers.clip import Clip
from gcl_spec.data.prepare.tokenizer import Tokenizer
from gcl_spec.data.prepare.checkpoint_pictures import ImageProcessor
for folder in map(Path, sys.argv[1:]):
    print("--", folder.parent.name)
    for kind in (ClipTowers, Clip, Tokenizer, ImageProcessor):
        said(kind.from_folder, folder)
"""


def change(folder: Path, name: str, **values: Any) -> None:
    old = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(old | values))


def unknown_type(folder: Path) -> None:
    names = {"AutoConfig": "canary.Config", "AutoModel": "canary.Model"}
    change(folder, "config.json", model_type="no-such-type", auto_map=names)


def known_type(folder: Path) -> None:
    names = {"AutoConfig": "canary.Config", "AutoModel": "canary.Model"}
    change(folder, "config.json", auto_map=names)


def inner_type(folder: Path) -> None:
    inner = {"model_type": "no-such-type", "auto_map": {"AutoConfig": "canary.Config"}}
    towers = {"text_config": inner, "vision_config": inner}
    change(folder, "config.json", model_type="vision-text-dual-encoder", **towers)


def kernel(folder: Path) -> None:
    change(folder, "config.json", attn_implementation="canary/kernel")
    change(folder, "config.json", _attn_implementation="canary/kernel")


def inner_kernel(folder: Path) -> None:
    text = json.loads((folder / "config.json").read_text())["text_config"]
    change(folder, "config.json", text_config=text | {"_attn_implementation": "canary/kernel"})


def adapter(folder: Path) -> None:
    """A LoRA of ones on every query, which would change all rows."""
    settings = {"peft_type": "LORA", "r": 1, "lora_alpha": 8, "target_modules": ["q_proj"]}
    settings["base_model_name_or_path"] = str(folder)
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    weights = {}
    for tower in ("text", "vision"):
        for n in range(2):
            name = f"base_model.model.{tower}_model.encoder.layers.{n}.self_attn.q_proj"
            weights[f"{name}.lora_A.weight"] = np.ones((1, 64), np.float32)
            weights[f"{name}.lora_B.weight"] = np.ones((64, 1), np.float32)
    save_file(weights, folder / "adapter_model.safetensors", {"format": "pt"})


def tokenizer(folder: Path) -> None:
    names = {"AutoTokenizer": ["canary.Canary", "canary.CanaryFast"]}
    change(folder, "tokenizer_config.json", tokenizer_class="Canary", auto_map=names)


def old_tokenizer(folder: Path) -> None:
    change(folder, "tokenizer_config.json", tokenizer_class="Canary")
    change(folder, "tokenizer_config.json", auto_map=["canary.Canary", None])


def pictures(folder: Path) -> None:
    names = {"AutoImageProcessor": "canary.Canary", "AutoProcessor": "canary.Canary"}
    change(folder, "preprocessor_config.json", image_processor_type="Canary", auto_map=names)


def quantised(folder: Path) -> None:
    change(folder, "config.json", quantization_config={"quant_method": "canary", "bits": 8})


def named_weights(folder: Path) -> None:
    """Weights that a setting would have read from a pickle."""
    (folder / "canary.bin").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    change(folder, "config.json", transformers_weights="canary.bin")


# Which of torch, JAX, tokenizer and pictures load the folder, and what is said of the others.
ALL = "loaded loaded loaded loaded"
FOLDERS: dict[Callable[[Path], None], tuple[str, str]] = {
    unknown_type: ("refused: refused: loaded loaded", "code that lies in the folder is never run"),
    known_type: (ALL, ""),
    inner_type: ("refused: refused: loaded loaded", "transformers cannot load it"),
    kernel: (ALL, ""),
    inner_kernel: (ALL, ""),
    adapter: (ALL, ""),
    tokenizer: ("loaded loaded refused: loaded", "auto_map names 'canary.Canary', code that is"),
    old_tokenizer: ("loaded loaded refused: loaded", "auto_map names 'canary.Canary'"),
    pictures: ("loaded loaded loaded refused:", "image_processor_type is Canary; known are"),
    quantised: ("refused: refused: loaded loaded", "quantised weights cannot be trained"),
    named_weights: (ALL, ""),
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tiny") / "model"
    write_tiny(made, 0)
    return made


@pytest.fixture(scope="module")
def places(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each of `FOLDERS`, by its name, with the model in it."""
    made = tmp_path_factory.mktemp("folders")
    for make in FOLDERS:
        folder = made / make.__name__ / "model"
        shutil.copytree(tiny, folder)
        canary = CANARY.format(place=str(folder.parent / "ran"))
        for name in ("canary.py", "__init__.py", "configuration_canary.py", "modeling_canary.py"):
            (folder / name).write_text(canary)
        make(folder)
    return made


@pytest.fixture(scope="module")
def said(places: Path) -> dict[str, str]:
    """What one process said of each folder; it would have run what a folder brings, too."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *(places / make.__name__ / "model" for make in FOLDERS)],
        input="y\n" * 200,
        capture_output=True,
        text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(places / "hub")},
    )
    assert done.returncode == 0, done.stderr
    assert "[y/N]" not in done.stdout + done.stderr
    parts = f"\n{done.stdout}".split("\n-- ")[1:]
    return {part.splitlines()[0]: part for part in parts}


@pytest.mark.parametrize("make", FOLDERS, ids=lambda make: make.__name__)
def test_no_code_is_run_and_nothing_is_asked(
    make: Callable[[Path], None], places: Path, said: dict[str, str]
) -> None:
    assert not (places / make.__name__ / "ran").exists()
    text = said[make.__name__]
    lines = [line for line in text.splitlines() if line.startswith(("loaded", "refused"))]
    loads, message = FOLDERS[make]
    assert " ".join(line.split()[0] for line in lines) == loads, text
    assert message in text


def test_an_adapter_beside_the_weights_changes_nothing(tiny: Path, tmp_path: Path) -> None:
    from gcl_torch.models.towers.clip import ClipTowers

    folder = tmp_path / "model"
    shutil.copytree(tiny, folder)
    adapter(folder)
    found = ClipTowers.from_folder(folder).state_dict()
    for name, value in load_file(tiny / "model.safetensors").items():
        if name != "logit_scale":
            assert np.array_equal(found[name].numpy(), value), name
