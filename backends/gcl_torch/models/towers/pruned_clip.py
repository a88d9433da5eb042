"""A CLIP whose blocks differ, as pruning leaves them (TinyCLIP, arXiv 2309.12314), in PyTorch.

Names and layouts of parameters are those of transformers' `CLIPModel`, of which one configuration
cannot hold such a model: a block has a number of heads and a width of its MLP of its own, and one
without heads has no attention.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from gcl_spec.errors import ConfigError, DataError
from gcl_spec.models.blocks import Block, blocks_of

__all__ = ["PrunedClip"]

_ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "gelu": nn.functional.gelu,
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
}
Settings = Mapping[str, Any]


class PrunedClip(nn.Module):
    """Two transformers and their projections, with the methods of transformers' `CLIPModel`."""

    def __init__(self, settings: Settings) -> None:
        """Make the towers of settings as `gcl_spec.models.config_json.clip_settings` gives them.

        Raises:
            ConfigError: they name another activation than TinyCLIP's.
        """
        super().__init__()
        text, vision = settings["text_config"], settings["vision_config"]
        width = settings["projection_dim"]
        self.text_model, self.vision_model = _Text(text), _Vision(vision)
        self.visual_projection = nn.Linear(vision["hidden_size"], width, bias=False)
        self.text_projection = nn.Linear(text["hidden_size"], width, bias=False)
        self.logit_scale = nn.Parameter(torch.zeros(()))

    @classmethod
    def from_weights(
        cls, settings: Settings, weights: Mapping[str, np.ndarray[Any, Any]], where: str
    ) -> "PrunedClip":
        """A model with the weights of a checkpoint.

        Args:
            settings: as `gcl_spec.models.config_json.clip_settings` gives them.
            weights: arrays by name, of the shapes of the model.
            where: the folder, for errors.

        Raises:
            DataError: weights are missing, too many or misshapen.
        """
        with torch.device("meta"):
            made = cls(settings)
        tensors = {name: torch.from_numpy(x) for name, x in weights.items()}
        wanted = {name: tuple(x.shape) for name, x in made.state_dict().items()}
        for name in sorted(wanted.keys() | tensors.keys()):
            own = tuple(tensors[name].shape) if name in tensors else None
            if own != wanted.get(name):
                raise DataError(
                    f"{where}: the weight {name!r} has shape {own}, not {wanted.get(name)}; the "
                    "files are incomplete or of another model than config.json"
                )
        made.load_state_dict(tensors, assign=True)
        return made.requires_grad_(True)

    def get_image_features(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Projections (B, D) of prepared pictures, not normalised.

        Args:
            pixel_values: shape (B, 3, H, W).
        """
        projected: torch.Tensor = self.visual_projection(self.vision_model(pixel_values))
        return projected

    def get_text_features(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> torch.Tensor:
        """Projections (B, D) of texts, not normalised.

        Args:
            input_ids: token ids, (B, L).
            attention_mask: 1 where a token counts, (B, L).
        """
        projected: torch.Tensor = self.text_projection(self.text_model(input_ids, attention_mask))
        return projected

    def gradient_checkpointing_enable(self, _: Mapping[str, Any]) -> None:
        """Compute activations again in the backward pass, by transformers' name for it."""
        self._recompute(True)

    def gradient_checkpointing_disable(self) -> None:
        """Keep activations for the backward pass."""
        self._recompute(False)

    def _recompute(self, on: bool) -> None:
        self.text_model.encoder.recomputes = self.vision_model.encoder.recomputes = on


class _Text(nn.Module):
    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.embeddings = _TextEmbeddings(settings)
        self.encoder = _Encoder(settings)
        width, eps = settings["hidden_size"], settings["layer_norm_eps"]
        self.final_layer_norm = nn.LayerNorm(width, eps=eps)
        self._end = settings["eos_token_id"]

    def forward(self, ids_BL: torch.Tensor, mask_BL: torch.Tensor) -> torch.Tensor:
        length = ids_BL.shape[1]
        causal_LL = torch.ones(length, length, dtype=torch.bool, device=ids_BL.device).tril()
        allowed = causal_LL & (mask_BL[:, None, None, :] > 0)
        x = self.final_layer_norm(self.encoder(self.embeddings(ids_BL), allowed))
        end_B = (ids_BL == self._end).to(torch.int32).argmax(1)
        row: torch.Tensor = x[torch.arange(x.shape[0], device=x.device), end_B]
        return row


class _TextEmbeddings(nn.Module):
    def __init__(self, settings: Settings) -> None:
        super().__init__()
        width, length = settings["hidden_size"], settings["max_position_embeddings"]
        self.token_embedding = nn.Embedding(settings["vocab_size"], width)
        self.position_embedding = nn.Embedding(length, width)

    def forward(self, ids_BL: torch.Tensor) -> torch.Tensor:
        places = self.position_embedding.weight[: ids_BL.shape[1]]
        embedded: torch.Tensor = self.token_embedding(ids_BL) + places
        return embedded


class _Vision(nn.Module):
    def __init__(self, settings: Settings) -> None:
        super().__init__()
        width, eps = settings["hidden_size"], settings["layer_norm_eps"]
        self.embeddings = _VisionEmbeddings(settings)
        self.pre_layrnorm = nn.LayerNorm(width, eps=eps)  # transformers' spelling
        self.encoder = _Encoder(settings)
        self.post_layernorm = nn.LayerNorm(width, eps=eps)

    def forward(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        x = self.encoder(self.pre_layrnorm(self.embeddings(pixels_B3HW)), None)
        row: torch.Tensor = self.post_layernorm(x[:, 0])
        return row


class _VisionEmbeddings(nn.Module):
    def __init__(self, settings: Settings) -> None:
        super().__init__()
        width, patch = settings["hidden_size"], settings["patch_size"]
        self.class_embedding = nn.Parameter(torch.zeros(width))
        channels = settings["num_channels"]
        self.patch_embedding = nn.Conv2d(channels, width, patch, stride=patch, bias=False)
        self.position_embedding = nn.Embedding((settings["image_size"] // patch) ** 2 + 1, width)

    def forward(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        patches = self.patch_embedding(pixels_B3HW).flatten(2).transpose(1, 2)
        start = self.class_embedding.expand(patches.shape[0], 1, -1)
        return torch.cat([start, patches], dim=1) + self.position_embedding.weight


class _Encoder(nn.Module):
    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(settings, block) for block in blocks_of(settings))
        self.recomputes = False

    def forward(self, x: torch.Tensor, allowed: torch.Tensor | None) -> torch.Tensor:
        for layer in self.layers:
            if self.recomputes and self.training:
                # No layer draws random numbers, so their state need not be kept.
                x = checkpoint(layer, x, allowed, use_reentrant=False, preserve_rng_state=False)
            else:
                x = layer(x, allowed)
        return x


class _Layer(nn.Module):
    def __init__(self, settings: Settings, block: Block) -> None:
        super().__init__()
        width, eps = settings["hidden_size"], settings["layer_norm_eps"]
        self.attends = block.heads > 0
        if self.attends:
            self.self_attn = _Attention(width, block)
            self.layer_norm1 = nn.LayerNorm(width, eps=eps)
        self.mlp = _Mlp(width, block.hidden, settings["hidden_act"])
        self.layer_norm2 = nn.LayerNorm(width, eps=eps)

    def forward(self, x: torch.Tensor, allowed: torch.Tensor | None) -> torch.Tensor:
        if self.attends:
            x = x + self.self_attn(self.layer_norm1(x), allowed)
        changed: torch.Tensor = x + self.mlp(self.layer_norm2(x))
        return changed


class _Attention(nn.Module):
    def __init__(self, width: int, block: Block) -> None:
        super().__init__()
        self._block, inner = block, block.inner
        self.q_proj, self.k_proj = nn.Linear(width, inner), nn.Linear(width, inner)
        self.v_proj, self.out_proj = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x: torch.Tensor, allowed: torch.Tensor | None) -> torch.Tensor:
        heads = (self._block.heads, self._block.head_dim)
        q, k, v = (
            part(x).unflatten(-1, heads).transpose(1, 2)
            for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        y = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        out: torch.Tensor = self.out_proj(y.transpose(1, 2).flatten(2))
        return out


class _Mlp(nn.Module):
    def __init__(self, width: int, hidden: int, act: str) -> None:
        super().__init__()
        if act not in _ACTIVATIONS:
            raise ConfigError(f"hidden_act = {act!r}; a pruned CLIP has {', '.join(_ACTIVATIONS)}")
        self._act = _ACTIVATIONS[act]
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        projected: torch.Tensor = self.fc2(self._act(self.fc1(x)))
        return projected
