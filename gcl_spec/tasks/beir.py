"""Reads BEIR (arXiv 2104.08663): corpus.jsonl, queries.jsonl and qrels/<split>.tsv.

A document is {_id, title, text}, which is searched as title, blank, text; a query is {_id, text}.
The judgements have the columns query-id, corpus-id and score, under a header line. Only queries
with judgements are asked, since queries.jsonl holds those of all splits.
"""

from collections.abc import Sequence
from dataclasses import replace

from gcl_spec.data.formats.jsonl import read_jsonl
from gcl_spec.data.root import Root
from gcl_spec.errors import DataError
from gcl_spec.tasks.fields import check_names, id_of, text_of
from gcl_spec.tasks.folder import name_of
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.item_table import ItemStore, ItemTable
from gcl_spec.tasks.judged_task import Sides, judged_task
from gcl_spec.tasks.task import Task

__all__ = ["SETS", "read"]

SETS: tuple[str, ...] = ()
"""Any folder in this layout is a set."""

_TEXTS = ("body", "content", "contents", "passage", "txt", "caption")
_NAMES = {"_id": (), "title": (), "text": _TEXTS, "metadata": ()}


def read(
    root: Root, names: Sequence[str] = (), *, split: str = "test", strict: bool = True
) -> tuple[Task, ...]:
    """The tasks of data sets; a document with the query's own id never counts as found.

    The last is BEIR's rule, by which ArguAna's and Quora's queries do not find themselves
    (https://github.com/beir-cellar/beir, EvaluateRetrieval.evaluate).

    Args:
        root: the folder of a data set, or one that holds folders of data sets.
        names: these folders; by default all that hold a corpus.
        split: the name of the file of judgements.
        strict: refuse relevant documents that are not in the corpus, of which ArguAna has some;
            else they count as never found.

    Raises:
        DataError: a file is missing or malformed.
    """
    if not names:
        names = [name for name in ("", *root.folders("")) if _is_set(root, name)]
        names = names[:1] if "" in names else names
    if not names:
        for packed in ("corpus.jsonl.gz", "queries.jsonl.gz"):
            if root.exists(packed):
                raise DataError(
                    f"{root.name}: {packed} is compressed; decompress it, as with gunzip"
                )
        raise DataError(
            f"{root.name}: no BEIR here, since there is no corpus.jsonl; name the folder that "
            "holds it, or the folder above"
        )
    return tuple(_task(root, name, split, strict) for name in names)


def _is_set(root: Root, name: str) -> bool:
    return root.exists(_join(name, "corpus.jsonl"))


def _join(folder: str, file: str) -> str:
    return f"{folder}/{file}" if folder else file


def _task(root: Root, folder: str, split: str, strict: bool) -> Task:
    path = _join(folder, f"qrels/{split}.tsv")
    if not root.exists(path):
        raise DataError(f"{root.name}: no judgements, {path}; fetch them, or choose another split")
    pool = _corpus(root, _join(folder, "corpus.jsonl"))
    queries: dict[str, Item] = {}
    for place, record in read_jsonl(root, _join(folder, "queries.jsonl")):
        check_names(place, record, {**_NAMES, "text": (*_TEXTS, "query", "question")})
        item = Item(id_of(place, record, "_id"), text=text_of(place, record, "text"))
        if item.text is None:
            raise DataError(f"{place}: query {item.id!r} has no text; remove it")
        if queries.setdefault(item.id, item) != item:
            raise DataError(f"{place}: query {item.id!r} stands on an earlier line with other text")
    name = name_of(root, folder)
    task = judged_task(root, name, path, Sides(queries, pool), every=False, strict=strict)
    own = {q.id: frozenset({q.id}) for q in task.queries if pool.find(q.id) is not None}
    note = f"{name}: {len(own)} queries are documents too, which do not find themselves"
    return replace(task, left_out=own, notes=(*task.notes, *([note] if own else [])))


def _corpus(root: Root, path: str) -> ItemTable:
    store = ItemStore()
    for place, record in read_jsonl(root, path):
        check_names(place, record, _NAMES)
        parts = (text_of(place, record, key) for key in ("title", "text"))
        text = " ".join(part for part in parts if part).strip()
        id = id_of(place, record, "_id")
        if not text:
            raise DataError(f"{place}: document {id!r} has neither title nor text; remove it")
        store.add(id, place, text=text)
    if not len(store):
        raise DataError(f"{root.name}: {path} is empty")
    return store.since(0).without_twins()[0]
