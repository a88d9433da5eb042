"""The numbers at which the models of all backends start alike."""

from math import log

from gcl_spec.config.options import Config, ModelConfig
from gcl_spec.errors import ConfigError
from gcl_spec.objective import given_names

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
    widths = {"image": model.image_vector, "text": model.text_vector, **model.vectors}
    found = {name: widths.get(name, 0) for name in given_names(model.modalities)}
    if min(found.values()) < 1:
        own = [f"{n}_vector" if n in ("image", "text") else f"vectors.{n}" for n in found]
        options = " and ".join(f"model.{name}" for name in own)
        raise ConfigError(
            f"model.kind = 'adapter' needs the widths of its input: set {options} "
            "(`gcl train` reads them from the data)"
        )
    return found
