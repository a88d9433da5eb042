"""A retrieval task: queries, candidates, and which are relevant to which."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gcl_spec.errors import DataError
from gcl_spec.models.frames import seen_parts
from gcl_spec.objective import in_order, name_parts, same_parts
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.item_table import ItemTable, joined

__all__ = [
    "MIXED",
    "Item",
    "Task",
    "answerable",
    "answers",
    "columns_of",
    "known_ids",
    "modalities_of",
    "numbers_of",
    "one_content_an_id",
    "union_pool",
]

MIXED = "mixed"
"""The kind of a search whose queries, or candidates, have several modalities."""


@dataclass(frozen=True, slots=True)
class Task:
    """One search; `qrels` maps a query's id to the ids of its relevant candidates.

    Most tasks have the first four fields alone; the others say what a published benchmark does
    beyond them.
    """

    name: str
    queries: Sequence[Item]
    candidates: Sequence[Item]
    qrels: Mapping[str, frozenset[str]]
    notes: tuple[str, ...] = field(default=(), compare=False)
    """Notes for the user on what the task's files hold that is not used."""
    metrics: tuple[str, ...] = ()
    """The metrics of its benchmark's tables, such as "hit@5"."""
    grades: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By query, the grades of all judged candidates, where not every one is 1."""
    elsewhere: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By query, relevant candidates that its own pool lacks; the global one may have them."""
    unjudged: frozenset[str] = frozenset()
    """Queries without a relevant candidate, which count as failed and stay in the mean."""
    left_out: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By query, candidates that it never finds, also where they are relevant."""
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By query, the only candidates that it is compared with, of which one may stand twice."""
    frame_scores: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """By the path of a candidate's video, a number for each of its frames that is encoded: by their
    softmax the frames are weighted (`gcl_spec.tasks.peers.covr.pooled`)."""
    union: Sequence[Item] | None = field(default=None, compare=False)
    """The global pool, where it is more than the candidates of all tasks."""

    def __post_init__(self) -> None:
        """Raise a `DataError` for double ids, and for qrels that fit no query or candidate."""
        for side, items in (("queries", self.queries), ("candidates", self.candidates)):
            if not len(items) or not _distinct(items):
                raise DataError(f"task {self.name}: its {side} are none, or share an id")
        if self.qrels.keys() != {item.id for item in self.queries}:
            raise DataError(f"task {self.name}: qrels must have each query once, and no others")
        known = known_ids(self.candidates)
        for query, ids in self.qrels.items():
            nothing = not ids and not self.elsewhere.get(query) and query not in self.unjudged
            if nothing or not all(map(known, ids)):
                raise DataError(
                    f"task {self.name}: query {query!r} needs relevant candidates, all of them "
                    "among the task's"
                )

    @property
    def kind(self) -> str:
        """The kind of search, such as "text->image"; `MIXED` where a side has several ones."""
        asked, sought = modalities_of(self.queries), modalities_of(self.candidates)
        if len(asked) > 1 or len(sought) > 1:
            return MIXED
        return f"{next(iter(asked))}->{next(iter(sought))}"


def modalities_of(items: Sequence[Item]) -> set[str]:
    """The modalities that items have, such as "image+text"."""
    if isinstance(items, ItemTable):
        return items.modalities()
    return {item.modality for item in items}


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

    A model of images sees the frames of a video.

    Args:
        tasks: at least one.
        modalities: those of which the model gives embeddings.

    Raises:
        DataError: no task is left.
    """
    kinds = [modalities_of(task.queries) | modalities_of(task.candidates) for task in tasks]
    lacking = {
        name
        for name in set().union(*kinds)
        if same_parts(seen_parts(name_parts(name), modalities), modalities) is None
    }
    if not lacking:
        return tuple(tasks), ()
    kept = tuple(task for task, kind in zip(tasks, kinds, strict=True) if not kind & lacking)
    left = ", ".join(task.name for task, kind in zip(tasks, kinds, strict=True) if kind & lacking)
    what = (
        f"{left}: asks for {', '.join(in_order(lacking))}, of which this model gives no embedding; "
        f"it gives {', '.join(modalities)}"
    )
    if not kept:
        raise DataError(f"no task can be evaluated: {what}")
    return kept, (f"left out of the evaluation: {what}",)


def answers(task: Task) -> Iterator[tuple[Item, Item]]:
    """Each query with each relevant candidate of its own pool, in the order of their ids."""
    by_id = {item.id: item for item in task.candidates}
    for query in task.queries:
        for name in sorted(task.qrels[query.id]):
            yield query, by_id[name]


def known_ids(items: Sequence[Item]) -> Callable[[str], bool]:
    """A function that says whether an id is that of one of the items."""
    if isinstance(items, ItemTable):
        return lambda id: items.find(id) is not None
    return {item.id for item in items}.__contains__


def numbers_of(items: Sequence[Item], ids: Collection[str]) -> dict[str, int]:
    """The number among the items of each id that one of them has."""
    if isinstance(items, ItemTable):  # it may have millions: only these few are looked up
        pairs = ((id, items.find(id)) for id in ids)
        return {id: number for id, number in pairs if number is not None}
    return {item.id: number for number, item in enumerate(items) if item.id in ids}


def _distinct(items: Sequence[Item]) -> bool:
    if isinstance(items, ItemTable):
        return items.without_twins()[1] == 0
    return len({item.id for item in items}) == len(items)


def union_pool(tasks: Sequence[Task]) -> Sequence[Item]:
    """The global pool: the candidates of all tasks, each id once, or the pool that a task names.

    Raises:
        DataError: an id stands for different contents.
    """
    for task in tasks:
        if task.union is not None:
            return task.union
    tables = [task.candidates for task in tasks if isinstance(task.candidates, ItemTable)]
    whole = joined(tables) if len(tables) == len(tasks) else None
    if whole is not None:
        return whole.without_twins()[0]
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
    stores = {id(getattr(task.candidates, "store", task)) for task in tasks}
    if len(stores) == 1 or any(task.union is not None for task in tasks):
        return tuple(tasks)  # their reader has made sure that no ids clash
    contents: dict[str, dict[Item, str]] = {}
    for task in tasks:
        for item in task.candidates:
            contents.setdefault(item.id, {}).setdefault(item, task.name)
    clashing = {name for name, versions in contents.items() if len(versions) > 1}

    def renamed(task: Task) -> Task:
        names = {
            item.id: f"{contents[item.id][item]}/{item.id}"
            for item in task.candidates
            if item.id in clashing
        }
        return _renamed(task, names) if names else task

    return tuple(map(renamed, tasks))


def _renamed(task: Task, names: Mapping[str, str]) -> Task:
    """A task whose candidates have other ids, by their old ones."""

    def new(ids: Iterable[str]) -> list[str]:
        return [names.get(name, name) for name in ids]

    def sets(by_query: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        return {query: frozenset(new(some)) for query, some in by_query.items()}

    return replace(
        task,
        candidates=tuple(item.renamed(names.get(item.id, item.id)) for item in task.candidates),
        qrels=sets(task.qrels),
        elsewhere=sets(task.elsewhere),
        left_out=sets(task.left_out),
        choices={query: tuple(new(some)) for query, some in task.choices.items()},
        grades={
            query: dict(zip(new(some), some.values(), strict=True))
            for query, some in task.grades.items()
        },
    )
