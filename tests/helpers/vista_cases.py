"""The tiny VISTAs of tests/gcl_spec/models/goldens, and what the model's own code gave of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gcl_spec.batch import Batch
from gcl_spec.config.options import Config
from gcl_spec.config.toml import load
from gcl_spec.models.vista_files import VistaFiles, used_weights, vista_files
from repository import REPOSITORY

VISTA = REPOSITORY / "tests" / "gcl_spec" / "models" / "goldens" / "vista"
PATHS = {"base": VISTA / "Visualized_BGE.pth", "m3": VISTA / "m3" / "model.safetensors"}
TOKENS = 16
Arrays = dict[str, npt.NDArray[Any]]


def config(cache: Path, *sets: str, kind: str = "base") -> Config:
    """A run of a tiny VISTA, which is converted into `cache`."""
    own = [f"model.path={PATHS[kind]}", f"data.cache={cache}", f"model.max_tokens={TOKENS}"]
    return load(recipe="vista", overrides=[*own, *sets])


def shallow(folder: Path) -> str:
    """The option for a VISTA of one layer in each part, written into `folder`: it compiles soon."""
    import torch
    from safetensors.torch import save_file

    state: dict[str, torch.Tensor] = torch.load(PATHS["base"], weights_only=True)
    kept = {n: x for n, x in state.items() if ".layer.1." not in n and ".blocks.1." not in n}
    (folder / "bge").mkdir(parents=True)
    save_file({n: x.clone() for n, x in kept.items()}, folder / "model.safetensors")
    for name in ("vocab.txt", "tokenizer_config.json", "config.json"):
        content = (VISTA / "bge" / name).read_text()
        content = content.replace('"num_hidden_layers": 2', '"num_hidden_layers": 1')
        (folder / "bge" / name).write_text(content)
    return f"model.path={folder}"


def files(cache: Path, kind: str) -> VistaFiles:
    made = config(cache, kind=kind)
    if kind == "m3":  # it has no tokenizer of a kind that is read
        text = PATHS["m3"].parent / "bge"
        (cache / "m3").mkdir(exist_ok=True)
        (cache / "m3" / "tokenizer.json").write_text("{}")
        (cache / "m3" / "config.json").write_bytes((text / "config.json").read_bytes())
        made = config(cache, f"model.text_path={cache / 'm3'}", kind=kind)
    return vista_files(made)


def arrays(kind: str, name: str) -> Arrays:
    """The arrays of inputs, outputs or grads."""
    with np.load(PATHS[kind].parent / f"{name}.npz") as found:
        return dict(found)


def texts() -> list[str]:
    found: list[str] = json.loads((VISTA / "texts.json").read_text())["texts"]
    return found


def halved(weights: Arrays) -> Arrays:
    """The weights of a float16 file, rotary tables and all."""
    return {name: x.astype(np.float16).astype(np.float32) for name, x in weights.items()}


def weights(found: VistaFiles) -> Arrays:
    return dict(used_weights(found))


def close(found: Arrays, kind: str, beginning: str = "") -> None:
    """Rows equal to those of the model's own code, to 1e-5 of the largest number."""
    wanted = arrays(kind, "outputs")
    for name, x in found.items():
        want = wanted[f"{beginning}{name}.f64"]
        assert x.shape == want.shape, name
        assert np.abs(x - want).max() <= 1e-5 * max(1.0, np.abs(want).max()), name


def close_grads(found: Arrays, kind: str) -> None:
    """Gradients of the sum of all unit rows, to 1e-4."""
    wanted = {n[:-4]: x for n, x in arrays(kind, "grads").items() if n.endswith(".f64")}
    assert wanted
    for name, want in wanted.items():
        assert np.abs(found[name] - want).max() <= 1e-4, name


def batch(step: int, size: int = 6) -> Batch:
    """A batch in which one sample has no picture, and another no text."""
    rng = np.random.default_rng(step)
    given = arrays("base", "inputs")
    order = rng.permutation(6)[:size]
    here = {"image": order != 1, "text": order != 4}
    pixels = given["pixels"][order] * here["image"][:, None, None, None]
    ids, mask = (given[name][order].copy() for name in ("input_ids", "attention_mask"))
    ids[:, 1:3] = rng.integers(5, 100, (size, 2))
    mask[:, 1:3] = 1
    inputs = {
        "image/pixel_values": pixels.astype(np.float32),
        "text/input_ids": ids,
        "text/attention_mask": mask,
    }
    return Batch(inputs, here, np.arange(size))
