"""One CLIP checkpoint in transformers, in gcl_torch and in gcl_jax: outputs, loss, gradients.

python benchmarks/towers.py --size tiny
python benchmarks/towers.py --size base      # ViT-B/32, 151 million weights, drawn at random
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import torch
from transformers import CLIPConfig, CLIPModel

from gcl_jax.models.functional import Functional
from gcl_jax.models.towers.clip import Clip
from gcl_spec.loss.equation import gcl_loss
from gcl_spec.models.tiny_clip import write_tiny
from gcl_torch.models.towers.clip import ClipTowers

LOG_SCALE = float(np.log(20.0))


class Inputs(NamedTuple):
    """Prepared pictures, (B, 3, H, W), token numbers and their mask, (B, L)."""

    pixels: np.ndarray
    ids: np.ndarray
    mask: np.ndarray


class Found(NamedTuple):
    """Unit rows, the loss, and the gradient of every parameter."""

    image: np.ndarray
    text: np.ndarray
    loss: float
    gradients: dict[str, np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=["tiny", "base"], default="tiny")
    parser.add_argument("--samples", type=int, default=8)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), given.size)
        model = CLIPModel.from_pretrained(folder).eval()
        inputs = draw(model.config, given.samples)
        want = in_torch(model, lambda: by_transformers(model, inputs))
        towers = ClipTowers.from_folder(Path(folder))
        print("| against transformers | image | text | loss | loss, relative | gradient | worst |")
        print("|---|--:|--:|--:|--:|--:|--:|")
        print(f"| transformers | | | {want.loss:.7f} | | | |")
        report("gcl_torch", want, in_torch(towers, lambda: by_towers(towers, inputs)))
        report("gcl_jax", want, in_jax(Clip.from_folder(Path(folder)), inputs))
    weights = sum(p.numel() for p in model.parameters())
    print(f"{given.size}: {weights:,} weights, {given.samples} pairs, float32")


def write(folder: Path, size: str) -> None:
    if size == "tiny":
        write_tiny(folder, 0)
    else:
        torch.manual_seed(0)
        CLIPModel(CLIPConfig()).save_pretrained(folder)


def draw(config: Any, samples: int) -> Inputs:
    rng = np.random.default_rng(0)
    side, text = config.vision_config.image_size, config.text_config
    length = 16
    ids = rng.integers(0, text.eos_token_id, (samples, length))
    ends = rng.integers(3, length, (samples, 1))
    ids = np.where(np.arange(length) >= ends, text.eos_token_id, ids)
    mask = (np.arange(length) <= ends).astype(np.int64)
    return Inputs(rng.normal(size=(samples, 3, side, side)).astype(np.float32), ids, mask)


def by_transformers(model: Any, x: Inputs) -> tuple[torch.Tensor, torch.Tensor]:
    pixels, ids, mask = map(torch.from_numpy, x)
    outputs = model(pixel_values=pixels, input_ids=ids, attention_mask=mask)
    return outputs.image_embeds, outputs.text_embeds


def by_towers(towers: ClipTowers, x: Inputs) -> tuple[torch.Tensor, torch.Tensor]:
    pixels, ids, mask = map(torch.from_numpy, x)
    unit = torch.nn.functional.normalize
    return unit(towers.image(pixels)), unit(towers.text(ids, mask))


def in_torch(model: torch.nn.Module, rows_of: Callable[[], Any]) -> Found:
    image, text = rows_of()
    loss = gcl_loss(image, text, log_scale=LOG_SCALE)
    loss.backward()
    named = {n: p.grad.numpy() for n, p in model.named_parameters() if p.grad is not None}
    return Found(image.detach().numpy(), text.detach().numpy(), loss.item(), named)


def in_jax(model: Clip, x: Inputs) -> Found:
    function, weights, buffers = Functional.of(model)
    pixels, ids, mask = map(jnp.asarray, x)

    def unit(rows: jax.Array) -> jax.Array:
        return rows / jnp.linalg.norm(rows, axis=1, keepdims=True)

    @jax.jit
    @jax.value_and_grad
    def step(params: Any) -> Any:
        image, text = rows(params)
        return gcl_loss(image, text, log_scale=LOG_SCALE, xp=jnp)

    @jax.jit
    def rows(params: Any) -> Any:
        return function.call(
            params, buffers, lambda m: (unit(m.image(pixels)), unit(m.text(ids, mask)))
        )

    loss, gradients = step(weights)
    image, text = map(np.asarray, rows(weights))
    return Found(image, text, float(loss), {n: np.asarray(g) for n, g in gradients.items()})


def report(name: str, want: Found, outcome: Found) -> None:
    """Largest differences of outputs; of gradients relative to their norm, all and the worst."""
    # The gradient of a key's bias is 0 but for rounding: softmax does not see it.
    names = [n for n in want.gradients if n != "logit_scale" and not n.endswith("k_proj.bias")]
    apart = {n: np.linalg.norm(outcome.gradients[n] - want.gradients[n]) for n in names}
    sizes = {n: np.linalg.norm(want.gradients[n]) for n in names}
    whole = np.linalg.norm(list(apart.values())) / np.linalg.norm(list(sizes.values()))
    worst = max(apart[n] / sizes[n] for n in names)
    image, text = (np.max(np.abs(outcome[i] - want[i])) for i in (0, 1))
    loss = abs(outcome.loss - want.loss) / want.loss
    print(
        f"| {name} | {image:.0e} | {text:.0e} | {outcome.loss:.7f} | {loss:.0e} "
        f"| {whole:.0e} | {worst:.0e} |"
    )


if __name__ == "__main__":
    main()
