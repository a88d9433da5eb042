"""Picks a few queries of every kind, with what they find in the global pool, to look at."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gcl_spec._typing import FloatArray
from gcl_spec.search.top_k import top_k
from gcl_spec.tasks.task import Item, Task, one_content_an_id, union_pool

__all__ = ["Example", "examples"]

_PER_KIND = 3
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Example:
    """A query, the best candidates, and whether each is relevant."""

    kind: str
    query: Item
    found: tuple[Item, ...]
    relevant: tuple[bool, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists; `from_json` gives the example back."""
        nearest = [item.to_json() for item in self.found]
        query, relevant = self.query.to_json(), list(self.relevant)
        return {"kind": self.kind, "query": query, "found": nearest, "relevant": relevant}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Example":
        """The example that `to_json` wrote."""
        nearest = tuple(Item(**item) for item in data["found"])
        return cls(data["kind"], Item(**data["query"]), nearest, tuple(data["relevant"]))


def examples(
    encode: Callable[[Sequence[Item]], FloatArray], tasks: Sequence[Task]
) -> list[Example]:
    """Three evenly spread queries of the first task of each kind, the same at every call."""
    tasks = one_content_an_id(tasks)
    pool = union_pool(tasks)
    first: dict[str, Task] = {}
    for task in tasks:
        first.setdefault(task.kind, task)
    chosen = [(task, task.queries[n]) for task in first.values() for n in _spread(task)]
    z_ND = encode([*(query for _, query in chosen), *pool])
    numbers = top_k(z_ND[: len(chosen)], z_ND[len(chosen) :], _SHOWN).ids_QK
    made = []
    for (task, query), row in zip(chosen, numbers, strict=True):
        nearest = tuple(pool[n] for n in row)
        hits = tuple(item.id in task.qrels[query.id] for item in nearest)
        made.append(Example(task.kind, query, nearest, hits))
    return made


def _spread(task: Task) -> list[int]:
    count = min(_PER_KIND, len(task.queries))
    return [(2 * n + 1) * len(task.queries) // (2 * count) for n in range(count)]
