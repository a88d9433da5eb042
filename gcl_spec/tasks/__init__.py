"""Retrieval tasks: queries, candidates, and which of them belong together.

Start reading at `task`; `formats` names the formats in which tasks are read, a module each. `peers`
computes the numbers of the published benchmarks' own code.
"""

from gcl_spec.tasks.task import Item, Task, columns_of, one_content_an_id, union_pool

__all__ = [
    "Item",
    "Task",
    "columns_of",
    "one_content_an_id",
    "union_pool",
]
