"""VISTA (Zhou et al. 2024, arXiv 2406.04292) in PyTorch: pictures, texts and both in one BERT.

Names and shapes of parameters are those of the published files (`gcl_spec.models.vista_layout`).
The text encoder is transformers' `BertModel`, also for XLM-RoBERTa, which differs in positions.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from gcl_spec.errors import DataError
from gcl_spec.models.vista_settings import VistaSettings
from gcl_torch.models.towers.eva02 import Eva02
from gcl_torch.models.undrawn import undrawn

__all__ = ["Vista"]


class Vista(nn.Module):
    """The encoder of pictures, texts, and pictures beside texts; its rows (B, W) are not unit ones.

    marks: the numbers of the tokens that begin and end a text.
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
        super().__init__()
        self.settings, self.marks = settings, marks
        with undrawn():
            bert = _bert(settings, dropout)
            self.bge_encoder, self.bge_embeddings = bert.encoder, bert.embeddings
            self._bert = (bert,)  # a plain attribute would count its modules twice
            self.model_visual = _Visual(Eva02(settings.sizes))
            self.visual_proj = nn.Linear(settings.sizes.image_width, settings.sizes.width)

    def load(self, weights: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Take the weights of a checkpoint.

        Args:
            weights: what `gcl_spec.models.vista_files.used_weights` gives, with its shapes.
        """
        own = {name: torch.from_numpy(weights[name]) for name in self.state_dict()}
        self.load_state_dict(own)

    def checkpointing(self) -> None:
        """Keep only the inputs of layers for backward, and compute the rest again."""
        self.model_visual.visual.recomputes = True
        bert = self._bert[0]
        # transformers 5.2x renamed the method; its old name warns where the new one exists.
        enable = getattr(bert, "activation_checkpointing_enable", None)
        (enable or bert.gradient_checkpointing_enable)({"use_reentrant": False})

    def image_tokens(
        self, pixels_B3HW: torch.Tensor, keep_BK: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The tokens (B, K, W) of pictures at the width of the text encoder.

        Args:
            pixels_B3HW: prepared pictures.
            keep_BK: numbers of the patches that are kept, in their order; all when not given.
        """
        tokens = self.model_visual.visual(pixels_B3HW, keep_BK)
        projected: torch.Tensor = self.visual_proj(tokens[:, 1:])
        return projected

    def text(self, ids_BL: torch.Tensor, mask_BL: torch.Tensor) -> torch.Tensor:
        """The rows (B, W) of texts alone.

        Raises:
            DataError: they are longer than the model's positions.
        """
        length, most = ids_BL.shape[1], self.settings.most_tokens
        if length > most:
            raise DataError(f"texts of {length} tokens; this model has positions for {most}")
        places = torch.arange(length, device=ids_BL.device).expand_as(ids_BL)
        if self.settings.roberta:
            places = mask_BL.cumsum(1) * mask_BL + self.settings.pad
        return self._encoded(self._embedded(ids_BL, places), mask_BL)

    def image(self, tokens_BKW: torch.Tensor) -> torch.Tensor:
        """The rows (B, W) of pictures alone, which stand before an empty text."""
        ids = torch.tensor([self.marks], device=tokens_BKW.device).expand(len(tokens_BKW), -1)
        return self.joint(tokens_BKW, ids, torch.ones_like(ids))

    def joint(
        self, tokens_BKW: torch.Tensor, ids_BL: torch.Tensor, mask_BL: torch.Tensor
    ) -> torch.Tensor:
        """The rows (B, W) of pictures beside texts.

        Args:
            tokens_BKW: what `image_tokens` gives.
            ids_BL: the texts, [CLS] and [SEP] among them.
            mask_BL: which of them are no padding.

        Raises:
            DataError: a text has no room beside a picture.
        """
        length, count = ids_BL.shape[1], tokens_BKW.shape[1]
        if length > self.settings.most_beside_image:
            raise DataError(
                f"texts of {length} tokens beside a picture; this model has room for "
                f"{self.settings.most_beside_image}"
            )
        places = torch.arange(length, device=ids_BL.device)
        places = torch.where(places > 0, places + count, places).expand_as(ids_BL)
        texts = self._embedded(ids_BL, places)
        beside = torch.arange(1, count + 1, device=ids_BL.device)
        positions = self.bge_embeddings.position_embeddings(beside)
        images = self.bge_embeddings.LayerNorm(tokens_BKW + positions)  # without dropout
        rows = torch.cat([texts[:, :1], images.to(texts.dtype), texts[:, 1:]], dim=1)
        seen = torch.ones(rows.shape[0], count, dtype=mask_BL.dtype, device=mask_BL.device)
        return self._encoded(rows, torch.cat([mask_BL[:, :1], seen, mask_BL[:, 1:]], dim=1))

    def _embedded(self, ids_BL: torch.Tensor, places_BL: torch.Tensor) -> torch.Tensor:
        kinds = torch.zeros_like(ids_BL)
        rows: torch.Tensor = self.bge_embeddings(
            input_ids=ids_BL, token_type_ids=kinds, position_ids=places_BL
        )
        return rows

    def _encoded(self, rows_BLW: torch.Tensor, mask_BL: torch.Tensor) -> torch.Tensor:
        """The row (B, W) of [CLS] behind the last layer."""
        mask = (mask_BL > 0)[:, None, None, :].expand(-1, 1, rows_BLW.shape[1], -1)
        hidden: torch.Tensor = self.bge_encoder(rows_BLW, attention_mask=mask).last_hidden_state
        return hidden[:, 0]


class _Visual(nn.Module):
    def __init__(self, visual: Eva02) -> None:
        super().__init__()
        self.visual = visual


def _bert(settings: VistaSettings, dropout: float) -> Any:
    from transformers import BertConfig, BertModel  # takes seconds to import

    sizes = settings.sizes
    config = BertConfig(
        vocab_size=sizes.vocabulary,
        hidden_size=sizes.width,
        num_hidden_layers=sizes.layers,
        num_attention_heads=settings.heads,
        intermediate_size=sizes.hidden,
        hidden_act=settings.act,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        max_position_embeddings=sizes.positions,
        type_vocab_size=sizes.token_types,
        layer_norm_eps=settings.eps,
        pad_token_id=settings.pad,
    )
    config._attn_implementation = "sdpa"
    bert = BertModel(config, add_pooling_layer=False)
    if settings.roberta:  # the row of padding is never trained, though image tokens stand on it
        bert.embeddings.position_embeddings.padding_idx = settings.pad
    return bert
