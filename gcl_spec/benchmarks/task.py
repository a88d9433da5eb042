"""A retrieval task: queries, candidates, and which are relevant to which."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gcl_spec.errors import DataError

__all__ = ["Item", "Task", "union_pool"]


@dataclass(frozen=True, slots=True)
class Item:
    """A query or a candidate: an image (a path under the data's root), a text, or both."""

    id: str
    image: str | None = None
    text: str | None = None

    @property
    def modality(self) -> str:
        """ "image", "text" or "image+text"."""
        if self.image is not None and self.text is not None:
            return "image+text"
        return "image" if self.image is not None else "text"


@dataclass(frozen=True, slots=True)
class Task:
    """One search; `qrels` maps a query's id to the ids of its relevant candidates."""

    name: str
    queries: tuple[Item, ...]
    candidates: tuple[Item, ...]
    qrels: Mapping[str, frozenset[str]]

    def __post_init__(self) -> None:
        """`DataError` for double ids, and for qrels that do not fit queries and candidates."""
        for side, items in (("queries", self.queries), ("candidates", self.candidates)):
            if len({item.id for item in items}) != len(items) or not items:
                raise DataError(f"task {self.name}: its {side} are none, or share an id")
        if self.qrels.keys() != {item.id for item in self.queries}:
            raise DataError(f"task {self.name}: qrels must have each query once, and no others")
        known = {item.id for item in self.candidates}
        for query, found in self.qrels.items():
            if not found or not found <= known:
                raise DataError(
                    f"task {self.name}: query {query!r} needs relevant candidates, all of them "
                    "among the task's"
                )

    @property
    def kind(self) -> str:
        """Such as "text->image"; "mixed" where one side has several modalities."""
        asked = {item.modality for item in self.queries}
        found = {item.modality for item in self.candidates}
        if len(asked) > 1 or len(found) > 1:
            return "mixed"
        return f"{next(iter(asked))}->{next(iter(found))}"


def union_pool(tasks: Iterable[Task]) -> tuple[Item, ...]:
    """The global pool: the candidates of all tasks, each id once.

    Raises:
        DataError: one id stands for different contents.
    """
    pool: dict[str, Item] = {}
    for task in tasks:
        for item in task.candidates:
            if pool.setdefault(item.id, item) != item:
                raise DataError(
                    f"task {task.name}: candidate {item.id!r} has another content in another task; "
                    "the global pool needs one content an id"
                )
    return tuple(pool.values())
