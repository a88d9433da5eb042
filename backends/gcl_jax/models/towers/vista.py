"""VISTA (Zhou et al. 2024, arXiv 2406.04292) in flax.nnx: pictures, texts and both in one BERT.

Names and shapes of parameters are those of the published files (`gcl_spec.models.vista_layout`).
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from gcl_jax.models.towers.bert import Embeddings, Encoder
from gcl_jax.models.towers.eva02 import Eva02
from gcl_jax.models.towers.layers import Linear, dropped, load_weights
from gcl_spec.errors import DataError
from gcl_spec.models.vista_settings import VistaSettings, text_config

__all__ = ["Vista"]


class Vista(nnx.Module):
    """The encoder of pictures, texts, and pictures beside texts; its rows (B, W) are not unit ones.

    `key` draws what dropout leaves out, in training alone.
    """

    def __init__(
        self, settings: VistaSettings, marks: tuple[int, int], *, dropout: float = 0.0
    ) -> None:
        """Make the model, whose weights are to be loaded.

        Args:
            settings: the sizes and rules.
            marks: the numbers of [CLS] and [SEP].
            dropout: the rate of the text encoder in training.
        """
        self.settings, self.marks, self.dropout = settings, marks, dropout
        config, sizes = text_config(settings), settings.sizes
        self.bge_embeddings = Embeddings(config)
        self.bge_encoder = Encoder(config, dropout=dropout)
        self.model_visual = _Visual(Eva02(sizes))
        self.visual_proj = Linear(sizes.image_width, sizes.width)

    def load(self, weights: Mapping[str, np.ndarray[Any, Any]], where: str = "VISTA") -> None:
        """Take the weights of a checkpoint.

        Args:
            weights: what `gcl_spec.models.vista_files.used_weights` gives, with its shapes.
            where: the file, for errors.
        """
        load_weights(self, weights, where=where)

    def checkpointing(self) -> None:
        """Keep only the inputs of layers for backward, and compute the rest again."""
        self.model_visual.visual.recomputes = self.bge_encoder.recomputes = True

    def image_tokens(self, pixels_B3HW: jax.Array, keep_BK: jax.Array | None = None) -> jax.Array:
        """The tokens (B, K, W) of pictures at the width of the text encoder.

        Args:
            pixels_B3HW: prepared pictures.
            keep_BK: numbers of the patches that are kept, in their order; all when not given.
        """
        return self.visual_proj(self.model_visual.visual(pixels_B3HW, keep_BK)[:, 1:])

    def text(
        self, ids_BL: jax.Array, mask_BL: jax.Array, *, key: jax.Array | None = None
    ) -> jax.Array:
        """The rows (B, W) of texts alone.

        Args:
            ids_BL: the texts, [CLS] and [SEP] among them.
            mask_BL: which of them are no padding.
            key: shape (); it draws what dropout leaves out.

        Raises:
            DataError: they are longer than the model's positions.
        """
        length, most = ids_BL.shape[1], self.settings.most_tokens
        if length > most:
            raise DataError(f"texts of {length} tokens; this model has positions for {most}")
        places = jnp.arange(length)
        if self.settings.roberta:
            places = jnp.cumsum(mask_BL, axis=1) * mask_BL + self.settings.pad
        rows = self._embedded(ids_BL, places, key)
        return self._encoded(rows, mask_BL, key)

    def image(self, tokens_BKW: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        """The rows (B, W) of pictures alone, which stand before an empty text.

        Args:
            tokens_BKW: what `image_tokens` gives.
            key: shape (); it draws what dropout leaves out.
        """
        ids = jnp.broadcast_to(jnp.asarray(self.marks), (len(tokens_BKW), 2))
        return self.joint(tokens_BKW, ids, jnp.ones_like(ids), key=key)

    def joint(
        self,
        tokens_BKW: jax.Array,
        ids_BL: jax.Array,
        mask_BL: jax.Array,
        *,
        key: jax.Array | None = None,
    ) -> jax.Array:
        """The rows (B, W) of pictures beside texts.

        Args:
            tokens_BKW: what `image_tokens` gives.
            ids_BL: the texts, [CLS] and [SEP] among them.
            mask_BL: which of them are no padding.
            key: shape (); it draws what dropout leaves out.

        Raises:
            DataError: a text has no room beside a picture.
        """
        length, count = ids_BL.shape[1], tokens_BKW.shape[1]
        if length > self.settings.most_beside_image:
            raise DataError(
                f"texts of {length} tokens beside a picture; this model has room for "
                f"{self.settings.most_beside_image}"
            )
        places = jnp.arange(length)
        texts = self._embedded(ids_BL, jnp.where(places > 0, places + count, places), key)
        beside = self._places(jnp.arange(1, count + 1))
        images = self.bge_embeddings.LayerNorm(tokens_BKW + beside)  # without dropout
        rows = jnp.concatenate([texts[:, :1], images.astype(texts.dtype), texts[:, 1:]], axis=1)
        seen = jnp.ones((rows.shape[0], count), mask_BL.dtype)
        mask = jnp.concatenate([mask_BL[:, :1], seen, mask_BL[:, 1:]], axis=1)
        return self._encoded(rows, mask, key)

    def _places(self, numbers: jax.Array) -> jax.Array:
        """The rows of places; RoBERTa's padding row, where image tokens stand, is not trained."""
        rows = self.bge_embeddings.position_embeddings(numbers)
        if not self.settings.roberta:
            return rows
        padding = (numbers == self.settings.pad)[..., None]
        return jnp.where(padding, jax.lax.stop_gradient(rows), rows)

    def _embedded(self, ids_BL: jax.Array, places: jax.Array, key: jax.Array | None) -> jax.Array:
        rows = self.bge_embeddings(ids_BL, self._places(places))
        own = None if key is None else jax.random.fold_in(key, 0)
        return dropped(rows, rate=self.dropout, key=own)

    def _encoded(self, rows_BLW: jax.Array, mask_BL: jax.Array, key: jax.Array | None) -> jax.Array:
        """The row (B, W) of [CLS] behind the last layer."""
        own = None if key is None else jax.random.fold_in(key, 1)
        return self.bge_encoder(rows_BLW, mask_BL[:, None, None, :] > 0, own)[:, 0]


class _Visual(nnx.Module):
    def __init__(self, visual: Eva02) -> None:
        self.visual = visual
