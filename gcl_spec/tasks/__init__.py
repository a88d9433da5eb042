"""Retrieval tasks: queries, candidates, and which of them belong together.

Start reading at `task`; `folder` reads tasks from files, and every further benchmark format is one
module more.
"""

from gcl_spec.tasks.task import Item, Task, columns_of, one_content_an_id, union_pool

__all__ = [
    "Item",
    "Task",
    "columns_of",
    "one_content_an_id",
    "union_pool",
]
