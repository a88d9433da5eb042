"""Fills in what a config leaves to its data, before anything is made of it."""

from dataclasses import replace

from gcl_spec.config.memory import check_memory
from gcl_spec.config.options import Config
from gcl_spec.config.user_paths import absolute
from gcl_spec.data.formats.vectors import VectorSource
from gcl_spec.data.open import PAIR, open_source
from gcl_spec.errors import ConfigError
from gcl_spec.objective import given_names

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
    given = given_names(config.model.modalities)
    source = open_source(config.data, given)
    if not isinstance(source, VectorSource):
        raise ConfigError(
            f"data.path = {path!r}: an adapter is trained on vectors: an .npz file, or parquet "
            "files with columns of numbers"
        )
    widths = {kind: int(x.shape[1]) for kind, x in source.vectors.items()}
    for kind, width in widths.items():
        own = f"{kind}_vector" if kind in PAIR else f"vectors.{kind}"
        wanted = getattr(config.model, own) if kind in PAIR else config.model.vectors.get(kind, 0)
        if wanted not in (0, width):
            raise ConfigError(f"model.{own} = {wanted}, but {source.name} has {width} numbers")
    missing = [kind for kind in given if kind not in widths]
    if missing:
        raise ConfigError(
            f"{source.name}: an adapter needs vectors of {' and '.join(given)}, by "
            f"model.modalities; there are none of {' and '.join(missing)}"
        )
    model = replace(
        config.model,
        image_vector=widths.get("image", 0),
        text_vector=widths.get("text", 0),
        vectors={kind: width for kind, width in widths.items() if kind not in PAIR},
    )
    return replace(config, model=model)
