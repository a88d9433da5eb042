"""The searches that a run is evaluated on: tasks in a folder, or among vectors."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gcl_spec.config.options import ModelConfig
from gcl_spec.data.root import Root, open_root
from gcl_spec.tasks.folder import folder_of_tasks, read_tasks
from gcl_spec.tasks.task import Task, answerable

__all__ = ["Searches", "searches_of"]


class Searches(NamedTuple):
    """Tasks, and where their pictures lie."""

    root: Root
    tasks: Sequence[Task]
    notes: tuple[str, ...]
    """Lines on what is left out."""


def searches_of(model: ModelConfig, data: Path | None = None) -> Searches:
    """The tasks whose items a model gives embeddings of.

    Args:
        model: the options of a model, not of an adapter, which searches among vectors
            (`gcl_spec.run.loaded.vector_searches`).
        data: a folder or zip of tasks; those of the starter set when not given.

    Raises:
        DataError: there are none, or they are malformed.
    """
    root = open_root("starter" if data is None else data)
    tasks = read_tasks(root, folder_of_tasks(root) or "")
    tasks, left_out = answerable(tasks, model.modalities)
    return Searches(root, tasks, (*left_out, *(note for task in tasks for note in task.notes)))
