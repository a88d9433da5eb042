"""Where things that can be made again are kept."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gcl_spec._paths import user_path
from gcl_spec.config import DataConfig
from gcl_spec.errors import CheckpointError, ConfigError

__all__ = ["CACHE_OPTIONS", "cache_errors", "cache_folder"]

CACHE_OPTIONS = "set the variable GCL_CACHE or --set data.cache=DIR to a folder for the cache"


def cache_folder(data: DataConfig) -> Path:
    """The config's `data.cache`, else $GCL_CACHE, else ~/.cache/gcl-spec."""
    given = data.cache or os.environ.get("GCL_CACHE") or "~/.cache/gcl-spec"
    try:
        return Path(user_path(given))
    except ConfigError as error:
        raise ConfigError(f"{error}, or {CACHE_OPTIONS}") from error


@contextmanager
def cache_errors() -> Iterator[None]:
    """Errors on writing to the cache say how another place is chosen."""
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(f"{error}: {CACHE_OPTIONS}") from error
