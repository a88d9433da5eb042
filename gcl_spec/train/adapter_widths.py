"""Fills in what a config leaves to its data, before anything is made of it."""

from dataclasses import replace

from gcl_spec.config.memory import check_memory
from gcl_spec.config.options import Config
from gcl_spec.config.user_paths import absolute
from gcl_spec.data.formats.vectors import VectorSource
from gcl_spec.data.open import open_source
from gcl_spec.errors import ConfigError

__all__ = ["resolved"]


def resolved(config: Config) -> Config:
    """The config with absolute paths, and with the widths of an adapter's vectors.

    Raises:
        ConfigError: there are vectors without an adapter, an adapter without vectors or for other
            ones, or an option takes more memory than there is.
        DataError: the vectors cannot be read.
    """
    check_memory(config)
    config = absolute(config)
    path = config.data.path
    if config.model.kind != "adapter":
        if path.endswith(".npz"):
            raise ConfigError(f"data.path = {path!r} holds vectors: use --recipe adapter")
        return config
    source = open_source(config.data)
    if not isinstance(source, VectorSource):
        raise ConfigError(
            f"data.path = {path!r}: an adapter is trained on vectors: an .npz file, or parquet "
            "files with columns of numbers"
        )
    widths = {f"{kind}_vector": int(x.shape[1]) for kind, x in source.vectors.items()}
    for key, width in widths.items():
        wanted = getattr(config.model, key)
        if wanted not in (0, width):
            raise ConfigError(f"model.{key} = {wanted}, but {source.name} has {width} numbers")
    if len(widths) < 2:
        raise ConfigError(f"{source.name}: an adapter needs vectors of both images and texts")
    image, text = widths["image_vector"], widths["text_vector"]
    return replace(config, model=replace(config.model, image_vector=image, text_vector=text))
