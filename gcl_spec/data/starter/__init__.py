"""The starter set: small pictures with captions and test tasks, shipped with the package."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from gcl_spec.errors import DataError

__all__ = ["starter_path"]


@lru_cache(maxsize=8)
def starter_path(folder: Path | None = None) -> Path:
    """The path of the starter archive, whose hash is first compared with the manifest, once.

    Raises:
        DataError: it is missing, cut off or altered.
    """
    folder = Path(__file__).parent if folder is None else folder
    archive, manifest = folder / "starter.zip", folder / "manifest.json"
    way_out = "reinstall gcl-spec, or rebuild it with scripts/build_starter.py"
    try:
        want = json.loads(manifest.read_text())["sha256"]
        have = hashlib.sha256(archive.read_bytes()).hexdigest()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"starter set in {folder}: {error!r}; {way_out}") from error
    if have != want:
        raise DataError(
            f"starter set {archive}: sha256 is {have[:12]}..., the manifest says {want[:12]}...; "
            f"{way_out}"
        )
    return archive
