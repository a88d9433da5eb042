"""`gcl eval --trec`: runs and judgements in a new folder."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gcl_spec.errors import ConfigError
from gcl_spec.tasks.task import Task

if TYPE_CHECKING:
    from gcl_spec.evaluate.trec_folder import TrecFolder

__all__ = ["check_trec", "trec_folder"]


def check_trec(path: Path | None) -> None:
    """Refuse a folder that is there already, before the work is done whose result goes there.

    Raises:
        ConfigError: there is something at `path`.
    """
    if path is not None and os.path.lexists(path):
        raise ConfigError(f"--trec {path}: it exists; choose a new folder, or remove it")


@contextmanager
def trec_folder(path: Path | None, tasks: Sequence[Task]) -> "Iterator[TrecFolder | None]":
    """Give the block what writes TREC's files; they appear together when the block ends well.

    Args:
        path: the folder; None where none is wanted.
        tasks: those that will be evaluated.

    Raises:
        DataError: an id cannot stand in such a file.
    """
    if path is None:
        yield None
        return
    from gcl_spec._files.atomic import atomic_folder
    from gcl_spec.evaluate.trec_folder import TrecFolder
    from gcl_spec.tasks.task import one_content_an_id
    from gcl_spec.tasks.trec import check_ids

    check_ids(one_content_an_id(tasks))
    with atomic_folder(path) as temporary:
        yield TrecFolder(temporary, path.name)
