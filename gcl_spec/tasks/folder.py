"""Tasks as folders with queries.jsonl, candidates.jsonl and qrels.tsv, as the starter set has them.

A line of the JSONL files is {"id", "image"?: path under the root, "text"?}; a line of qrels.tsv is
a query's id, a tab, and the id of one relevant candidate.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from gcl_spec.data.formats.jsonl import read_jsonl, read_text
from gcl_spec.data.names import IMAGE, Field, Names, listed, shown
from gcl_spec.data.root import Root
from gcl_spec.data.sample import as_id
from gcl_spec.errors import DataError
from gcl_spec.tasks.task import Item, Task

__all__ = ["has_tasks", "read_task", "read_tasks"]


def has_tasks(root: Root, folder: str) -> bool:
    """Is there a task in `folder`, or are there sub-folders that should hold some?"""
    return root.exists(_join(folder, "queries.jsonl")) or bool(root.folders(folder))


def read_tasks(root: Root, folder: str = "") -> tuple[Task, ...]:
    """The task in `folder`, or those in its sub-folders.

    Raises:
        DataError: there is no task, or one is malformed.
    """
    if root.exists(_join(folder, "queries.jsonl")):
        task = read_task(root, folder)
        return (replace(task, notes=(*task.notes, *_inner_tasks(root, folder))),)
    names = [
        name for name in root.folders(folder) if root.exists(_join(folder, f"{name}/queries.jsonl"))
    ]
    if not names:
        place = f"{root.name}{'/' if folder else ''}{folder}"
        raise DataError(
            f"{place}: no queries.jsonl here or one folder below; a task is a folder with "
            "queries.jsonl, candidates.jsonl and qrels.tsv"
        )
    for name in root.folders(folder):
        for file in ("candidates.jsonl", "qrels.tsv"):
            path = _join(folder, f"{name}/{file}")
            if name not in names and root.exists(path):
                raise DataError(f"{root.name}: {path} is there, but no queries.jsonl beside it")
    return tuple(read_task(root, _join(folder, name)) for name in names)


def _inner_tasks(root: Root, folder: str) -> Iterator[str]:
    """A note where there are tasks in folders below a task, because these are not read."""
    inner = [_join(folder, name) for name in root.folders(folder)]
    inner += [f"{name}/{task}" for name in inner for task in root.folders(name)]
    found = [name for name in inner if root.exists(f"{name}/queries.jsonl")]
    if found:
        yield (
            f"{root.name}: there is a task in {folder or 'it'}, and those below are not read: "
            f"{listed(map(shown, found))}"
        )


def read_task(root: Root, folder: str) -> Task:
    """The task in a folder; a `DataError` names file, line and way out of what is malformed."""
    queries, notes = _read_items(root, _join(folder, "queries.jsonl"))
    candidates, more = _read_items(root, _join(folder, "candidates.jsonl"))
    path = _join(folder, "qrels.tsv")
    qrels: dict[str, set[str]] = {query: set() for query in queries}
    for number, line in enumerate(read_text(root, path).split("\n"), 1):
        if not line.strip():
            continue
        place = f"{root.name}: {path}:{number}"
        parts = line.rstrip("\r").split("\t")
        if len(parts) != 2:
            trec = len(parts) in (3, 4) or len(line.split()) == _TREC
            hint = "; leave the columns of TREC and BEIR out, and lines of score 0"
            raise DataError(
                f"{place}: wanted a query id, a tab, a candidate id; got {line!r:.200}"
                + (hint if trec else "")
            )
        for part, known, file in zip(parts, (queries, candidates), _FILES, strict=True):
            if part not in known:
                raise DataError(f"{place}: id {part!r} is not in {file}")
        qrels[parts[0]].add(parts[1])
    lonely = [query for query, found in qrels.items() if not found]
    if lonely:
        raise DataError(
            f"{root.name}: {path}: no relevant candidate for {len(lonely)} queries, such as "
            f"{lonely[0]!r}; add them or remove the queries"
        )
    name = folder.rpartition("/")[2] or Path(root.name).resolve().name.removesuffix(".zip")
    relevant = {query: frozenset(found) for query, found in qrels.items()}
    notes = (*notes, *more)
    return Task(name, tuple(queries.values()), tuple(candidates.values()), relevant, notes)


_FILES = ("queries.jsonl", "candidates.jsonl")
_TREC = 4  # columns, with blanks between them
_INSTRUCTIONS = ("modification", "instruction", "query", "question", "prompt")
# A name that is meant for one of these would change what is searched for, so it is an error.
_FIELDS = (
    Field("id"),
    Field("image", like=IMAGE.same),
    Field("text", like=("caption", "captions", "texts", "txt", *_INSTRUCTIONS)),
)


def _read_items(root: Root, path: str) -> tuple[dict[str, Item], tuple[str, ...]]:
    """The items by id, and notes on their lines for the user."""
    items: dict[str, Item] = {}
    names = Names(_FIELDS, "lines", {field.name: field.name for field in _FIELDS})
    for place, line in read_jsonl(root, path):
        record = names.take(line)
        record["id"] = as_id(record.get("id"))
        for key in ("id", "image", "text"):
            value = record.get(key)
            if value is not None and (not isinstance(value, str) or not value):
                raise DataError(f"{place}: {key!r} must be a text that is not empty")
        item = Item(record.get("id") or "", record.get("image"), record.get("text"))
        if not item.id or "\t" in item.id:
            there = "" if item.id else f"; there are {listed(map(shown, line))}"
            raise DataError(f"{place}: 'id' must be a text without tabs{there}")
        if item.image is None and item.text is None:
            there = listed(map(shown, line))
            raise DataError(f"{place}: {item.id!r} has neither image nor text; there are {there}")
        if item.id in items:
            raise DataError(f"{place}: id {item.id!r} stands on an earlier line too")
        items[item.id] = item
    if not items:
        raise DataError(f"{root.name}: {path} is empty")
    for problem in names.lost(f"{root.name}: {path}"):
        raise DataError(f"{problem} rename it, or remove it")
    return items, tuple(names.notes(f"{root.name}: {path}"))


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
