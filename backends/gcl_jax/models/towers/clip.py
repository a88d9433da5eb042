"""CLIP (Radford et al. 2021, arXiv 2103.00020) in flax.nnx, from a folder in the hub's format.

Names and shapes of parameters are those of transformers' `CLIPModel`. Blocks may differ in their
numbers of heads and in their MLPs' widths, and lack attention, as in a pruned TinyCLIP
(arXiv 2309.12314).
"""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from gcl_jax.models.towers.layers import (
    Conv2d,
    Embedding,
    LayerNorm,
    Linear,
    activation,
    attend,
    load_weights,
    recomputed,
    side_by_side,
)
from gcl_spec.errors import ConfigError, DataError
from gcl_spec.models.blocks import PRUNED, Block, blocks_of
from gcl_spec.models.config_json import clip_settings, model_settings
from gcl_spec.models.weights import load_weights as read_weights
from gcl_spec.models.weights import weight_shapes

__all__ = ["Clip"]

_LEGACY_EOS = 2  # configurations of transformers before 4.31 have this wrong number
Settings = dict[str, Any]


class Clip(nnx.Module):
    """Two transformers and their projections, which are (B, projection_dim) each.

    checkpoint_log_scale: the checkpoint's logit_scale, None where it has none.
    """

    def __init__(self, settings: Settings) -> None:
        """Make the towers of settings as `gcl_spec.models.config_json.clip_settings` gives them."""
        text, vision = settings["text_config"], settings["vision_config"]
        width = settings["projection_dim"]
        self.text_model = _Text(text)
        self.vision_model = _Vision(vision)
        self.visual_projection = Linear(vision["hidden_size"], width, bias=False)
        self.text_projection = Linear(text["hidden_size"], width, bias=False)
        self.width, self.max_tokens = width, text["max_position_embeddings"]
        self.checkpoint_log_scale: float | None = None

    @classmethod
    def from_folder(cls, folder: Path) -> "Clip":
        """The towers of a folder with config.json and safetensors weights, without transformers.

        Raises:
            ConfigError: the model has another architecture.
            DataError: settings mean nothing, or weights do not fit.
        """
        settings = model_settings(folder)
        if settings.get("model_type") not in ("clip", PRUNED):
            raise ConfigError(
                f"{folder}: JAX runs models of type 'clip', this is {settings.get('model_type')!r};"
                " use --backend torch, which runs every dual encoder of transformers"
            )
        shapes = weight_shapes(folder)
        model = cls(clip_settings(settings, shapes, str(folder / "config.json")))
        weights = read_weights(folder)
        unused = ("text_model.embeddings.position_ids", "vision_model.embeddings.position_ids")
        scale = weights.pop("logit_scale", None)
        load_weights(model, weights, where=str(folder), unused=unused)
        if scale is not None and scale.size != 1:
            raise DataError(f"{folder}: logit_scale has the shape {scale.shape}, not one number")
        model.checkpoint_log_scale = None if scale is None else float(scale.reshape(()))
        return model

    def image(self, pixel_values_B3HW: jax.Array) -> jax.Array:
        """Projections (B, D) of prepared pictures, not normalised."""
        return self.visual_projection(self.vision_model(pixel_values_B3HW))

    def text(self, ids_BL: jax.Array, mask_BL: jax.Array) -> jax.Array:
        """Projections (B, D) of token ids, not normalised."""
        return self.text_projection(self.text_model(ids_BL, mask_BL))

    def checkpointing(self, on: bool) -> None:
        """Keep only the inputs of layers for backward, and compute the rest again."""
        self.text_model.encoder.recomputes = self.vision_model.encoder.recomputes = on


class _Text(nnx.Module):
    def __init__(self, settings: Settings) -> None:
        width = settings["hidden_size"]
        self.embeddings = _TextEmbeddings(settings)
        self.encoder = _Encoder(settings)
        self.final_layer_norm = LayerNorm(width, eps=settings["layer_norm_eps"])
        self.eos = settings["eos_token_id"]

    def __call__(self, ids_BL: jax.Array, mask_BL: jax.Array) -> jax.Array:
        length = ids_BL.shape[1]
        causal_LL = jnp.tril(jnp.ones((length, length), bool))
        x = self.encoder(self.embeddings(ids_BL), causal_LL & (mask_BL[:, None, None, :] > 0))
        x = self.final_layer_norm(x)
        # The text ends at the end's own number, which padding may share, or at the largest number.
        score_BL = ids_BL if self.eos == _LEGACY_EOS else (ids_BL == self.eos).astype(jnp.int32)
        end_B = jnp.argmax(score_BL, axis=1)
        return x[jnp.arange(len(x)), end_B]


