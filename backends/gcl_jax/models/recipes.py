"""The models of the recipes: two towers and their projections, or heads alone, in flax.nnx.

Dotted paths and layouts of parameters are those of `gcl_torch.models.recipes`, so that one
checkpoint serves both.
"""

from collections.abc import Collection, Mapping
from math import log
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from gcl_jax.models.lengths import in_two_lengths
from gcl_jax.models.towers.clip import Clip
from gcl_jax.models.towers.efficientnet_lite import EfficientNetLite0
from gcl_jax.models.towers.layers import Activation, LayerNorm, Linear
from gcl_jax.models.towers.minilm import MiniLM
from gcl_jax.models.towers.vista import Vista
from gcl_spec._typing import FloatArray
from gcl_spec.config.options import Config, ModelConfig
from gcl_spec.errors import ConfigError
from gcl_spec.models.draws import kept_patches
from gcl_spec.models.frames import framed, pooled_frames, seen, start_query
from gcl_spec.models.fusion import start_means, start_ratios
from gcl_spec.models.head import head_weights
from gcl_spec.models.pretrained import clip_folder
from gcl_spec.models.projecting import Projecting
from gcl_spec.models.start import start_bias, start_scales, vector_widths
from gcl_spec.models.vista import VistaRows, draws_random, joined_names, most_beside_image
from gcl_spec.models.vista_files import used_weights, vista_files
from gcl_spec.models.vista_settings import TEMPERATURE

__all__ = ["AdapterModel", "ClipModel", "LiteModel", "Model", "VistaModel", "make_model"]

Inputs = Mapping[str, jax.Array]


class Model(nnx.Module, Projecting[jax.Array]):
    """A model that projects every given modality into one space, with its temperature.

    log_scale: ln(1 / temperature), shape (), or several (`gcl_spec.objective.Objective.scales`).
    """

    log_scale: nnx.Param[jax.Array]
    max_tokens = 512

    def __call__(
        self,
        inputs: Inputs,
        wanted: Collection[str] | None = None,
        draw: jax.Array | None = None,
    ) -> dict[str, jax.Array]:
        """The projections by modality, (B, width) each (`Projecting.projections`)."""
        return self.projections(inputs, jnp.zeros_like, wanted, draw)

    def pool(self, rows: jax.Array) -> jax.Array:
        """The rows (B, width) of videos, of rows (B, frames, width) (`Projecting.pool`)."""
        query = self.frame_query[...] if hasattr(self, "frame_query") else None
        pooled: jax.Array = pooled_frames(rows, query, xp=jnp)
        return pooled

    def _see_frames(self, model: ModelConfig, start: FloatArray) -> None:
        """Take videos where the config says so; `start` (width,) is what attention starts at."""
        self.given, self.framed = seen(model), framed(model)
        if model.pool == "attention":
            self.frame_query = nnx.Param(jnp.asarray(start))

    def _start_scale(
        self, config: Config, own: float | None = None, folder: Path | None = None
    ) -> None:
        """Make the parameters of the loss; `folder` is a checkpoint, `own` its log_scale."""
        self.log_scale = nnx.Param(jnp.asarray(start_scales(config, own)))
        bias = start_bias(config)
        if bias is not None:
            self.logit_bias = nnx.Param(jnp.asarray(bias))
        ratios = start_ratios(config.model, folder)
        if ratios is not None:
            self.log_fuse_ratio = nnx.Param(jnp.asarray(ratios))


def make_model(config: Config) -> Model:
    """The model of `config.model.kind`, whose new weights are drawn from `config.train.seed`.

    Raises:
        ConfigError: an option is for PyTorch only.
    """
    if config.model.lora:
        raise ConfigError("model.lora is for --backend torch")
    if config.train.shard:
        raise ConfigError("train.shard is for --backend torch")
    kinds: dict[str, type[LiteModel | ClipModel | VistaModel | AdapterModel]] = {
        "lite": LiteModel,
        "clip": ClipModel,
        "vista": VistaModel,
        "adapter": AdapterModel,
    }
    model = kinds[config.model.kind](config)
    for name, x in start_means(config.model, model.given, model.width).items():
        setattr(model, name, nnx.BatchStat(jnp.asarray(x)))
    if config.train.checkpointing:
        model.checkpointing()
    return model


