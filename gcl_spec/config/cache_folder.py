"""The folder of outputs of frozen towers and indices of shards, all of which can be made again."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gcl_spec._files.atomic import atomic_folder, remove_stale_folders
from gcl_spec.config.options import DataConfig
from gcl_spec.config.user_paths import user_path
from gcl_spec.errors import ConfigError, FileError

__all__ = ["CACHE_OPTIONS", "cache_errors", "cache_folder", "made_once"]

CACHE_OPTIONS = "set the variable GCL_CACHE or --set data.cache=DIR to a folder for the cache"


def cache_folder(data: DataConfig) -> Path:
    """The config's `data.cache`, else $GCL_CACHE, else ~/.cache/gcl-spec.

    Raises:
        ConfigError: it is a path with `~`, and no home folder is known.
    """
    given = data.cache or os.environ.get("GCL_CACHE") or "~/.cache/gcl-spec"
    try:
        return Path(user_path(given))
    except ConfigError as error:
        raise ConfigError(f"{error}, or {CACHE_OPTIONS}") from error


@contextmanager
def cache_errors(more: str = "") -> Iterator[None]:
    """A block that writes to the cache, whose errors say how another place is chosen.

    Args:
        more: a further way out.

    Raises:
        FileError: the block raised one.
    """
    try:
        yield
    except FileError as error:
        raise FileError(f"{error}: {CACHE_OPTIONS}{more and f', {more}'}") from error


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """A folder of the cache, which `make` fills where it is not there yet.

    Raises:
        FileError: it cannot be written.
    """
    if folder.is_dir():
        # Several processes may have made it at a time, and one of them may have been killed.
        remove_stale_folders(folder)
        return folder
    try:
        with cache_errors(), atomic_folder(folder) as temporary:
            make(temporary)
    except FileError:
        if not folder.is_dir():  # otherwise another process was the first to make it
            raise
    return folder
