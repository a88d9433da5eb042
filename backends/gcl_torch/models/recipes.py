"""The models of the recipes: two towers and their projections, or heads alone, in PyTorch."""

from collections.abc import Collection, Mapping
from math import log
from pathlib import Path

import numpy as np
import torch
from array_api_compat import torch as torch_namespace
from torch import nn

from gcl_spec._typing import FloatArray
from gcl_spec.config.options import Config, ModelConfig
from gcl_spec.models.draws import kept_patches
from gcl_spec.models.frames import framed, pooled_frames, seen, start_query
from gcl_spec.models.fusion import RATIO, start_means, start_ratios
from gcl_spec.models.head import head_weights
from gcl_spec.models.pretrained import clip_folder
from gcl_spec.models.projecting import Projecting
from gcl_spec.models.start import start_bias, start_scales, vector_widths
from gcl_spec.models.vista import VistaRows, draws_random, joined_names, most_beside_image
from gcl_spec.models.vista_files import used_weights, vista_files
from gcl_spec.models.vista_settings import TEMPERATURE
from gcl_torch.models.towers.clip import ClipTowers
from gcl_torch.models.towers.efficientnet_lite import EfficientNetLite0
from gcl_torch.models.towers.minilm import MiniLM
from gcl_torch.models.towers.vista import Vista
from gcl_torch.models.undrawn import undrawn

__all__ = ["AdapterModel", "ClipModel", "LiteModel", "Model", "VistaModel", "make_model"]

Inputs = Mapping[str, torch.Tensor]


class Model(nn.Module, Projecting[torch.Tensor]):
    """A model that projects every given modality into one space, with its temperature."""

    log_scale: nn.Parameter
    logit_bias: nn.Parameter | None
    log_fuse_ratio: nn.Parameter | None
    frame_query: nn.Parameter | None

    def forward(
        self, inputs: Inputs, wanted: Collection[str] | None = None
    ) -> dict[str, torch.Tensor]:
        """The projections by modality, (B, width) each (`Projecting.projections`)."""
        return self.projections(inputs, torch.zeros_like, wanted)

    def pool(self, rows: torch.Tensor) -> torch.Tensor:
        """The rows (B, width) of videos, of rows (B, frames, width) (`Projecting.pool`)."""
        pooled: torch.Tensor = pooled_frames(rows, self.frame_query, xp=torch_namespace)
        return pooled

    def _see_frames(self, model: ModelConfig, start: FloatArray) -> None:
        """Take videos where the config says so; `start` (width,) is what attention starts at."""
        self.given, self.framed = seen(model), framed(model)
        query = nn.Parameter(torch.from_numpy(start)) if model.pool == "attention" else None
        self.register_parameter("frame_query", query)

    def _start_scale(
        self, config: Config, own: float | None = None, folder: Path | None = None
    ) -> None:
        """Make the parameters of the loss; `folder` is a checkpoint, `own` its log_scale."""
        scale, bias = torch.from_numpy(start_scales(config, own)), start_bias(config)
        self.log_scale = nn.Parameter(scale, requires_grad=config.optim.learn_scale)
        given = None if bias is None else torch.from_numpy(bias)
        learns = config.optim.learn_bias
        parameter = None if given is None else nn.Parameter(given, requires_grad=learns)
        self.register_parameter("logit_bias", parameter)
        ratios = start_ratios(config.model, folder)
        learned = None if ratios is None else nn.Parameter(torch.from_numpy(ratios))
        self.register_parameter(RATIO, learned)


def make_model(config: Config) -> Model:
    """The model of `config.model.kind`, whose new weights are drawn from `config.train.seed`."""
    kinds: dict[str, type[LiteModel | ClipModel | VistaModel | AdapterModel]] = {
        "lite": LiteModel,
        "clip": ClipModel,
        "vista": VistaModel,
        "adapter": AdapterModel,
    }
    model = kinds[config.model.kind](config)
    for name, x in start_means(config.model, model.given, model.width).items():
        model.register_buffer(name, torch.from_numpy(x))
    if config.train.checkpointing:
        model.checkpointing()
    return model


