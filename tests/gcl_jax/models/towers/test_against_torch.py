"""JAX towers against the torch ones, on the same weights: outputs, gradients, names."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from gcl_jax.models.functional import Functional
from gcl_jax.models.towers.clip import Clip
from gcl_jax.models.towers.efficientnet_lite import EfficientNetLite0
from gcl_jax.models.towers.minilm import MiniLM
from gcl_spec.errors import ConfigError, DataError
from gcl_spec.models.tiny_clip import write_tiny
from gcl_torch.models.towers import clip as torch_clip
from gcl_torch.models.towers import efficientnet_lite as torch_net
from gcl_torch.models.towers import minilm as torch_minilm

Arrays = dict[str, np.ndarray]
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 255, (3, 64, 64, 3), np.uint8)
IDS = RNG.integers(1000, 2000, (3, 7))
MASK = np.asarray([[1] * 7, [1] * 4 + [0] * 3, [1] + [0] * 6])


def named(module: torch.nn.Module) -> Arrays:
    return {name: p.detach().numpy() for name, p in module.named_parameters()}


def in_torch(module: torch.nn.Module, call: Any, *inputs: np.ndarray) -> tuple[np.ndarray, Arrays]:
    """Output, and gradients of its weighted sum."""
    output = call(module, *(torch.from_numpy(x) for x in inputs))
    weights = torch.from_numpy(weights_like(output.shape))
    (output * weights).sum().backward()
    grads = {n: p.grad.numpy() for n, p in module.named_parameters() if p.grad is not None}
    return output.detach().numpy(), grads


def in_jax(module: Any, call: Any, *inputs: np.ndarray) -> tuple[np.ndarray, Arrays]:
    function, params, buffers = Functional.of(module)
    arrays = [jnp.asarray(x) for x in inputs]

    @jax.jit
    def run(params: Any) -> Any:
        def loss(p: Any) -> Any:
            output = function.call(p, buffers, lambda m: call(m, *arrays))
            return (output * weights_like(output.shape)).sum(), output

        return jax.value_and_grad(loss, has_aux=True)(params)

    (_, output), grads = run(params)
    return np.asarray(output), {name: np.asarray(g) for name, g in grads.items()}


def weights_like(shape: Any) -> np.ndarray:
    return np.random.default_rng(1).normal(size=tuple(shape)).astype(np.float32)


def check(
    want: tuple[np.ndarray, Arrays], found: tuple[np.ndarray, Arrays], bound: float = 1e-4
) -> None:
    assert np.max(np.abs(found[0] - want[0])) < 1e-5 * np.max(np.abs(want[0]))
    for name, gradient in want[1].items():
        error = np.linalg.norm(found[1][name] - gradient)
        # The gradient of a key's bias is 0 but for rounding: softmax does not see it.
        floor = 1e-6 * max(np.linalg.norm(g) for g in want[1].values())
        assert error < max(bound * np.linalg.norm(gradient), floor), name


def run(module: Any, *inputs: Any) -> Any:
    return module(*inputs)


def test_minilm() -> None:
    theirs, ours = torch_minilm.MiniLM(), MiniLM.pretrained()
    _, params, _ = Functional.of(ours)
    assert {n: x.shape for n, x in named(theirs).items()} == {n: x.shape for n, x in params.items()}
    check(in_torch(theirs, run, IDS, MASK), in_jax(ours, run, IDS, MASK))


def test_efficientnet_lite() -> None:
    theirs, ours = torch_net.EfficientNetLite0.pretrained(), EfficientNetLite0.pretrained()
    _, params, own = Functional.of(ours)
    assert {n: x.shape for n, x in named(theirs).items()} == {n: x.shape for n, x in params.items()}
    buffers = {n: tuple(b.shape) for n, b in theirs.named_buffers() if "num_batches" not in n}
    assert buffers == {n: x.shape for n, x in own.items()}
    # ReLU6 has corners, where a last digit decides whether a gradient passes.
    check(in_torch(theirs, run, PIXELS), in_jax(ours, run, PIXELS), bound=5e-3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tiny") / "model"
    write_tiny(made, seed=1)
    return made


def images(module: Any, pixels: Any) -> Any:
    return module.image(pixels)


def texts(module: Any, ids: Any, mask: Any) -> Any:
    return module.text(ids, mask)


@pytest.mark.parametrize("recompute", [False, True])
def test_clip(folder: Path, recompute: bool) -> None:
    theirs, ours = torch_clip.ClipTowers.from_folder(folder), Clip.from_folder(folder)
    ours.checkpointing(recompute)
    assert {n: x.shape for n, x in named(theirs).items()} == {
        n: x.shape for n, x in Functional.of(ours)[1].items()
    }
    assert ours.width == theirs.width
    assert ours.checkpoint_log_scale == pytest.approx(theirs.checkpoint_log_scale)
    pixels = RNG.normal(size=(2, 3, 32, 32)).astype(np.float32)
    check(in_torch(theirs, images, pixels), in_jax(ours, images, pixels))
    theirs.zero_grad(set_to_none=True)
    ids = np.asarray([[512, 5, 9, 513, 513, 513], [512, 7, 300, 40, 41, 513]])
    mask = np.asarray([[1, 1, 1, 1, 0, 0], [1] * 6])
    check(in_torch(theirs, texts, ids, mask), in_jax(ours, texts, ids, mask))


@pytest.mark.parametrize("eos", [2, 90])
def test_clip_of_other_shapes_and_both_rules_for_the_end(tmp_path: Path, eos: int) -> None:
    from transformers import CLIPConfig, CLIPModel

    settings = {
        "text_config": {
            "vocab_size": 91, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 1,
            "num_attention_heads": 3, "max_position_embeddings": 11, "eos_token_id": eos,
            "bos_token_id": 1, "pad_token_id": 0, "hidden_act": "gelu",
        },
        "vision_config": {
            "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "image_size": 21,
            "num_attention_heads": 4, "patch_size": 7,
        },
        "projection_dim": 20,
    }  # fmt: skip
    torch.manual_seed(0)
    CLIPModel(CLIPConfig(**settings)).save_pretrained(tmp_path)
    theirs, ours = torch_clip.ClipTowers.from_folder(tmp_path), Clip.from_folder(tmp_path)
    ids = np.asarray([[1, 5, 90, 0, 0], [1, 7, 30, 40, 90]])
    mask = (ids > 0).astype(np.int64)
    check(in_torch(theirs, texts, ids, mask), in_jax(ours, texts, ids, mask))
    theirs.zero_grad(set_to_none=True)
    pixels = RNG.normal(size=(2, 3, 21, 21)).astype(np.float32)
    check(in_torch(theirs, images, pixels), in_jax(ours, images, pixels))


def test_what_does_not_fit_is_said(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "siglip"}')
    with pytest.raises(ConfigError, match="type 'clip', this is 'siglip'; use --backend torch"):
        Clip.from_folder(tmp_path)
    for name in ("model.safetensors", "config.json"):
        text = (folder / name).read_bytes()
        (tmp_path / name).write_bytes(text.replace(b'"hidden_size": 64', b'"hidden_size": 32'))
    with pytest.raises(DataError, match="has shape"):
        Clip.from_folder(tmp_path)
    with pytest.raises(DataError, match="texts of 70 tokens; this model has 64 positions"):
        Clip.from_folder(folder).text(jnp.ones((1, 70), int), jnp.ones((1, 70), int))
