"""A retrieval task: queries, candidates, and which are relevant to which."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gcl_spec.errors import DataError
from gcl_spec.objective import in_order, name_parts, same_parts

__all__ = ["MIXED", "Item", "Task", "answerable", "columns_of", "one_content_an_id", "union_pool"]

MIXED = "mixed"
"""The kind of a search whose queries, or candidates, have several modalities."""


@dataclass(frozen=True, slots=True, init=False)
class Item:
    """A query or a candidate: an image (a path under the data's root), a text, or several parts.

    >>> Item("1", text="a dog", image="dog.png") == Item("1", "dog.png", "a dog")
    True
    >>> Item("2", audio="bark.wav", text="a dog").modality
    'audio+text'
    """

    id: str
    content: tuple[tuple[str, str], ...]
    """Pairs of a given modality that it has and its text or reference, by name."""

    def __init__(
        self, id: str, image: str | None = None, text: str | None = None, **others: str | None
    ) -> None:
        parts = {"image": image, "text": text, **others}
        known = sorted((name, value) for name, value in parts.items() if value is not None)
        object.__setattr__(self, "id", id)
        object.__setattr__(self, "content", tuple(known))

    def get(self, modality: str) -> str | None:
        """Its text, or the reference of its part of a given modality; None where it has none."""
        return dict(self.content).get(modality)

    @property
    def image(self) -> str | None:
        """The path of its picture."""
        return self.get("image")

    @property
    def text(self) -> str | None:
        """Its text."""
        return self.get("text")

    @property
    def modality(self) -> str:
        """The names of its parts in alphabetical order, such as "text" or "image+text"."""
        return "+".join(name for name, _ in self.content)

    def renamed(self, id: str) -> "Item":
        """The same content under another id."""
        return Item(id, **dict(self.content))

    def to_json(self) -> dict[str, Any]:
        """The id and the parts by name; `Item(**...)` of it gives the item back."""
        return {"id": self.id, **dict(self.content)}


@dataclass(frozen=True, slots=True)
class Task:
    """One search; `qrels` maps a query's id to the ids of its relevant candidates."""

    name: str
    queries: tuple[Item, ...]
    candidates: tuple[Item, ...]
    qrels: Mapping[str, frozenset[str]]
    notes: tuple[str, ...] = field(default=(), compare=False)
    """Texts on what its files hold that is not used."""

    def __post_init__(self) -> None:
        """Raise a `DataError` for double ids, and for qrels that fit no query or candidate."""
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
        """The kind of search, such as "text->image"; `MIXED` where a side has several ones."""
        asked = {item.modality for item in self.queries}
        found = {item.modality for item in self.candidates}
        if len(asked) > 1 or len(found) > 1:
            return MIXED
        return f"{next(iter(asked))}->{next(iter(found))}"


def columns_of(items: Sequence[Item]) -> dict[str, list[str | None]]:
    """The parts of items by modality, with None where an item has none.

    >>> columns_of([Item("1", text="a dog"), Item("2", "dog.png")])
    {'image': [None, 'dog.png'], 'text': ['a dog', None]}
    """
    names = sorted({name for item in items for name, _ in item.content})
    return {name: [item.get(name) for item in items] for name in names}


def answerable(
    tasks: Sequence[Task], modalities: Sequence[str]
) -> tuple[tuple[Task, ...], tuple[str, ...]]:
    """The tasks for all of whose items a model has embeddings, and a line on those left out.

    Args:
        tasks: at least one.
        modalities: those of which the model gives embeddings.

    Raises:
        DataError: no task is left.
    """
    lacking = {
        name
        for task in tasks
        for name in {item.modality for item in (*task.queries, *task.candidates)}
        if same_parts(name_parts(name), modalities) is None
    }
    if not lacking:
        return tuple(tasks), ()

    def fits(task: Task) -> bool:
        return lacking.isdisjoint(item.modality for item in (*task.queries, *task.candidates))

    kept = tuple(task for task in tasks if fits(task))
    left = ", ".join(task.name for task in tasks if task not in kept)
    what = (
        f"{left}: asks for {', '.join(in_order(lacking))}, of which this model gives no embedding; "
        f"it gives {', '.join(modalities)}"
    )
    if not kept:
        raise DataError(f"no task can be evaluated: {what}")
    return kept, (f"left out of the evaluation: {what}",)


def union_pool(tasks: Iterable[Task]) -> tuple[Item, ...]:
    """The global pool: the candidates of all tasks, each id once.

    Raises:
        DataError: an id stands for different contents.
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


def one_content_an_id(tasks: Sequence[Task]) -> tuple[Task, ...]:
    """The tasks fit for a `union_pool`: ids of candidates that clash get the name of their task.

    Equal contents of one id stay one candidate, with the name of the first task that has it.
    """
    contents: dict[str, dict[Item, str]] = {}
    for task in tasks:
        for item in task.candidates:
            contents.setdefault(item.id, {}).setdefault(item, task.name)
    clashing = {name for name, found in contents.items() if len(found) > 1}

    def renamed(task: Task) -> Task:
        names = {
            item.id: f"{contents[item.id][item]}/{item.id}"
            for item in task.candidates
            if item.id in clashing
        }
        return replace(
            task,
            candidates=tuple(item.renamed(names.get(item.id, item.id)) for item in task.candidates),
            qrels={
                query: frozenset(names.get(name, name) for name in found)
                for query, found in task.qrels.items()
            },
        )

    return tuple(map(renamed, tasks)) if clashing else tuple(tasks)
