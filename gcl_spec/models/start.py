"""The numbers at which the models of all backends start alike."""

from math import log

from gcl_spec.config.options import Config, ModelConfig
from gcl_spec.errors import ConfigError

__all__ = ["start_scale", "vector_widths"]


def start_scale(config: Config, own: float | None = None) -> float:
    """The log_scale at the start: the config's, or with `optim.scale = 0` the checkpoint's `own`.

    Raises:
        ConfigError: the checkpoint has none.
    """
    if config.optim.scale:
        return log(config.optim.scale)
    if own is None:
        raise ConfigError("optim.scale = 0: this checkpoint has no logit_scale; set optim.scale")
    return own


def vector_widths(model: ModelConfig) -> dict[str, int]:
    """The widths of the vectors for which an adapter is made, by modality.

    Raises:
        ConfigError: the config does not tell.
    """
    if min(model.image_vector, model.text_vector) < 1:
        raise ConfigError(
            "model.kind = 'adapter' needs the widths of its input: set model.image_vector and "
            "model.text_vector (`gcl train` reads them from the data)"
        )
    return {"image": model.image_vector, "text": model.text_vector}
