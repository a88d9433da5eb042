"""The numbers at which the models of all backends start alike."""

from math import log

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.config.loss_options import kind_of_scales
from gcl_spec.config.options import Config, ModelConfig, OptimConfig
from gcl_spec.config.toml import objective
from gcl_spec.errors import ConfigError
from gcl_spec.models.fusion import RATIO
from gcl_spec.objective import given_names

__all__ = [
    "IN_THE_LOSS",
    "OF_THE_LOSS",
    "start_bias",
    "start_scale",
    "start_scales",
    "vector_widths",
]

OF_THE_LOSS = ("log_scale", "logit_bias")
"""The parameters of a model that belong to its loss: they have no weight decay, and no tower."""
IN_THE_LOSS = (*OF_THE_LOSS, RATIO)
"""The parameters that the loss takes beside rows; the last is of the model, which encodes by it."""


def start_scale(optim: OptimConfig, own: float | None = None) -> float:
    """The log_scale at the start: `optim.scale`'s, or where that is 0 the checkpoint's `own`.

    Raises:
        ConfigError: the checkpoint has none.
    """
    if optim.scale:
        return log(optim.scale)
    if own is None:
        raise ConfigError("optim.scale = 0: this checkpoint has no logit_scale; set optim.scale")
    return own


def start_scales(config: Config, own: float | None = None) -> FloatArray:
    """The log_scale at the start, shape (), or one for each that `objective.scales` says.

    Raises:
        ConfigError: as `start_scale`.
    """
    rule = objective(config.objective, config.model.modalities)
    shape = () if kind_of_scales(config.objective, rule) == "one" else rule.scale_shape
    return np.full(shape, start_scale(config.optim, own), np.float32)


def start_bias(config: Config) -> FloatArray | None:
    """The shift of logits at the start, shape () or (M, M); None where there is none.

    A sigmoid has one in any case, since most pairs of rows are no positives (SigLIP, arXiv
    2303.15343, section 3.2).
    """
    rule, wanted = objective(config.objective, config.model.modalities), config.objective.bias
    if wanted == "none" and rule.loss != "sigmoid":
        return None
    count = len(rule.modalities)
    shape = (count, count) if wanted in ("pair", "share") else ()
    return np.full(shape, config.objective.bias_start, np.float32)


def vector_widths(model: ModelConfig) -> dict[str, int]:
    """The widths of the vectors for which an adapter is made, by modality.

    Raises:
        ConfigError: the config does not tell.
    """
    widths = {"image": model.image_vector, "text": model.text_vector, **model.vectors}
    given_widths = {name: widths.get(name, 0) for name in given_names(model.modalities)}
    if min(given_widths.values()) < 1:
        own = [f"{n}_vector" if n in ("image", "text") else f"vectors.{n}" for n in given_widths]
        options = " and ".join(f"model.{name}" for name in own)
        raise ConfigError(
            f"model.kind = 'adapter' needs the widths of its input: set {options} "
            "(`gcl train` reads them from the data)"
        )
    return given_widths
