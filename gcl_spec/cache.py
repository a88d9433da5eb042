"""Where things that can be made again are kept."""

import os
from pathlib import Path

from gcl_spec.config import DataConfig

__all__ = ["cache_folder"]


def cache_folder(data: DataConfig) -> Path:
    """The config's `data.cache`, else $GCL_CACHE, else ~/.cache/gcl-spec."""
    default = os.environ.get("GCL_CACHE") or Path.home() / ".cache" / "gcl-spec"
    return Path(data.cache or default).expanduser()
