"""Tasks as folders with queries.jsonl, candidates.jsonl and qrels.tsv, as the starter set has them.

A line of the JSONL files is {"id", "image"?: path under the root, "text"?, "video"?: path}; a line
of qrels.tsv is a query's id, a tab, and the id of one relevant candidate. A third column may grade
it, four columns as TREC has them are read too, and the first line may name the columns
(`judgements`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from gcl_spec.data.formats.jsonl import read_jsonl
from gcl_spec.data.names import IMAGE, Field, Names, listed, shown
from gcl_spec.data.root import Root
from gcl_spec.data.sample import as_id
from gcl_spec.errors import DataError
from gcl_spec.tasks.judgements import grades_of, read_judgements, relevant
from gcl_spec.tasks.task import Item, Task

__all__ = ["SETS", "folder_of_tasks", "has_tasks", "name_of", "read", "read_task", "read_tasks"]

SETS: tuple[str, ...] = ()
"""Any folder in this layout is a set."""


def has_tasks(root: Root, folder: str) -> bool:
    """Is there a task in `folder`, or are there sub-folders that should hold some?"""
    return root.exists(_join(folder, "queries.jsonl")) or bool(root.folders(folder))


def folder_of_tasks(root: Root) -> str | None:
    """The folder in which the tasks of data lie: tasks/ of training data, or "" for the data.

    It is None where there are no tasks.
    """
    if root.exists("queries.jsonl"):
        return ""
    if has_tasks(root, "tasks"):
        return "tasks"
    inner = any(root.exists(f"{name}/queries.jsonl") for name in root.folders(""))
    return "" if inner else None


def read(root: Root, names: Sequence[str] = ()) -> tuple[Task, ...]:
    """The tasks in folders; by default, those of `read_tasks`."""
    return tuple(read_task(root, name) for name in names) if names else read_tasks(root)


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
    tasks = [name for name in inner if root.exists(f"{name}/queries.jsonl")]
    if tasks:
        yield (
            f"{root.name}: there is a task in {folder or 'it'}, and those below are not read: "
            f"{listed(map(shown, tasks))}"
        )


def read_task(root: Root, folder: str) -> Task:
    """The task in a folder; a `DataError` names file, line and way out of what is malformed."""
    queries, notes = _read_items(root, _join(folder, "queries.jsonl"))
    candidates, more = _read_items(root, _join(folder, "candidates.jsonl"))
    qrels, grades = _judgements(root, _join(folder, "qrels.tsv"), queries, candidates)
    name = name_of(root, folder)
    every = tuple(queries.values()), tuple(candidates.values())
    return Task(name, *every, qrels, (*notes, *more), grades=grades)


def name_of(root: Root, folder: str) -> str:
    """The name of a task in a folder: that of the folder, or of the archive."""
    return folder.rpartition("/")[2] or Path(root.name).resolve().name.removesuffix(".zip")


def _judgements(
    root: Root, path: str, queries: dict[str, Item], candidates: dict[str, Item]
) -> tuple[dict[str, frozenset[str]], dict[str, dict[str, float]]]:
    """The relevant candidates of each query, and all grades of queries that have others than 1."""
    lines = []
    for line in read_judgements(root, path, (2, 3, 4), queries.__contains__):
        given = (line.query, line.candidate)
        for part, known, file in zip(given, (queries, candidates), _FILES, strict=True):
            if part not in known:
                raise DataError(f"{line.place}: id {part!r} is not in {file}{_like(part, known)}")
        lines.append(line)
    grades = grades_of(lines)
    qrels = {query: relevant(grades.get(query, {})) for query in queries}
    lonely = [query for query, ids in qrels.items() if not ids]
    if lonely:
        raise DataError(
            f"{root.name}: {path}: no relevant candidate for {len(lonely)} queries, such as "
            f"{lonely[0]!r}; add them or remove the queries"
        )
    return qrels, {
        query: of_query for query, of_query in grades.items() if {*of_query.values()} != {1.0}
    }


def _like(part: str, known: dict[str, Item]) -> str:
    """A hint at the id that a table may have written as a fraction, or with blanks around it."""
    whole = part.strip().removesuffix(".0")
    return f"; {whole!r} is: write it so" if whole in known else ""


_FILES = ("queries.jsonl", "candidates.jsonl")
_INSTRUCTIONS = ("modification", "instruction", "query", "question", "prompt")
# A name that is meant for one of these would change what is searched for, so it is an error.
_FIELDS = (
    Field("id"),
    Field("image", like=IMAGE.same),
    Field("video", like=("videos", "video_path", "clip", "mp4")),
    Field("text", like=("caption", "captions", "texts", "txt", *_INSTRUCTIONS)),
)


def _read_items(root: Root, path: str) -> tuple[dict[str, Item], tuple[str, ...]]:
    """The items by id, and notes on their lines for the user."""
    items: dict[str, Item] = {}
    names = Names(_FIELDS, "lines", {field.name: field.name for field in _FIELDS})
    for place, line in read_jsonl(root, path):
        record = names.take(line)
        record["id"] = as_id(record.get("id"))
        for key in ("id", "image", "text", "video"):
            value = record.get(key)
            if value is not None and (not isinstance(value, str) or not value):
                raise DataError(f"{place}: {key!r} must be a text that is not empty")
        parts = {name: record.get(name) for name in ("image", "text", "video")}
        item = Item(record.get("id") or "", **parts)
        if not item.id or "\t" in item.id:
            there = "" if item.id else f"; there are {listed(map(shown, line))}"
            raise DataError(f"{place}: 'id' must be a text without tabs{there}")
        if not item.content:
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