class _TextEmbeddings(nnx.Module):
    def __init__(self, settings: Settings) -> None:
        width = settings["hidden_size"]
        self.token_embedding = Embedding(settings["vocab_size"], width)
        self.position_embedding = Embedding(settings["max_position_embeddings"], width)

    def __call__(self, ids_BL: jax.Array) -> jax.Array:
        most = self.position_embedding.weight[...].shape[0]
        if ids_BL.shape[1] > most:
            raise DataError(f"texts of {ids_BL.shape[1]} tokens; this model has {most} positions")
        return self.token_embedding(ids_BL) + self.position_embedding.weight[...][: ids_BL.shape[1]]


class _Vision(nnx.Module):
    def __init__(self, settings: Settings) -> None:
        width, eps = settings["hidden_size"], settings["layer_norm_eps"]
        self.embeddings = _VisionEmbeddings(settings)
        self.pre_layrnorm = LayerNorm(width, eps=eps)  # transformers' spelling
        self.encoder = _Encoder(settings)
        self.post_layernorm = LayerNorm(width, eps=eps)

    def __call__(self, pixel_values_B3HW: jax.Array) -> jax.Array:
        x = self.encoder(self.pre_layrnorm(self.embeddings(pixel_values_B3HW)), None)
        return self.post_layernorm(x[:, 0])


class _VisionEmbeddings(nnx.Module):
    def __init__(self, settings: Settings) -> None:
        width, patch = settings["hidden_size"], settings["patch_size"]
        self.class_embedding = nnx.Param(jnp.zeros(width, jnp.float32))
        self.patch_embedding = Conv2d(
            settings["num_channels"], width, patch, stride=patch, padding="VALID"
        )
        self.position_embedding = Embedding((settings["image_size"] // patch) ** 2 + 1, width)

    def __call__(self, pixel_values_B3HW: jax.Array) -> jax.Array:
        patches = self.patch_embedding(jnp.moveaxis(pixel_values_B3HW, 1, 3))
        size, *_, width = patches.shape
        start = jnp.broadcast_to(self.class_embedding[...], (size, 1, width))
        x = jnp.concatenate([start, patches.reshape(size, -1, width)], axis=1)
        return x + self.position_embedding.weight[...]


class _Encoder(nnx.Module):
    def __init__(self, settings: Settings) -> None:
        self.layers = nnx.List([_Layer(settings, block) for block in blocks_of(settings)])
        self.recomputes = False

    def __call__(self, x: jax.Array, mask: jax.Array | None) -> jax.Array:
        for layer in self.layers:
            x = recomputed(layer, self.recomputes)(x, mask)
        return x


class _Layer(nnx.Module):
    def __init__(self, settings: Settings, block: Block) -> None:
        width, eps = settings["hidden_size"], settings["layer_norm_eps"]
        self.attends = block.heads > 0
        if self.attends:
            self.self_attn = _Attention(width, block)
            self.layer_norm1 = LayerNorm(width, eps=eps)
        self.mlp = _Mlp(width, block.hidden, settings["hidden_act"])
        self.layer_norm2 = LayerNorm(width, eps=eps)

    def __call__(self, x: jax.Array, mask: jax.Array | None) -> jax.Array:
        if self.attends:
            x = x + self.self_attn(self.layer_norm1(x), mask)
        return x + self.mlp(self.layer_norm2(x))


class _Attention(nnx.Module):
    def __init__(self, width: int, block: Block) -> None:
        self.heads, inner = block.heads, block.inner
        self.q_proj, self.k_proj = Linear(width, inner), Linear(width, inner)
        self.v_proj, self.out_proj = Linear(width, inner), Linear(inner, width)

    def __call__(self, x: jax.Array, mask: jax.Array | None) -> jax.Array:
        q, k, v = side_by_side(x, (self.q_proj, self.k_proj, self.v_proj))
        return self.out_proj(attend(q, k, v, self.heads, mask))


class _Mlp(nnx.Module):
    def __init__(self, width: int, hidden: int, act: str) -> None:
        self.act = act
        self.fc1, self.fc2 = Linear(width, hidden), Linear(hidden, width)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.fc2(activation(self.act)(self.fc1(x)))