class _Heads(Model):
    def __init__(self, config: Config, widths: Mapping[str, int]) -> None:
        self.given, self.width = tuple(widths), config.model.width
        for name, width in widths.items():
            setattr(self, f"{name}_head", _head(f"{name}_head", width, config))
        self._start_scale(config)
        self._dropout = config.model.dropout
        self.draws = self._dropout > 0

    def project(self, name: str, features: jax.Array, draw: jax.Array | None = None) -> jax.Array:
        """Projections (B, width) by the head of a modality, with dropout of what it standardises.

        Args:
            name: the modality.
            features: the outputs (B, F) of its tower.
            draw: a key, shape (), in training; None in evaluation.
        """
        standardise, *layers = getattr(self, f"{name}_head")
        x: jax.Array = standardise(features)
        if self.draws and draw is not None:
            key = jax.random.fold_in(draw, self.given.index(name))
            kept = jax.random.bernoulli(key, 1 - self._dropout, x.shape)
            x = jnp.where(kept, x / (1 - self._dropout), 0)
        for layer in layers:
            x = layer(x)
        return x


class LiteModel(_Heads):
    """EfficientNet-Lite0 and MiniLM, pretrained, with a projection head each.

    A frozen tower is not part of the model, which then wants its outputs: `frozen_tower`.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config, {"image": EfficientNetLite0.width, "text": MiniLM.width})
        self._see_frames(config.model, np.zeros(config.model.width, np.float32))
        self.max_tokens = config.model.max_tokens
        for name in ("image", "text"):
            if not config.model.freezes(name):
                setattr(self, f"{name}_tower", frozen_tower(name))

    def tower_output(self, name: str, inputs: Inputs) -> jax.Array | None:
        """The output (B, F) of a tower (`Projecting.tower_output`)."""
        tower = getattr(self, f"{name}_tower", None)
        return None if tower is None else run_tower(tower, name, inputs)

    def checkpointing(self) -> None:
        """Compute activations of the towers again in backward (`Projecting.checkpointing`)."""
        for name in ("image", "text"):
            if hasattr(self, f"{name}_tower"):
                getattr(self, f"{name}_tower").checkpointing()


def frozen_tower(name: str) -> EfficientNetLite0 | MiniLM:
    """The pretrained tower of `lite` for "image" or "text"."""
    return EfficientNetLite0.pretrained() if name == "image" else MiniLM.pretrained()


def run_tower(tower: Any, name: str, inputs: Inputs) -> jax.Array | None:
    """The output (B, F) of a modality's tower for pixels or tokens; None where there are none."""
    if name == "text" and "text/input_ids" in inputs:
        return in_two_lengths(tower, inputs)
    if name == "image" and "image/pixels" in inputs:
        features: jax.Array = tower(inputs["image/pixels"])
        return features
    return None


class AdapterModel(_Heads):
    """Heads on vectors of any models, whose widths the config tells."""

    def __init__(self, config: Config) -> None:
        super().__init__(config, vector_widths(config.model))

    def tower_output(self, name: str, inputs: Inputs) -> jax.Array | None:
        """None, since there are no towers: only vectors (B, F) go in."""
        return None