class _Heads(Model):
    def __init__(self, config: Config, widths: Mapping[str, int]) -> None:
        super().__init__()
        self.given, self.width = tuple(widths), config.model.width
        for name, width in widths.items():
            setattr(self, f"{name}_head", _head(f"{name}_head", width, config))
        self._start_scale(config)
        self._dropout = config.model.dropout
        self.draws = self._dropout > 0

    def project(
        self, name: str, features: torch.Tensor, draw: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Projections (B, width) by the head of a modality, with dropout of what it standardises.

        Args:
            name: the modality.
            features: the outputs (B, F) of its tower.
            draw: unused, shape (); torch has a state of its own.
        """
        head = getattr(self, f"{name}_head")
        standardised = head[0](features)
        if self.draws and self.training:
            standardised = nn.functional.dropout(standardised, self._dropout)
        projected: torch.Tensor = head[1:](standardised)
        return projected


class LiteModel(_Heads):
    """EfficientNet-Lite0 and MiniLM, pretrained, with a projection head each.

    Frozen towers are loaded when they are first needed, which with cached outputs is never, and are
    not part of the parameters.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config, {"image": EfficientNetLite0.width, "text": MiniLM.width})
        self._see_frames(config.model, np.zeros(config.model.width, np.float32))
        self._frozen: dict[str, nn.Module] = {}
        if not config.model.freezes("image"):
            self.image_tower = EfficientNetLite0.pretrained()
        if not config.model.freezes("text"):
            self.text_tower = MiniLM()

    def tower_output(self, name: str, inputs: Inputs) -> torch.Tensor | None:
        """The output (B, F) of a tower (`Projecting.tower_output`)."""
        if name == "image" and "image/pixels" in inputs:
            pooled: torch.Tensor = self._tower("image")(inputs["image/pixels"])
            return pooled
        if name == "text" and "text/input_ids" in inputs:
            ids, mask = inputs["text/input_ids"], inputs["text/attention_mask"]
            mean: torch.Tensor = self._tower("text")(ids, mask)
            return mean
        return None

    def checkpointing(self) -> None:
        """Compute activations of the towers again in backward (`Projecting.checkpointing`)."""
        for tower in self.children():
            if isinstance(tower, EfficientNetLite0 | MiniLM):
                tower.checkpointing()

    def _tower(self, name: str) -> nn.Module:
        if hasattr(self, f"{name}_tower"):
            tower: nn.Module = getattr(self, f"{name}_tower")
            return tower
        if name not in self._frozen:
            made: nn.Module = (
                EfficientNetLite0.pretrained().folded() if name == "image" else MiniLM()
            )
            # A plain dict holds it, because a frozen tower belongs to its package, not to the
            # parameters.
            self._frozen[name] = made.to(self.log_scale.device).requires_grad_(False)
        return self._frozen[name]


class AdapterModel(_Heads):
    """Heads on vectors of any models, whose widths the config tells."""

    def __init__(self, config: Config) -> None:
        super().__init__(config, vector_widths(config.model))

    def tower_output(self, name: str, inputs: Inputs) -> torch.Tensor | None:
        """None, since there are no towers: only vectors (B, F) go in."""
        return None


