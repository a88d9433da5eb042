"""The models of the recipes: two towers and their projections, or heads alone, in flax.nnx.

Dotted paths and layouts of parameters are those of `gcl_torch.models.recipes`, so that one
checkpoint serves both.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from gcl_jax.models.towers.clip import Clip
from gcl_jax.models.towers.efficientnet_lite import EfficientNetLite0
from gcl_jax.models.towers.layers import Activation, LayerNorm, Linear
from gcl_jax.models.towers.minilm import MiniLM
from gcl_spec.config.options import Config
from gcl_spec.errors import ConfigError
from gcl_spec.models.head import head_weights
from gcl_spec.models.pretrained import clip_folder
from gcl_spec.models.projecting import Projecting
from gcl_spec.models.start import start_scale, vector_widths

__all__ = ["AdapterModel", "ClipModel", "LiteModel", "Model", "make_model"]

Inputs = Mapping[str, jax.Array]


class Model(nnx.Module, Projecting[jax.Array]):
    """A model that projects every given modality into one space, with its temperature.

    log_scale: ln(1 / temperature), shape ().
    """

    log_scale: nnx.Param[jax.Array]
    max_tokens = 512

    def __call__(self, inputs: Inputs) -> dict[str, jax.Array]:
        """The projections by modality, (B, width) each (`Projecting.projections`)."""
        return self.projections(inputs, jnp.zeros_like)

    def _start_scale(self, config: Config, own: float | None = None) -> None:
        self.log_scale = nnx.Param(jnp.asarray(start_scale(config, own), jnp.float32))


def make_model(config: Config) -> Model:
    """The model of `config.model.kind`, whose new weights are drawn from `config.train.seed`.

    Raises:
        ConfigError: an option is for PyTorch only.
    """
    if config.model.lora:
        raise ConfigError("model.lora is for --backend torch")
    if config.train.shard:
        raise ConfigError("train.shard is for --backend torch")
    kinds: dict[str, type[LiteModel | ClipModel | AdapterModel]] = {
        "lite": LiteModel,
        "clip": ClipModel,
        "adapter": AdapterModel,
    }
    model = kinds[config.model.kind](config)
    if config.train.checkpointing:
        model.checkpointing()
    return model


class _Heads(Model):
    def __init__(self, config: Config, widths: Mapping[str, int]) -> None:
        self.given = tuple(widths)
        for name, width in widths.items():
            setattr(self, f"{name}_head", _head(f"{name}_head", width, config))
        self._start_scale(config)

    def project(self, name: str, features: jax.Array) -> jax.Array:
        """Projections (B, width) by the head of a modality."""
        x = features
        for layer in getattr(self, f"{name}_head"):
            x = layer(x)
        return x


class LiteModel(_Heads):
    """EfficientNet-Lite0 and MiniLM, pretrained, with a projection head each.

    A frozen tower is not part of the model, which then wants its outputs: `frozen_tower`.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config, {"image": EfficientNetLite0.width, "text": MiniLM.width})
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
    wanted = _INPUTS[name]
    if wanted[0] not in inputs:
        return None
    found: jax.Array = tower(*(inputs[key] for key in wanted))
    return found


_INPUTS = {
    "image": ("image/pixels",),
    "text": ("text/input_ids", "text/attention_mask"),
}


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
        self.clip = Clip.from_folder(clip_folder(config))
        self._start_scale(config, self.clip.checkpoint_log_scale)
        self.max_tokens = self.clip.max_tokens

    def project(self, name: str, features: jax.Array) -> jax.Array:
        """The features (B, width) themselves, because the towers' outputs are projections."""
        return features

    def tower_output(self, name: str, inputs: Inputs) -> jax.Array | None:
        """The output (B, F) of a tower (`Projecting.tower_output`)."""
        if name == "image" and "image/pixel_values" in inputs:
            return self.clip.image(inputs["image/pixel_values"])
        if name == "text" and "text/input_ids" in inputs:
            return self.clip.text(inputs["text/input_ids"], inputs["text/attention_mask"])
        return None

    def checkpointing(self) -> None:
        """Compute activations of the towers again in backward (`Projecting.checkpointing`)."""
        self.clip.checkpointing(True)


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
