"""The layers of BERT (Devlin et al., arXiv 1810.04805) in flax.nnx, for the towers that have them.

Names and shapes of parameters are those of transformers' `BertModel`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
from flax import nnx

from gcl_jax.models.towers.layers import (
    Embedding,
    LayerNorm,
    Linear,
    activation,
    attend,
    dropped,
    recomputed,
)

__all__ = ["Embeddings", "Encoder", "Settings"]

Settings = dict[str, Any]
"""The settings of a config.json."""


class Embeddings(nnx.Module):
    """The rows of tokens at their places."""

    def __init__(self, settings: Settings) -> None:
        width = settings["hidden_size"]
        self.word_embeddings = Embedding(settings["vocab_size"], width)
        self.position_embeddings = Embedding(settings["max_position_embeddings"], width)
        self.token_type_embeddings = Embedding(settings["type_vocab_size"], width)
        self.LayerNorm = LayerNorm(width, eps=settings["layer_norm_eps"])

    def __call__(self, ids_BL: jax.Array, place: jax.Array | None = None) -> jax.Array:
        """The rows (B, L, W) of tokens.

        Args:
            ids_BL: the tokens.
            place: the rows (L, W) or (B, L, W) of their places, which are the first L when not
                given.
        """
        if place is None:
            place = self.position_embeddings.weight[...][: ids_BL.shape[1]]
        return self.LayerNorm(
            self.word_embeddings(ids_BL) + self.token_type_embeddings.weight[...][0] + place
        )


class Encoder(nnx.Module):
    """Layers of attention and of linear maps, each with the sum of its input normalised."""

    def __init__(self, settings: Settings, *, dropout: float = 0.0) -> None:
        self.layer = nnx.List(
            [_Layer(settings, dropout) for _ in range(settings["num_hidden_layers"])]
        )
        self.recomputes = False

    def __call__(self, x: jax.Array, mask: jax.Array, key: jax.Array | None = None) -> jax.Array:
        """The rows (B, L, W) that the layers make of rows (B, L, W).

        Args:
            x: the rows.
            mask: booleans (B, 1, 1, L); false takes a key from all queries.
            key: draws what dropout leaves out; without a key it leaves nothing out.
        """
        for number, layer in enumerate(self.layer):
            own = None if key is None else jax.random.fold_in(key, number)
            x = recomputed(layer, self.recomputes)(x, mask, own)
        return x


class _Layer(nnx.Module):
    def __init__(self, settings: Settings, dropout: float) -> None:
        width, hidden = settings["hidden_size"], settings["intermediate_size"]
        self.attention = _Attention(settings, dropout)
        self.intermediate = _Dense(width, hidden)
        self.output = _Output(hidden, width, settings["layer_norm_eps"], dropout)
        self.act = settings["hidden_act"]

    def __call__(self, x: jax.Array, mask: jax.Array, key: jax.Array | None) -> jax.Array:
        keys = (None,) * 3 if key is None else tuple(jax.random.split(key, 3))
        x = self.attention(x, mask, *keys[:2])
        return self.output(activation(self.act)(self.intermediate.dense(x)), x, keys[2])


class _Attention(nnx.Module):
    def __init__(self, settings: Settings, dropout: float) -> None:
        width = settings["hidden_size"]
        self.heads = settings["num_attention_heads"]
        self.self = _Projections(width)  # transformers' BERT has this name
        self.output = _Output(width, width, settings["layer_norm_eps"], dropout)
        self.dropout = dropout

    def __call__(
        self, x: jax.Array, mask: jax.Array, first: jax.Array | None, second: jax.Array | None
    ) -> jax.Array:
        made = self.self
        q, k, v = made.query(x), made.key(x), made.value(x)
        drop: Callable[[jax.Array], jax.Array] = partial(dropped, rate=self.dropout, key=first)
        return self.output(attend(q, k, v, self.heads, mask, drop), x, second)


class _Projections(nnx.Module):
    def __init__(self, width: int) -> None:
        self.query, self.key, self.value = (Linear(width, width) for _ in range(3))


class _Dense(nnx.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        self.dense = Linear(inputs, outputs)


class _Output(nnx.Module):
    """A linear layer, then the layer norm of its sum with its block's input."""

    def __init__(self, inputs: int, outputs: int, eps: float, dropout: float) -> None:
        self.dense = Linear(inputs, outputs)
        self.LayerNorm = LayerNorm(outputs, eps=eps)
        self.dropout = dropout

    def __call__(self, x: jax.Array, before: jax.Array, key: jax.Array | None) -> jax.Array:
        return self.LayerNorm(dropped(self.dense(x), rate=self.dropout, key=key) + before)
