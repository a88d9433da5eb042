"""Retrieval tasks: queries, candidates and which belong together."""

from gcl_spec.tasks.task import Item, Task, one_content_an_id, union_pool

__all__ = [
    "Item",
    "Task",
    "one_content_an_id",
    "union_pool",
]
