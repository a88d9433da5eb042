"""Opens an index by the path that a user names."""

import os
from pathlib import Path

from gcl_spec.config.user_paths import user_path
from gcl_spec.index.index import Index
from gcl_spec.index.used import Used

__all__ = ["open_index"]


def open_index(
    path: str | os.PathLike[str],
    *,
    run: str | os.PathLike[str] | None = None,
    backend: str = "torch",
    device: str | None = None,
    step: str = "newest",
    allow_unverified: bool = False,
    store: str | None = None,
) -> Index:
    """An index that `gcl index` has made.

    Args:
        path: its folder.
        run: the folder of its run, where that was moved.
        backend: the name of a training backend.
        device: one of the backend's devices; its first when not given.
        step: which checkpoint of the run.
        allow_unverified: take runs of older versions, which have no checksums, and edited files.
        store: search in the copy that `gcl index INDEX --store` has made on a Qdrant server, such
            as qdrant://HOST/COLLECTION.

    Raises:
        DataError: there is no index, or it is of another version's format; or there is no such
            copy, or it is of another model.
        FileError: the server cannot be reached.
    """
    where = None if run is None else Path(user_path(os.fspath(run)))
    used = Used(backend, device, step, allow_unverified)
    return Index(Path(user_path(os.fspath(path))), where, used, store=store)