class ClipModel(Model):
    """Two towers of a checkpoint in the hub's format, projections included.

    A frozen tower stays in the parameters, so that a run's checkpoint needs no other folder.
    """

    def __init__(self, config: Config) -> None:
        folder = clip_folder(config)
        self.clip = Clip.from_folder(folder)
        self.width = self.clip.width
        self._see_frames(config.model, start_query(folder, self.width))
        self._start_scale(config, self.clip.checkpoint_log_scale, folder)
        self.max_tokens = self.clip.max_tokens

    def project(self, name: str, features: jax.Array, draw: jax.Array | None = None) -> jax.Array:
        """The features (B, width) themselves, because the towers' outputs are projections.

        Args:
            name: the modality.
            features: the outputs of its tower, (B, width).
            draw: unused, shape (); there is no dropout here.
        """
        return features

    def tower_output(self, name: str, inputs: Inputs) -> jax.Array | None:
        """The output (B, F) of a tower (`Projecting.tower_output`)."""
        if name == "image" and "image/pixel_values" in inputs:
            return self.clip.image(inputs["image/pixel_values"])
        if name == "text" and "text/input_ids" in inputs:
            return in_two_lengths(self.clip.text, inputs)
        return None

    def checkpointing(self) -> None:
        """Compute activations of the towers again in backward (`Projecting.checkpointing`)."""
        self.clip.checkpointing(True)


class VistaModel(Model, VistaRows[jax.Array]):
    """VISTA: pictures, texts, and pictures beside texts in one encoder.

    A frozen part stays in the parameters, so that a run's checkpoint needs no other folder.
    """

    def __init__(self, config: Config) -> None:
        files, model = vista_files(config), config.model
        self.width = files.settings.sizes.width
        self.vista = Vista(files.settings, files.marks, dropout=model.dropout)
        self.vista.load(used_weights(files), str(files.weights))
        self._start_scale(config, -log(TEMPERATURE), files.folder)
        self.joined, self.draws = joined_names(model), draws_random(model)
        self.max_tokens = min(model.max_tokens, files.settings.most_tokens)
        self._most = most_beside_image(model, files.settings)
        patches = files.settings.sizes.patches
        self._kept = kept_patches(patches, model.patch_dropout) if model.patch_dropout else 0

    def image_tokens(self, pixels: jax.Array, draw: jax.Array | None) -> jax.Array:
        """The tokens (B, K, W) of pictures (`VistaRows.image_tokens`).

        Args:
            pixels: prepared pictures, (B, 3, H, W).
            draw: a key, shape (), from which patches are drawn in training.
        """
        keep = None
        if draw is not None and self._kept:
            shape = (len(pixels), self.vista.settings.sizes.patches)
            drawn = jax.random.uniform(jax.random.fold_in(draw, 0), shape)
            keep = jnp.argsort(drawn, axis=1)[:, : self._kept]
        tokens: jax.Array = self.vista.image_tokens(pixels, keep)
        return tokens

    def cut(self, ids: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Token ids and mask (B, L) of texts as they stand beside a picture (`VistaRows.cut`).

        Args:
            ids: the tokens, (B, L).
            mask: which of them are no padding, (B, L).
        """
        if ids.shape[1] <= self._most:
            return ids, mask
        end = jnp.where(mask[:, self._most] > 0, self.vista.marks[1], ids[:, self._most - 1])
        kept = jnp.concatenate([ids[:, : self._most - 1], end[:, None]], axis=1)
        return kept, mask[:, : self._most]

    def drawn(self, draw: jax.Array | None, use: int) -> dict[str, Any]:
        """The key, shape (), of one of several uses of `draw`, shape () (`VistaRows.drawn`)."""
        return {"key": None if draw is None else jax.random.fold_in(draw, use)}

    def checkpointing(self) -> None:
        """Compute activations of the towers again in backward (`Projecting.checkpointing`)."""
        self.vista.checkpointing()


def _head(name: str, inputs: int, config: Config) -> nnx.List[Any]:
    model = config.model
    weights = head_weights(name, inputs, model.hidden, model.width, config.train.seed)
    layers = nnx.List(
        [
            LayerNorm(inputs, affine=False),
            Linear(inputs, model.hidden),
            Activation("gelu"),
            Linear(model.hidden, model.width),
        ]
    )
    for key, x in weights.items():
        place, _, attribute = key.partition(".")
        setattr(layers[int(place)], attribute, nnx.Param(jnp.asarray(x)))
    return layers
