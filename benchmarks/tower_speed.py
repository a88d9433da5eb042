"""Samples a second of each tower: torch, JAX, and ONNX graphs in float32 and with 8-bit matrices.

python benchmarks/tower_speed.py --recipe lite
python benchmarks/tower_speed.py --recipe base       # a CLIP of ViT-B/32's shape, drawn at random
python benchmarks/tower_speed.py --recipe clip --set model.path=FOLDER
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from gcl_spec import registry
from gcl_spec.batch import Batch
from gcl_spec.config import toml
from gcl_spec.config.options import Config
from gcl_spec.data.prepare.collate import Collator
from gcl_spec.export.onnx_model import OnnxModel, inputs_of
from gcl_spec.export.quantised import ENDING, quantise
from gcl_spec.models.tiny_clip import write_tiny
from gcl_spec.run.weights import trained_weights

_TEXT = "a small picture of two brown dogs that sleep on a red sofa beside a window"


def main() -> None:
    """Print a table; models take turns in each repeat, so that other work meets all alike."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="lite")
    parser.add_argument("--set", action="append", default=[], dest="sets")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, options(given, Path(folder)) as config:
        batch = samples(config, given.batch)
        made = models(config, batch, Path(folder))
        seconds: dict[tuple[str, str], list[float]] = {}
        for repeat in range(given.repeats + 1):
            for modality in ("image", "text"):
                part = only(batch, modality)
                for name, encode in made.items():
                    begun = time.perf_counter()
                    encode(modality, part)
                    if repeat:  # the first one compiles
                        took = time.perf_counter() - begun
                        seconds.setdefault((name, modality), []).append(took)
    print(f"{given.recipe}, batches of {given.batch}, {os.cpu_count()} CPUs\n")
    print("| | pictures a second | texts a second |\n|---|--:|--:|")
    for name in made:
        image, text = (given.batch / median(seconds[name, m]) for m in ("image", "text"))
        print(f"| {name} | {image:.1f} | {text:.1f} |")


@contextmanager
def options(given: argparse.Namespace, folder: Path) -> Iterator[Config]:
    if given.recipe != "base":
        yield toml.load(recipe=given.recipe, path=None, overrides=given.sets)
        return
    write_base(folder / "base")
    sets = [f"model.path={folder / 'base'}", *given.sets]
    yield toml.load(recipe="clip", path=None, overrides=sets)


def write_base(folder: Path) -> None:
    """A CLIP of ViT-B/32's towers with the small vocabulary of the recipe `tiny`."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    write_tiny(folder, 0)
    text = json.loads((folder / "config.json").read_text())["text_config"]
    names = ("vocab_size", "eos_token_id", "bos_token_id", "pad_token_id")
    torch.manual_seed(0)
    CLIPModel(CLIPConfig(text_config={name: text[name] for name in names})).save_pretrained(folder)
    path = folder / "preprocessor_config.json"
    settings = json.loads(path.read_text())
    settings |= {"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}}
    path.write_text(json.dumps(settings))


def samples(config: Config, count: int) -> Batch:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (240, 240, 3), dtype=np.uint8) for _ in range(count)]
    words = _TEXT.split()
    texts = [" ".join(words[: 4 + n % 12]) for n in range(count)]
    return Collator(config)({"image": pictures, "text": texts})


def only(batch: Batch, modality: str) -> Batch:
    return Batch(inputs_of(batch, modality), {modality: batch.present[modality]}, batch.ids)


def models(config: Config, batch: Batch, folder: Path) -> Mapping[str, Callable[[str, Batch], Any]]:
    torch, jax = (registry.load_training(name) for name in ("torch", "jax"))
    state = torch.trainer(config, device="cpu").state()
    trainers = {
        "torch": torch.trainer(config, device="cpu", state=state),
        "jax": jax.trainer(config, device="cpu", state=state),
    }
    inputs = {name: inputs_of(batch, name) for name in ("image", "text")}
    registry.load_onnx("torch").write_onnx(config, trained_weights(state), inputs, folder)
    quantise(folder, config.model, [batch])
    encoders: dict[str, Callable[[str, Batch], Any]] = {
        name: lambda modality, part, trainer=trainer: trainer.encode(part)
        for name, trainer in trainers.items()
    }
    for name, ending in (("ONNX, float32", ".onnx"), ("ONNX, 8-bit matrices", ENDING)):
        encoders[name] = OnnxModel(folder, config.model, ending=ending).rows
    return encoders


if __name__ == "__main__":
    main()