class ClipModel(Model):
    """Two towers of a checkpoint in the hub's format, projections included.

    A frozen tower stays in the parameters, so that a run's checkpoint needs no other folder.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        folder = clip_folder(config)
        self.clip = ClipTowers.from_folder(folder)
        self.width = self.clip.width
        self._see_frames(config.model, start_query(folder, self.width))
        self._start_scale(config, self.clip.checkpoint_log_scale, folder)
        for name in ("image", "text"):
            if config.model.freezes(name):
                for beginning in {"image": ("vision", "visual"), "text": ("text",)}[name]:
                    _freeze_parts(self.clip, beginning)

    def project(
        self, name: str, features: torch.Tensor, draw: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The features (B, width) themselves, because the towers' outputs are projections.

        Args:
            name: the modality.
            features: the outputs of its tower, (B, width).
            draw: unused, shape (); there is no dropout here.
        """
        return features

    def tower_output(self, name: str, inputs: Inputs) -> torch.Tensor | None:
        """The output (B, F) of a tower (`Projecting.tower_output`)."""
        if name == "image" and "image/pixel_values" in inputs:
            return self.clip.image(inputs["image/pixel_values"])
        if name == "text" and "text/input_ids" in inputs:
            return self.clip.text(inputs["text/input_ids"], inputs["text/attention_mask"])
        return None

    def checkpointing(self) -> None:
        """Compute activations of the towers again in backward (`Projecting.checkpointing`)."""
        self.clip.checkpointing(True)


class VistaModel(Model, VistaRows[torch.Tensor]):
    """VISTA: pictures, texts, and pictures beside texts in one encoder.

    A frozen part stays in the parameters, so that a run's checkpoint needs no other folder.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        files, model = vista_files(config), config.model
        self.width = files.settings.sizes.width
        self.vista = Vista(files.settings, files.marks, dropout=model.dropout)
        self.vista.load(used_weights(files))
        self._start_scale(config, -log(TEMPERATURE), files.folder)
        self.joined, self.draws = joined_names(model), draws_random(model)
        self._most = most_beside_image(model, files.settings)
        patches = files.settings.sizes.patches
        self._kept = kept_patches(patches, model.patch_dropout) if model.patch_dropout else 0
        for name, part in (("image", "model_visual"), ("text", "bge_")):
            if model.freezes(name):
                _freeze_parts(self.vista, part)

    def image_tokens(self, pixels: torch.Tensor, draw: torch.Tensor | None) -> torch.Tensor:
        """The tokens (B, K, W) of pictures (`VistaRows.image_tokens`).

        Args:
            pixels: prepared pictures, (B, 3, H, W).
            draw: unused, shape (); torch has a state of its own.
        """
        keep = None
        if self.training and self._kept:
            drawn = torch.rand(len(pixels), self.vista.settings.sizes.patches, device=pixels.device)
            keep = drawn.argsort(dim=1)[:, : self._kept]
        tokens: torch.Tensor = self.vista.image_tokens(pixels, keep)
        return tokens

    def cut(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids and mask (B, L) of texts as they stand beside a picture (`VistaRows.cut`).

        Args:
            ids: the tokens, (B, L).
            mask: which of them are no padding, (B, L).
        """
        # There is no branch here, so that an exported graph takes texts of any length.
        longer = mask[:, self._most :].sum(dim=1) > 0
        kept = ids[:, : self._most]
        end = torch.where(longer, self.vista.marks[1], kept[:, -1])
        return torch.cat([kept[:, :-1], end[:, None]], dim=1), mask[:, : self._most]

    def checkpointing(self) -> None:
        """Compute activations of the towers again in backward (`Projecting.checkpointing`)."""
        self.vista.checkpointing()


def _freeze_parts(module: nn.Module, beginning: str) -> None:
    for name, part in module.named_children():
        if name.startswith(beginning):
            part.requires_grad_(False)


def _head(name: str, inputs: int, config: Config) -> nn.Sequential:
    model = config.model
    with undrawn():
        layers = nn.Sequential(
            nn.LayerNorm(inputs, elementwise_affine=False),
            nn.Linear(inputs, model.hidden),
            nn.GELU(),
            nn.Linear(model.hidden, model.width),
        )
    weights = head_weights(name, inputs, model.hidden, model.width, config.train.seed)
    layers.load_state_dict({key: torch.from_numpy(x) for key, x in weights.items()})
    return layers
